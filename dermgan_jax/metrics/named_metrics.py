"""The metrics that `--metrics` and `eval.metrics` name.

A metric compares two sets of images, or of features that an extractor makes of them. Feature
metrics never see mirrored images. Several may share an extractor; its work is then done once.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from dermgan_jax.features import inception_extractor, lite0_extractor, lpips_net
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.files import Path
from dermgan_jax.metrics import (
    density_coverage,
    diversity,
    frechet,
    inception_score,
    kid,
    lpips,
    precision_recall,
    psnr,
    ssim,
    swd,
)
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.paired import Summary

Values = tuple[MetricValue, ...]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A registered metric.

    Attributes:
      publishes: names of the values.
      compute: (real, fake, *, seed, mirror, weights) -> values, of images uint8 (N, H, W, C) or of
        features (N, D). `weights` is the folder that pretrained weights are looked for in first.
      load_extractor: folder of weights -> extractor, or None where images are compared.
      layer: which of the extractor's outputs.
      names: the arithmetic's name of a value -> its published name, where they differ.
      yardstick: whether real against real says what can be reached.
      paired: whether image i of one side is compared with image i of the other.
      weights: names of published weights, any one of which it needs; none if it needs none.
    """

    publishes: tuple[str, ...]
    compute: Callable[..., Values]
    load_extractor: Callable[[Path | None], Extractor] | None = None
    layer: str = ""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    yardstick: bool = True
    paired: bool = False
    weights: tuple[str, ...] = ()


def _swd(real, fake, *, seed, mirror, weights) -> Values:
    del weights
    return (swd.compute(real, fake, seed=seed, mirror=mirror),)


def _diversity(real, fake, *, seed, mirror, weights) -> Values:
    del weights
    return (diversity.compute(real, fake, seed=seed, mirror=mirror),)


def of_features(arithmetic: Callable[..., Values]) -> Callable[..., Values]:
    """`Metric.compute` of an arithmetic on features (real, fake, *, seed)."""

    def compute(real, fake, *, seed, mirror, weights) -> Values:
        del mirror, weights
        return arithmetic(real, fake, seed=seed)

    return compute


def _of_pairs(name: str, protocol: str, measure: Callable[..., Summary], better: str):
    def compute(real, fake, *, seed, mirror, weights) -> Values:
        del seed, mirror, weights
        return (of_summary(name, protocol, measure(real, fake), better),)

    return compute


def _lpips(real, fake, *, seed, mirror, weights) -> Values:
    del seed, mirror
    summary = lpips.paired(real, fake, "alex", lpips_net.load("alex", weights))
    return (of_summary("lpips", lpips.protocol("alex"), summary, "lower"),)


def _lpips_diversity(real, fake, *, seed, mirror, weights) -> Values:
    """Of the fake images; that of the real ones stands beside it."""
    del mirror
    params = lpips_net.load("alex", weights)
    of_fake, of_real = (
        lpips.diversity(images, "alex", params, seed=seed) for images in (fake, real)
    )
    value = of_summary("lpips_diversity", f"{lpips.protocol('alex')}:pairs", of_fake, "higher")
    return (dataclasses.replace(value, n=len(fake), details={"of real images": of_real.mean}),)


def of_summary(name: str, protocol: str, summary: Summary, better: str) -> MetricValue:
    """A metric's value from those of many pairs or images."""
    infinite = {"infinite pairs": summary.num_infinite} if summary.num_infinite else {}
    return MetricValue(
        name=name,
        value=summary.mean,
        protocol=protocol,
        n=len(summary.values),
        details=infinite,
        better=better,
        std=summary.std,
        interval=summary.interval,
    )


@functools.cache
def _inception(protocol: str, logits: bool, folder: Path | None) -> Extractor:
    return inception_extractor.load(protocol, folder, logits=logits)


@functools.cache
def _lite0(folder: Path | None) -> Extractor:
    return lite0_extractor.load(folder)


def _on_inception(publishes: tuple[str, ...], arithmetic: Callable, protocol: str) -> Metric:
    load = functools.partial(_inception, protocol, False)
    names = {"frechet": publishes[0], "kid": publishes[0]}
    needed = ("inception", "inception_logits")
    return Metric(publishes, of_features(arithmetic), load, "pool3", names, weights=needed)


SWD = Metric(("swd",), _swd)
DIVERSITY = Metric(("diversity",), _diversity, yardstick=False)
FID = _on_inception(("fid",), frechet.compute, "fid")
FID_TF = _on_inception(("fid:tf",), frechet.compute, "fid:tf")
FID_CLEAN = _on_inception(("fid:clean",), frechet.compute, "fid:clean")
KID = _on_inception(("kid",), kid.compute, "fid")
KID_TF = _on_inception(("kid:tf",), kid.compute, "fid:tf")
KID_CLEAN = _on_inception(("kid:clean",), kid.compute, "fid:clean")
PRECISION_RECALL = _on_inception(("precision", "recall"), precision_recall.compute, "fid")
DENSITY_COVERAGE = _on_inception(("density", "coverage"), density_coverage.compute, "fid")
INCEPTION_SCORE = Metric(
    ("inception_score",),
    of_features(inception_score.compute),
    functools.partial(_inception, "fid:tf", True),
    "logits",
    yardstick=False,
    weights=("inception_logits",),
)


def _on_lite0(name: str, arithmetic: Callable, arithmetic_name: str) -> Metric:
    names = {arithmetic_name: name}
    compute = of_features(arithmetic)
    return Metric((name,), compute, _lite0, "pooled", names, weights=(lite0_extractor.NAME,))


FD_LITE0 = _on_lite0("fd_lite0", frechet.compute, "frechet")
KD_LITE0 = _on_lite0("kd_lite0", kid.compute, "kid")
LPIPS = Metric(("lpips",), _lpips, yardstick=False, paired=True, weights=("lpips_alex",))
LPIPS_DIVERSITY = Metric(
    ("lpips_diversity",), _lpips_diversity, yardstick=False, weights=("lpips_alex",)
)
SSIM = Metric(
    ("ssim",),
    _of_pairs("ssim", ssim.PROTOCOL, ssim.paired, "higher"),
    yardstick=False,
    paired=True,
)
PSNR = Metric(
    ("psnr",),
    _of_pairs("psnr", psnr.PROTOCOL, psnr.paired, "higher"),
    yardstick=False,
    paired=True,
)

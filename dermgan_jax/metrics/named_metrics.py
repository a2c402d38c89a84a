"""The metrics that `--metrics` and `eval.metrics` name.

A metric compares two sets of images, or of features that an extractor makes of them. Feature
metrics never see mirrored images. Several may share an extractor; its work is then done once.

Any distance may be taken in any feature space of the house: "fd:SPACE", "kd:SPACE" and so on, whose
values are named "fd:SPACE", "precision:SPACE". FID, KID and CMMD are names of one network each.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from dermgan_jax import registry
from dermgan_jax.features import feature_spaces, inception_extractor, lpips_net
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.files import Path
from dermgan_jax.metrics import (
    density_coverage,
    diversity,
    frechet,
    frechet_infinity,
    inception_score,
    kid,
    lpips,
    memorisation_informed,
    prdc,
    precision_recall,
    psnr,
    rarity,
    ssim,
    swd,
    unit_length_mmd,
    vendi,
)
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.paired import Summary
from dermgan_jax.metrics.yardstick import LEAST

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
      least: real images that real against real needs, where it is taken in features.
      of_moments: it needs mean and covariance of the real images' features only.
    """

    publishes: tuple[str, ...]
    compute: Callable[..., Values]
    load_extractor: Callable[[Path | None], Extractor] | None = None
    layer: str = ""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    yardstick: bool = True
    paired: bool = False
    weights: tuple[str, ...] = ()
    least: int = LEAST
    of_moments: bool = False


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
    if protocol == "fid" and not logits:
        return feature_spaces.extractor("inception", folder)  # shared with distances in that space
    return inception_extractor.load(protocol, folder, logits=logits)


def _on_inception(
    publishes: tuple[str, ...],
    arithmetic: Callable,
    protocol: str,
    least: int = LEAST,
) -> Metric:
    load = functools.partial(_inception, protocol, False)
    names = dict.fromkeys(("frechet", "kid", "fd_inf"), publishes[0])
    needed = ("inception", "inception_logits")
    return Metric(
        publishes,
        of_features(arithmetic),
        load,
        "pool3",
        names,
        weights=needed,
        least=least,
        of_moments=arithmetic is frechet.compute,
    )


def _in_space(
    arithmetic: Callable[..., Values],
    values: tuple[str, ...],
    space: str,
    published: Mapping[str, str] | None = None,
    *,
    floor: bool = True,
    least: int = LEAST,
) -> Metric:
    """A metric of features, in any feature space.

    Args:
      arithmetic: (real, fake, *, seed) -> values.
      values: the arithmetic's names of them.
      space: a registered feature space, "workdir:RUN" or the like; of a path only the last part
        stands in the values' names, their protocol tells the run.
      published: its name of a value -> ours; without it that with ":SPACE" behind, "frechet" and
        "kid" being called "fd" and "kd".
      floor: `Metric.yardstick`.
      least: as of `Metric`.
    """
    registered = registry.load("feature space", space)
    short = ":".join(part.rstrip("/").rpartition("/")[2] for part in space.split(":"))
    calls = {"frechet": "fd", "kid": "kd", "mifid": "mifd"}
    names = published or {value: f"{calls.get(value, value)}:{short}" for value in values}
    return Metric(
        tuple(names[value] for value in values),
        of_features(arithmetic),
        functools.partial(feature_spaces.extractor, space),
        registered.layer,
        names,
        floor,
        weights=registered.weights,
        least=least,
        of_moments=arithmetic is frechet.compute,
    )


FD = functools.partial(_in_space, frechet.compute, ("frechet",))
KD = functools.partial(_in_space, kid.compute, ("kid",))
PR = functools.partial(_in_space, precision_recall.compute, ("precision", "recall"))
PRDC = functools.partial(_in_space, prdc.compute, ("precision", "recall", "density", "coverage"))
MMD = functools.partial(_in_space, unit_length_mmd.compute, ("mmd",))
VENDI = functools.partial(_in_space, vendi.compute, ("vendi",), floor=False)
RARITY = functools.partial(_in_space, rarity.compute, ("rarity",))
MIFD = functools.partial(_in_space, memorisation_informed.compute, ("mifid",))
FD_INF = functools.partial(
    _in_space, frechet_infinity.compute, ("fd_inf",), least=2 * frechet_infinity.LEAST
)

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


MIFID = _on_inception(("mifid",), memorisation_informed.compute, "fid")
FID_INF = _on_inception(("fid_inf",), frechet_infinity.compute, "fid", 2 * frechet_infinity.LEAST)
CMMD = _in_space(unit_length_mmd.compute, ("mmd",), "clip_l14_336", {"mmd": "cmmd"})
FD_LITE0 = _in_space(frechet.compute, ("frechet",), "lite0", {"frechet": "fd_lite0"})
KD_LITE0 = _in_space(kid.compute, ("kid",), "lite0", {"kid": "kd_lite0"})
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

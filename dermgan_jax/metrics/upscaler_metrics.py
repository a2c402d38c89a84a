"""The metrics of enlarged images that `eval.metrics` names: each gives one value per image.

Enlarged images are compared in 8 bits, as they are stored. Intervals are over groups.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from dermgan_jax.data.image_sets import CHUNK, ImageSet
from dermgan_jax.features import lpips_net
from dermgan_jax.metrics import consistency as consistency_
from dermgan_jax.metrics import lpips as lpips_
from dermgan_jax.metrics import luma, mask_overlap
from dermgan_jax.metrics import psnr as psnr_
from dermgan_jax.metrics import ssim as ssim_
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.paired import check_pairs
from dermgan_jax.statistics import group_mean


@dataclasses.dataclass(frozen=True)
class Enlarged:
    """Images that were enlarged, and what they should have become.

    Attributes:
      true: uint8 (N, H, W, C).
      small: float32 (N, H / scale, W / scale, C) in [-1, 1], what was enlarged.
      large: uint8 (N, H, W, C), what became of it.
    """

    true: ImageSet
    small: np.ndarray
    large: np.ndarray

    @property
    def scale(self) -> int:
        """How many times as long the sides became."""
        return self.true.shape[1] // self.small.shape[1]


@dataclasses.dataclass(frozen=True)
class UpscalerMetric:
    """A registered metric.

    Attributes:
      name: as published.
      better: the direction of better values.
      values: of each image, float64 (N,).
      protocol: scale -> what values are comparable by.
      least: scale -> the shortest side of large images that it takes, in pixels.
      weights: names of published weights that it needs.
    """

    name: str
    better: str
    values: Callable[[Enlarged], np.ndarray]
    protocol: Callable[[int], str]
    least: Callable[[int], int] = lambda scale: 1
    weights: tuple[str, ...] = ()

    def measure(self, enlarged: Enlarged, groups: Sequence[str]) -> MetricValue:
        """The mean over images, its interval over groups.

        Raises:
          UserError: if the images cannot be compared.
        """
        return self.of_values(self.values(enlarged), enlarged.scale, groups)

    def of_values(self, values: np.ndarray, scale: int, groups: Sequence[str]) -> MetricValue:
        """The same of values (N,) that were computed before."""
        finite = values[np.isfinite(values)]
        infinite = len(values) - len(finite)
        return MetricValue(
            name=self.name,
            value=float(finite.mean()) if len(finite) else float("inf"),
            protocol=self.protocol(scale),
            n=len(values),
            details={"infinite pairs": infinite} if infinite else {},
            better=self.better,
            std=float(finite.std(ddof=1)) if len(finite) > 1 else None,
            interval=group_mean.interval(values, groups),
        )


@functools.cache
def _lpips_params() -> lpips_net.Params:
    return lpips_net.load("alex")


def _lpips(enlarged: Enlarged) -> np.ndarray:
    return lpips_.paired(enlarged.true, enlarged.large, "alex", _lpips_params()).values


def _psnr_y(enlarged: Enlarged) -> np.ndarray:
    return luma.paired_psnr(enlarged.true, enlarged.large, enlarged.scale).values


def _ssim_y(enlarged: Enlarged) -> np.ndarray:
    return luma.paired_ssim(enlarged.true, enlarged.large, enlarged.scale).values


def _consistency(enlarged: Enlarged) -> np.ndarray:
    return consistency_.paired(enlarged.large, enlarged.small).values


def _mask_agreement(enlarged: Enlarged) -> np.ndarray:
    """IoU of the dark parts of true and enlarged images."""
    check_pairs("mask agreement", enlarged.true, enlarged.large, smallest_side=1)
    overlaps = [
        mask_overlap.against_masks(large[None], mask_overlap.dark_part(true)[None]).mean
        for first in range(0, len(enlarged.true), CHUNK)
        for true, large in zip(
            enlarged.true[first : first + CHUNK], enlarged.large[first : first + CHUNK], strict=True
        )
    ]
    return np.array(overlaps)


PSNR_Y = UpscalerMetric(
    "psnr_y", "higher", _psnr_y, luma.psnr_protocol, lambda scale: 2 * scale + 1
)
SSIM_Y = UpscalerMetric(
    "ssim_y", "higher", _ssim_y, luma.ssim_protocol, lambda scale: 2 * scale + ssim_.WINDOW
)
PSNR = UpscalerMetric(
    "psnr",
    "higher",
    lambda enlarged: psnr_.paired(enlarged.true, enlarged.large).values,
    lambda scale: psnr_.PROTOCOL,
)
SSIM = UpscalerMetric(
    "ssim",
    "higher",
    lambda enlarged: ssim_.paired(enlarged.true, enlarged.large).values,
    lambda scale: ssim_.PROTOCOL,
    lambda scale: ssim_.WINDOW,
)
LPIPS = UpscalerMetric(
    "lpips",
    "lower",
    _lpips,
    lambda scale: lpips_.protocol("alex"),
    lambda scale: lpips_net.TRUNKS["alex"].smallest_side,
    ("lpips_alex",),
)
CONSISTENCY = UpscalerMetric("consistency", "lower", _consistency, consistency_.protocol)
MASK_AGREEMENT = UpscalerMetric(
    "mask_agreement",
    "higher",
    _mask_agreement,
    lambda scale: f"{mask_overlap.PROTOCOL}:of_true_image",
)

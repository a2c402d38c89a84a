"""What is drawn and measured of a model that enlarges images, beside bicubic enlargement."""

import dataclasses
import functools

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data import matlab_resize
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.metrics.upscaler_metrics import Enlarged, UpscalerMetric
from dermgan_jax.models import upscaling
from dermgan_jax.models.contract import Stage, Variables
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots

COLUMNS = ("small", "bicubic", "enlarged", "true", "difference")
AMPLIFIED = 4  # times, the difference on sheets


class UpscalerSnapshots(Snapshots[Upscaler]):
    """Sheets and values of validation images; of images trained on if there are none."""

    def __init__(self, model: Upscaler, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        self.known: Measurements = {}

    @classmethod
    def published(cls, model: Upscaler, data: Catalogue) -> tuple[Published, ...]:
        split = measured_split(model, data)
        return tuple(Published(name, split=split) for name in model.config.eval.metrics)

    @classmethod
    def faults(cls, model: Upscaler, data: Catalogue) -> list[str]:
        side = min(model.data.height, model.data.width)
        small = [
            f"eval.metrics names {name}, which needs images of {least} pixels; these have {side}"
            for name in model.config.eval.metrics
            if (least := _metric(name).least(model.scale)) > side
        ]
        return [*super().faults(model, data), *small]

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Positions of at most `eval.num_images` images."""
        rows = self.data.indices(measured_split(self.model, self.data))
        return rows[evenly_spaced(len(rows), self.model.config.eval.num_images)]

    @functools.cached_property
    def true(self) -> ImageSet:
        """Those images."""
        return select(self.images(), self.rows)

    @functools.cached_property
    def small(self) -> np.ndarray:
        """The same, degraded: float32 in [-1, 1]."""
        return upscaling.degrade(self.model, self.true, self.model.config.seed)

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """A row per image, of `COLUMNS`; pixels of the small one are enlarged, differences too."""
        del stage
        rows = evenly_spaced(len(self.rows), self.model.config.eval.grid[0])
        small, true = self.small[rows], self.true[rows]
        large = to_uint8(upscaling.upscale(self.model, variables, small))
        scale = self.model.scale
        columns = [
            to_uint8(small.repeat(scale, 1).repeat(scale, 2)),
            bicubic(small, scale),
            large,
            true,
            difference(large, true),
        ]
        images = np.stack(columns, axis=1)
        return grid(images.reshape(-1, *images.shape[2:]), len(rows), len(columns))

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        """The configured metrics, beside the same of bicubic enlargement."""
        del stage
        split = measured_split(self.model, self.data)
        groups = [self.data.records[row].group for row in self.rows]
        large = to_uint8(upscaling.upscale(self.model, variables, self.small))
        enlarged = Enlarged(self.true, self.small, large)
        found = []
        for name in self.model.config.eval.metrics:
            value = _metric(name).measure(enlarged, groups)
            if name in self.known:
                beside = self.known[name].identity
            else:
                plain = bicubic(self.small, self.model.scale)
                plain = dataclasses.replace(enlarged, large=plain)
                beside = _metric(name).measure(plain, groups)
            found.append(Measurement(value, split=split, identity=beside))
        self.known = by_key(*found)
        return self.known


def measured_split(model: Upscaler, data: Catalogue) -> str:
    """The validation split, or the one trained on if that is empty."""
    return VAL if len(data.indices(VAL)) else model.config.data.split


def bicubic(small: np.ndarray, scale: int) -> np.ndarray:
    """uint8 (N, H scale, W scale, C) of float32 (N, H, W, C) in [-1, 1]: the yardstick."""
    return to_uint8(np.asarray(matlab_resize.enlarge(small, scale)))


def difference(large: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Absolute difference of uint8 images, amplified: black where they agree."""
    apart = np.abs(large.astype(np.int16) - true.astype(np.int16))
    return np.minimum(apart * AMPLIFIED, 255).astype(np.uint8)


def _metric(name: str) -> UpscalerMetric:
    return registry.load("upscaler_metric", name)

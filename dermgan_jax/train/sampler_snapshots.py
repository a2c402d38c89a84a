"""What is drawn and measured of a model that makes images from noise."""

import dataclasses
import functools

import numpy as np

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, select
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.metrics.measure import Request, measure, value_names
from dermgan_jax.metrics.measurement import Measurements, Published, by_key
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler, Stage, Variables
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots

PART = 256  # images whose latents are drawn at a time


class SamplerSnapshots(Snapshots[Sampler]):
    """Sample sheets of fixed latents, and evaluation against the training split."""

    def __init__(self, model: Sampler, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        self.rows, self.columns = model.config.eval.grid
        num = self.rows * self.columns
        self.latents = sampling.draw_latents(model, model.config.seed, num)
        self.labels = np.arange(num, dtype=np.int32) % max(model.data.num_classes, 1)
        self.known: Measurements = {}

    @classmethod
    def published(cls, model: Sampler, data: Catalogue) -> tuple[Published, ...]:
        del data
        names, split = value_names(model.config.eval.metrics), model.config.data.split
        return tuple(Published(name, split=split) for name in names)

    @functools.cached_property
    def prepared(self) -> ImageSet:
        """All prepared images."""
        return self.images()

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        images = sampling.sample(self.model, variables, stage, self.latents, self.labels)
        return grid(to_uint8(images), self.rows, self.columns)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        config = self.model.config
        rows = self.data.indices(config.data.split)
        real = select(self.prepared, rows)
        fake = self._samples(variables, stage, min(config.eval.num_images, len(real)))
        labelling = None
        if len(self.data.classes) > 1:
            labelling = Labelling(self.data.classes, self.data.labels[rows])
        request = Request(tuple(config.eval.metrics), config.seed, config.data.mirror)
        # Yardsticks are the same throughout a run.
        self.known = measure(real, fake, request, labelling=labelling, known=self.known)
        split = config.data.split
        return by_key(*(dataclasses.replace(one, split=split) for one in self.known.values()))

    def _samples(self, variables: Variables, stage: Stage, num: int) -> np.ndarray:
        """Images uint8 (num, H, W, C) of latents other than the sheet's, drawn by parts."""
        seed, images = self.model.config.seed, []
        labels = sampling.draw_labels(self.model, seed, num, for_evaluation=True)
        for first in range(0, num, PART):
            part = labels[first : first + PART]
            latents = sampling.draw_latents(self.model, seed, len(part), first, for_evaluation=True)
            images.append(to_uint8(sampling.sample(self.model, variables, stage, latents, part)))
        return np.concatenate(images)

"""What is drawn and measured of a model that makes images from noise."""

import dataclasses
import functools

import numpy as np

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import PAPER, grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.data.nearest_pictures import nearest
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.metrics.measure import Request, measure, value_names
from dermgan_jax.metrics.measurement import Measurements, Published, by_key
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler, Stage, Variables
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots

NEIGHBOURS, PAIRS_ACROSS = 16, 4  # samples that are shown with the nearest real image
PART = 256  # images whose latents are drawn at a time


class SamplerSnapshots(Snapshots[Sampler]):
    """Sample sheets of fixed latents, and evaluation against the training split."""

    sheet_comment = "sheet of a training: synthetic images, made by a generative model"

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

    @property
    def learned_from(self) -> ImageSet:
        """Images of the split that is trained on."""
        return select(self.prepared, self.data.indices(self.model.config.data.split))

    def reals(self) -> np.ndarray:
        real = self.learned_from
        rows = evenly_spaced(len(real), self.rows * self.columns)
        shown = np.full((self.rows * self.columns, *real.shape[1:]), PAPER, np.uint8)
        shown[: len(rows)] = real[rows]
        return grid(shown, self.rows, self.columns)

    def neighbours(self, variables: Variables, stage: Stage) -> np.ndarray | None:
        """Pairs of a sample and, right of it, the nearest of small pictures; the first samples."""
        real, num = self.learned_from, min(NEIGHBOURS, len(self.latents))
        images = to_uint8(
            sampling.sample(self.model, variables, stage, self.latents[:num], self.labels[:num])
        )
        if images.shape[1:] != real.shape[1:]:
            return None  # before the last stage of a curriculum
        pairs = np.stack([images, real[nearest(images, real)]], axis=1)
        across = min(PAIRS_ACROSS, num)
        cells = np.full((-(-num // across) * across, *pairs.shape[1:]), PAPER, np.uint8)
        cells[:num] = pairs
        return grid(cells.reshape(-1, *images.shape[1:]), len(cells) // across, 2 * across)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        config = self.model.config
        rows = self.data.indices(config.data.split)
        real = self.learned_from
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

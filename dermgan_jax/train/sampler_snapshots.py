"""What is drawn and measured of a generator while it trains, from its averaged weights."""

import functools

import jax
import numpy as np

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid, save_image, to_uint8
from dermgan_jax.data.image_sets import select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.evaluation.evaluate import evaluate_arrays, is_yardstick
from dermgan_jax.evaluation.image_sources import Labelling
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Model, Stage, Variables
from dermgan_jax.runs.metrics_log import sample_sheet_name
from dermgan_jax.runs.workdir import WorkDir

PART = 256  # images whose latents are drawn at a time


class Snapshots:
    """Sample sheets of fixed latents, and evaluation against the training split.

    Args:
      model: the family, configured.
      data: the catalogue whose training split is the reference.
      workdir: where sheets are written, by the first process.
    """

    def __init__(self, model: Model, data: Catalogue, workdir: WorkDir):
        self.model = model
        self.data = data
        self.folder = workdir.samples
        self.rows, self.columns = model.config.eval.grid
        num = self.rows * self.columns
        self.latents = sampling.draw_latents(model, model.config.seed, num)
        self.labels = np.arange(num, dtype=np.int32) % max(model.data.num_classes, 1)
        self.yardsticks: dict[str, dict] = {}

    @functools.cached_property
    def prepared(self) -> np.ndarray:
        """All prepared images, memory-mapped uint8 (N, H, W, C)."""
        return prepare(self.data, at_full_size(self.model.config.data)).images

    def sheet(self, variables: Variables, stage: Stage, images_seen: int) -> np.ndarray:
        """Draws the fixed latents, writes the sheet as PNG, and returns it as uint8 (H, W, C)."""
        images = sampling.sample(self.model, variables, stage, self.latents, self.labels)
        sheet = grid(to_uint8(images), self.rows, self.columns)
        if jax.process_index() == 0:
            self.folder.mkdir(exist_ok=True)
            save_image(sheet, self.folder / sample_sheet_name(images_seen, str(stage)))
        return sheet

    def evaluate(self, variables: Variables, stage: Stage) -> dict[str, dict]:
        """Metric name -> value with protocol, as JSON values; every process computes the same."""
        config = self.model.config
        rows = self.data.indices(config.data.split)
        real = select(self.prepared, rows)
        labelled = len(self.data.classes) > 1
        num = min(config.eval.num_images, len(real))
        fake = self._samples(variables, stage, num)
        values = evaluate_arrays(
            real,
            fake,
            config.eval.metrics,
            seed=config.seed,
            mirror=config.data.mirror,
            labelling=Labelling(self.data.classes, self.data.labels[rows]) if labelled else None,
            yardsticks=self.yardsticks,
        )
        # They are the same throughout a run.
        self.yardsticks = {name: value for name, value in values.items() if is_yardstick(name)}
        return values

    def _samples(self, variables: Variables, stage: Stage, num: int) -> np.ndarray:
        """Images uint8 (num, H, W, C) of latents other than the sheet's, drawn by parts."""
        seed, images = self.model.config.seed + 1, []
        labels = sampling.draw_labels(self.model, seed, num)
        for first in range(0, num, PART):
            part = labels[first : first + PART]
            latents = sampling.draw_latents(self.model, seed, len(part), first)
            images.append(to_uint8(sampling.sample(self.model, variables, stage, latents, part)))
        return np.concatenate(images)

"""A trained model that makes images from noise, ready to be drawn from."""

import copy
import sys
from collections.abc import Iterator

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_sets import spool
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler, StyleSampler
from dermgan_jax.models.painter import Painter
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.made_by import MadeBy, made_by

BATCH = 256  # images in memory at a time
DEFAULT = Drawing()


class TrainedSampler:
    """A sampler as a checkpoint holds it, and how images are drawn from it.

    Args:
      workdir: a work directory with at least one checkpoint.
      drawing: which checkpoint, class, truncation, noise and seed.

    Raises:
      UserError: if there is no such checkpoint or class, it cannot be read, it is no sampler, or
        truncation or noise do not suit it.
    """

    def __init__(self, workdir: Path, drawing: Drawing = DEFAULT):
        restored = restore(workdir, drawing.checkpoint)
        for warning in restored.warnings:
            print(f"note: {warning}", file=sys.stderr)
        self._open(workdir, restored, drawing)

    def with_drawing(self, drawing: Drawing) -> "TrainedSampler":
        """The same checkpoint, drawn from in another way."""
        other = copy.copy(self)
        other._open(self._workdir, self.restored, drawing)
        return other

    def _open(self, workdir: Path, restored: Restored, drawing: Drawing) -> None:
        if isinstance(restored.model, Painter):
            raise UserError(
                f"{workdir} holds a {restored.model.config.model.name}, which paints masks: name "
                "their folder in dermgan generate --masks"
            )
        if not isinstance(restored.model, Sampler):
            raise UserError(
                f"{workdir} holds a {restored.model.config.model.name}, which makes no images from "
                "noise: use dermgan translate for one that translates, upscale for one that "
                "enlarges, detect for one that tells what is not normal, judge for a classifier"
            )
        self._workdir, self.restored = workdir, restored
        self.model: Sampler = restored.model
        self.variables, self.stage = restored.variables, restored.stage
        self.classes = restored.classes
        self.drawing = drawing
        self.made_by: MadeBy = made_by(workdir, restored, drawing)
        self._require_sensible_styles(workdir)
        self._label = None if drawing.label is None else self._label_index(drawing.label)

    def _require_sensible_styles(self, workdir: Path) -> None:
        truncation, noise = self.drawing.truncation, self.drawing.noise
        if not 0 <= truncation <= 1:
            raise UserError(
                f"--truncation is {truncation:g}; expected 0 (the average image) to 1 (none)"
            )
        if noise not in sampling.NOISES:
            raise UserError(f"--noise is {noise!r}; expected one of {', '.join(sampling.NOISES)}")
        cutoff = self.drawing.truncation_cutoff
        if cutoff is not None and (cutoff < 1 or truncation == 1):
            raise UserError(
                f"--truncation_cutoff is {cutoff}: it is the number of layers, from 1 on, that "
                "--truncation below 1 draws towards the average"
            )
        asked = truncation != DEFAULT.truncation or noise != DEFAULT.noise
        if asked and not isinstance(self.model, StyleSampler):
            raise UserError(
                f"{workdir} holds a {self.model.config.model.name}, which has no styles: leave "
                "--truncation and --noise out"
            )

    def _label_index(self, label: str) -> int:
        if not self.model.conditional:
            raise UserError("this model was trained without labels: leave --label out")
        if label not in self.classes:
            raise UserError(f"unknown class {label!r}{registry.did_you_mean(label, self.classes)}")
        return self.classes.index(label)

    def latents(self, num: int) -> np.ndarray:
        """Latents float32 (num, D) of the drawing's seed."""
        return sampling.draw_latents(self.model, self.drawing.seed, num)

    def labels(self, num: int, *, for_evaluation: bool = False) -> np.ndarray:
        """Labels int32 (num,): all of one class, or with the frequencies of the training data."""
        if self._label is not None:
            return np.full(num, self._label, np.int32)
        return sampling.draw_labels(
            self.model, self.drawing.seed, num, for_evaluation=for_evaluation
        )

    def images(self, latents: np.ndarray, labels: np.ndarray, first: int = 0) -> np.ndarray:
        """Images float32 (N, H, W, C) in about [-1, 1] of latents (N, D) and labels int32 (N,).

        Args:
          latents, labels: theirs.
          first: number of the first image, a multiple of `sampling.BATCH`, for random noise.
        """
        model, variables = self.model, self.variables
        if not isinstance(model, StyleSampler):
            return sampling.sample(model, variables, self.stage, latents, labels)
        styles = sampling.styles(
            *(model, variables, latents, labels),
            *(self.drawing.truncation, self.drawing.truncation_cutoff),
        )
        noise, seed = self.drawing.noise, self.drawing.seed
        return sampling.synthesize(model, variables, styles, noise, seed, first)

    def batches(self, latents: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
        """`images` of given latents, in order, at most BATCH at a time."""
        with progress_bar(len(latents), "sampling") as bar:
            for first in range(0, len(latents), BATCH):
                part = slice(first, first + BATCH)
                yield self.images(latents[part], labels[part], first)
                bar.update(len(latents[part]))

    def drawn(self, labels: np.ndarray, *, for_evaluation: bool = False) -> Iterator[np.ndarray]:
        """As `batches`, of the seed's own latents: those of LAPGAN are as large as its images."""
        with progress_bar(len(labels), "sampling") as bar:
            for first in range(0, len(labels), BATCH):
                part = labels[first : first + BATCH]
                latents = sampling.draw_latents(
                    *(self.model, self.drawing.seed, len(part), first),
                    for_evaluation=for_evaluation,
                )
                yield self.images(latents, part, first)
                bar.update(len(part))

    def sample(self, num: int) -> tuple[np.ndarray, np.ndarray]:
        """Images float32 (num, H, W, C) in about [-1, 1], all at once, and labels int32 (num,)."""
        labels = self.labels(num)
        return np.concatenate(list(self.drawn(labels))), labels


def sample_for_evaluation(workdir: Path, num: int, drawing: Drawing) -> tuple[np.ndarray, MadeBy]:
    """The samples that a run of this seed is measured by, uint8 (num, H, W, C), on disk."""
    sampler = TrainedSampler(workdir, drawing)
    labels = sampler.labels(num, for_evaluation=True)
    batches = sampler.drawn(labels, for_evaluation=True)
    return spool(map(to_uint8, batches)), sampler.made_by

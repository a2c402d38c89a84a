"""Samples from a work directory: PNG files or an .npz, the same for the same seed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_files import to_uint8, write_npz, write_pngs
from dermgan_jax.data.image_sets import spool
from dermgan_jax.errors import UserError
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler, StyleSampler
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs.restore import restore

BATCH = 256  # images in memory at a time


class Generator:
    """A trained generator that makes images from noise.

    Args:
      workdir: a work directory with at least one checkpoint.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.
      truncation: 0 draws the average image, 1 leaves styles as they are; StyleGAN2 only.
      noise: "const", "none" or "random"; StyleGAN2 only.

    Raises:
      UserError: if there is no such checkpoint, it cannot be read, it translates images, or
        truncation or noise do not suit it.
    """

    def __init__(
        self,
        workdir: Path,
        checkpoint: str = "latest",
        truncation: float = 1.0,
        noise: str = "const",
    ):
        restored = restore(workdir, checkpoint)
        if not isinstance(restored.model, Sampler):
            raise UserError(
                f"{workdir} holds a {restored.model.config.model.name}, which makes no images from "
                "noise: use --mode=translate for one that translates, --mode=judge for a classifier"
            )
        self.model: Sampler = restored.model
        self.variables, self.stage = restored.variables, restored.stage
        self.classes = restored.classes
        self.truncation, self.noise = truncation, noise
        self._require_sensible_styles(workdir)

    def _require_sensible_styles(self, workdir: Path) -> None:
        if not 0 <= self.truncation <= 1:
            raise UserError(
                f"--truncation is {self.truncation:g}; expected 0 (the average image) to 1 (none)"
            )
        if self.noise not in sampling.NOISES:
            raise UserError(
                f"--noise is {self.noise!r}; expected one of {', '.join(sampling.NOISES)}"
            )
        asked = self.truncation != 1 or self.noise != "const"
        if asked and not isinstance(self.model, StyleSampler):
            raise UserError(
                f"{workdir} holds a {self.model.config.model.name}, which has no styles: leave "
                "--truncation and --noise out"
            )

    def draw(self, num: int, seed: int, label: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Latents float32 (num, D) and labels int32 (num,); row i depends on (seed, i) only.

        Raises:
          UserError: if `label` is no class of the model, or the model has no classes.
        """
        return sampling.draw_latents(self.model, seed, num), self.draw_labels(num, seed, label)

    def draw_labels(self, num: int, seed: int, label: str | None = None) -> np.ndarray:
        """Labels int32 (num,): all of one class, or with the frequencies of the training data."""
        if label is None:
            return sampling.draw_labels(self.model, seed, num)
        return np.full(num, self._label_index(label), np.int32)

    def batches(
        self, latents: np.ndarray, labels: np.ndarray, seed: int = 0
    ) -> Iterator[np.ndarray]:
        """Images float32 (n, H, W, C) in about [-1, 1], in order; n is at most BATCH.

        Args:
          latents: (N, D).
          labels: int32 (N,).
          seed: of random noise.
        """
        with progress_bar(len(latents), "sampling") as bar:
            for first in range(0, len(latents), BATCH):
                part = slice(first, first + BATCH)
                yield self._images(latents[part], labels[part], seed, first)
                bar.update(len(latents[part]))

    def drawn(self, labels: np.ndarray, seed: int) -> Iterator[np.ndarray]:
        """As `batches`, of a seed's own latents: those of LAPGAN are as large as its images."""
        with progress_bar(len(labels), "sampling") as bar:
            for first in range(0, len(labels), BATCH):
                part = labels[first : first + BATCH]
                latents = sampling.draw_latents(self.model, seed, len(part), first)
                yield self._images(latents, part, seed, first)
                bar.update(len(part))

    def _images(self, latents: np.ndarray, labels: np.ndarray, seed: int, first: int) -> np.ndarray:
        model, variables = self.model, self.variables
        if not isinstance(model, StyleSampler):
            return sampling.sample(model, variables, self.stage, latents, labels)
        styles = sampling.styles(model, variables, latents, labels, self.truncation)
        return sampling.synthesize(model, variables, styles, self.noise, seed, first)

    def sample(self, num: int, seed: int, label: str | None = None) -> tuple[np.ndarray, ...]:
        """Images float32 (num, H, W, C) in about [-1, 1], all at once, and labels int32 (num,)."""
        labels = self.draw_labels(num, seed, label)
        return np.concatenate(list(self.drawn(labels, seed))), labels

    def _label_index(self, label: str) -> int:
        if not self.model.conditional:
            raise UserError("this model was trained without labels: leave --label out")
        if label not in self.classes:
            raise UserError(f"unknown class {label!r}{registry.did_you_mean(label, self.classes)}")
        return self.classes.index(label)


def sample_workdir(workdir: Path, num: int, seed: int) -> np.ndarray:
    """Samples uint8 (num, H, W, C) of a work directory's latest averaged weights, on disk."""
    generator = Generator(workdir)
    labels = generator.draw_labels(num, seed)
    return spool(to_uint8(images) for images in generator.drawn(labels, seed))


def generate(
    workdir: Path,
    out: Path,
    num: int,
    seed: int,
    label: str | None = None,
    checkpoint: str = "latest",
    latents: Path | None = None,
    truncation: float = 1.0,
    noise: str = "const",
) -> None:
    """Writes samples to a folder of PNG files, or unquantised float32 to a file ending in .npz.

    Args:
      workdir: the run.
      out: folder, or file ending in .npz.
      num: how many; as many as there are latents if those are given.
      seed: image i depends on (seed, i) only.
      label: class name, for conditional models.
      checkpoint: "latest", "best" or a step.
      latents: .npz whose key "z" (num, D) replaces the seed.
      truncation, noise: as for `Generator`.

    Raises:
      UserError: if a checkpoint, a label, the latents, truncation or noise are at fault.
    """
    generator = Generator(workdir, checkpoint, truncation, noise)
    if latents is None:
        labels = generator.draw_labels(num, seed, label)
        batches = generator.drawn(labels, seed)
    else:
        given = _read_latents(latents, generator)
        labels = generator.draw_labels(len(given), seed, label)
        batches = generator.batches(given, labels, seed)
    conditional = generator.model.conditional
    if out.suffix == ".npz":
        named = {"labels": labels} if conditional else {}
        write_npz(np.concatenate(list(batches)), out, **named)
    else:
        out.mkdir(parents=True, exist_ok=True)
        done = 0
        for images in batches:
            named = (labels[done:], generator.classes) if conditional else ()
            done += len(write_pngs(to_uint8(images), out, *named, first=done))
    print(f"{len(labels)} synthetic images in {out}")


def _read_latents(path: Path, generator: Generator) -> np.ndarray:
    try:
        with np.load(path) as arrays:
            latents = arrays["z"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not an .npz file with the key 'z': {error}") from error
    expected = sampling.draw_latents(generator.model, 0, 1).shape[1]
    if latents.ndim != 2 or latents.shape[1] != expected:
        raise UserError(f"latents in {path} are {latents.shape}; expected (num, {expected})")
    return latents.astype(np.float32)

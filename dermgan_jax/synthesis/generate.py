"""Samples from a work directory: PNG files or an .npz, the same for the same seed."""

from pathlib import Path

import jax
import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.image_files import to_uint8, write_npz, write_pngs
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.gans import sampling
from dermgan_jax.gans.base import Gan, Stage, Variables
from dermgan_jax.train.checkpoint import Checkpoints, abstract
from dermgan_jax.train.state import init_state
from dermgan_jax.train.workdir import WorkDir


class Generator:
    """A trained generator as its checkpoint holds it; the data it learned from are not needed.

    Args:
      workdir: a work directory with at least one checkpoint.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.

    Raises:
      UserError: if there is no such checkpoint, or it cannot be read.
    """

    def __init__(self, workdir: Path, checkpoint: str = "latest"):
        config = WorkDir(workdir).read_config()
        folder = WorkDir(workdir).checkpoints
        if not folder.is_dir():
            raise UserError(f"{workdir} has no checkpoint yet: train it first")
        with Checkpoints(folder, config, read_only=True) as checkpoints:
            step = _choose(checkpoints, checkpoint)
            facts = checkpoints.facts(step)
            height, width, channels, num_examples = facts["data_spec"]
            spec = DataSpec(height, width, channels, tuple(facts["class_counts"]), num_examples)
            self.gan: Gan = registry.load("gan", config.gan.name)(config, spec)
            here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
            like = abstract(jax.eval_shape(lambda: init_state(self.gan)), here)
            state = checkpoints.restore(like, step)
        self.classes: tuple[str, ...] = tuple(facts["classes"])
        self.variables: Variables = state.averaged
        self.stage: Stage = self.gan.stage(int(state.clock.scheduled_at))

    def sample(self, num: int, seed: int, label: str | None = None) -> tuple[np.ndarray, ...]:
        """Images float32 (num, H, W, C) in about [-1, 1] and labels int32 (num,).

        Raises:
          UserError: if `label` is no class of the model, or the model has no classes.
        """
        latents = sampling.draw_latents(self.gan, seed, num)
        return self.sample_latents(latents, seed, label)

    def sample_latents(
        self, latents: np.ndarray, seed: int, label: str | None = None
    ) -> tuple[np.ndarray, ...]:
        """As `sample`, from given latents (num, D); the seed draws labels only."""
        if label is None:
            labels = sampling.draw_labels(self.gan, seed, len(latents))
        else:
            labels = np.full(len(latents), self._label_index(label), np.int32)
        images = sampling.sample(self.gan, self.variables, self.stage, latents, labels)
        return images, labels

    def _label_index(self, label: str) -> int:
        if not self.gan.conditional:
            raise UserError("this model was trained without labels: leave --label out")
        if label not in self.classes:
            raise UserError(f"unknown class {label!r}{registry.did_you_mean(label, self.classes)}")
        return self.classes.index(label)


def _choose(checkpoints: Checkpoints, name: str) -> int:
    steps = checkpoints.steps()
    if not steps:
        raise UserError(f"no checkpoint in {checkpoints.folder} yet: train it first")
    if name == "latest":
        return steps[-1]
    if name == "best":
        best = checkpoints.best_step()
        if best is None:
            raise UserError(f"no checkpoint in {checkpoints.folder} was evaluated: use latest")
        return best
    if name.isdigit() and int(name) in steps:
        return int(name)
    known = ", ".join(map(str, steps))
    raise UserError(f"no checkpoint {name!r}; there are latest, best, {known}")


def sample_workdir(workdir: Path, num: int, seed: int) -> np.ndarray:
    """Samples uint8 (num, H, W, C) of a work directory's latest averaged weights."""
    images, _ = Generator(workdir).sample(num, seed)
    return to_uint8(images)


def generate(
    workdir: Path,
    out: Path,
    num: int,
    seed: int,
    label: str | None = None,
    checkpoint: str = "latest",
    latents: Path | None = None,
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

    Raises:
      UserError: if a checkpoint, a label or the latents are at fault.
    """
    generator = Generator(workdir, checkpoint)
    if latents is None:
        images, labels = generator.sample(num, seed, label)
    else:
        images, labels = generator.sample_latents(_read_latents(latents, generator), seed, label)
    named = generator.gan.conditional
    if out.suffix == ".npz":
        write_npz(images, out, labels if named else None)
    else:
        out.mkdir(parents=True, exist_ok=True)
        write_pngs(to_uint8(images), out, *((labels, generator.classes) if named else ()))
    print(f"{len(images)} synthetic images in {out}")


def _read_latents(path: Path, generator: Generator) -> np.ndarray:
    try:
        with np.load(path) as arrays:
            latents = arrays["z"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path} is not an .npz file with the key 'z': {error}") from error
    expected = sampling.draw_latents(generator.gan, 0, 1).shape[1]
    if latents.ndim != 2 or latents.shape[1] != expected:
        raise UserError(f"latents in {path} are {latents.shape}; expected (num, {expected})")
    return latents.astype(np.float32)

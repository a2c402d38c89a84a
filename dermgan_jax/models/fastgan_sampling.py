"""What FastGAN and Projected GAN share: how they draw images, in training and after it."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.models import augmentation
from dermgan_jax.models.contract import Sampler, Stage, Variables
from dermgan_jax.nets.fastgan_generator import SIDES, FastGanGenerator
from dermgan_jax.nets.feature_norm import MOMENTUM

STATISTICS = ("running", "reference")
_REFERENCE = 64  # latents whose features give the statistics


SCHEDULE_BOUNDS = {"constant_kimg": "[0, 1e9]", "decay_kimg": "[0, 1e9]"}


def default_schedule() -> dict[str, Any]:
    """Fields of a learning rate that never falls, as the originals have it."""
    return {
        "constant_kimg": 0.0,  # of the first learning rates
        "decay_kimg": 0.0,  # after them: until they have fallen to 0; 0: they never fall
    }


class FastGanSampler(Sampler):
    """A sampler with one of FastGAN's generators, in the net "g"."""

    @property
    @abc.abstractmethod
    def generator(self) -> FastGanGenerator:
        """The generator."""

    def faults(self) -> list[str]:
        fields, data, found = self.config.model, self.data, []
        if data.height != data.width or data.height not in SIDES:
            sides = ", ".join(map(str, SIDES))
            found.append(
                f"{fields.name} makes square images with a side of {sides}, not "
                f"{data.height}x{data.width}: set data.resolution"
            )
        if fields.statistics not in STATISTICS:
            known = ", ".join(STATISTICS)
            found.append(f"model.statistics is {fields.statistics!r}; expected one of {known}")
        if fields.width * 128 // max(data.height, 128) < 1:
            found.append(
                f"model.width is {fields.width}: at {data.height} px no channel would be left; set "
                f"it to {data.height // 128} or more"
            )
        batch_size = self.config.train.batch_size
        if data.num_examples < batch_size:
            found.append(
                f"train.batch_size is {batch_size}, but there are {data.num_examples} images: "
                "batch normalisation needs different ones, set it to that or less"
            )
        shape = (data.height, data.width, data.channels)
        return found + self._schedule_faults() + augmentation.faults(fields, shape)

    def _schedule_faults(self) -> list[str]:
        fields, train, found = self.config.model, self.config.train, []
        end, total = fields.constant_kimg + fields.decay_kimg, train.total_kimg
        if fields.constant_kimg and not fields.decay_kimg:
            found.append("model.constant_kimg says nothing without model.decay_kimg: set both")
        elif fields.decay_kimg and not train.total_epochs and total > end:
            found.append(
                f"train.total_kimg is {total:g}, but learning rates are 0 after {end:g} kimg "
                "(model.constant_kimg and model.decay_kimg): change one of them"
            )
        return found

    def stage(self, images_seen: int) -> Stage:
        """Learning rates fall linearly over the last `decay_kimg`."""
        fields, stage = self.config.model, super().stage(images_seen)
        if not fields.decay_kimg:
            return stage
        left = 1 - (images_seen / 1000 - fields.constant_kimg) / fields.decay_kimg
        factor = min(max(left, 0.0), 1.0)
        rates = {net: rate * factor for net, rate in stage.learning_rates.items()}
        return dataclasses.replace(stage, learning_rates=rates)

    def init_extra(self, rng: jax.Array) -> dict[str, Any]:
        del rng
        return augmentation.init(self.config.model)

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        return jax.random.normal(rng, (num, self.config.model.latent_size))

    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        """Noise of the generator is left at its mean, 0, so that latents alone decide.

        With `model.statistics` "reference" features are normalised by the statistics of a fixed
        batch. FastGAN normalises by whatever is drawn together.
        """
        del stage
        g = variables["g"]
        if self.config.model.statistics == "reference":
            g = {**g, "batch_stats": self._reference_statistics(g)}
        images, _ = self.generator.apply(g, latents, self.one_hot(labels), train=False)
        return images

    def draw(
        self, g: Mapping[str, Any], rng: jax.Array, labels: jax.Array
    ) -> tuple[tuple[jax.Array, jax.Array | None], dict[str, Any]]:
        """What the generator makes in training, see there, and its changed collections.

        Args:
          g: variables of it.
          rng: key of latents and noise.
          labels: int32 (N,), as many as there will be images.
        """
        latents_rng, noise_rng = jax.random.split(rng)
        latents = self.latents(latents_rng, len(labels))
        return self.generator.apply(
            *(g, latents, self.one_hot(labels), _noise(self.generator, noise_rng, len(labels))),
            train=True,
            mutable=["batch_stats", "spectral"],
        )

    def _reference_statistics(self, g: Mapping[str, Any]) -> dict[str, Any]:
        """Statistics "batch_stats" of the features of a fixed batch of latents, without noise."""
        rng = jax.random.key(0)
        latents = self.latents(rng, _REFERENCE)
        labels = self.one_hot(self.random_labels(jax.random.fold_in(rng, 1), _REFERENCE))
        # From statistics of 0, one update goes a known share of the way to the batch's.
        zeros = jax.tree.map(jnp.zeros_like, g["batch_stats"])
        _, changed = self.generator.apply(
            {**g, "batch_stats": zeros}, latents, labels, train=True, mutable=["batch_stats"]
        )
        return jax.tree.map(lambda leaf: leaf / MOMENTUM, changed["batch_stats"])


def _noise(generator: FastGanGenerator, rng: jax.Array, num: int) -> list[jax.Array]:
    """Unit noise for `num` images, as the generator takes it; empty if it adds none."""
    sides = generator.noise_sides
    if not sides:
        return []
    # Drawn all at once: each drawing takes long to compile.
    sizes = np.square(sides)
    parts = jnp.split(jax.random.normal(rng, (num, sizes.sum())), np.cumsum(sizes)[:-1], axis=1)
    return [part.reshape(num, side, side, 1) for part, side in zip(parts, sides, strict=True)]

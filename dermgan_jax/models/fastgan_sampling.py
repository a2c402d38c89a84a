"""How FastGAN and Projected GAN draw images, in training and after it."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Sampler
from dermgan_jax.nets.fastgan_generator import SIDES, FastGanGenerator
from dermgan_jax.nets.feature_norm import MOMENTUM

STATISTICS = ("running", "reference")
_REFERENCE = 64  # latents whose features give the statistics


def faults(config: Any, data: DataSpec) -> list[str]:
    """Why these fields of `config.model` and data do not go together."""
    fields, found = config.model, []
    if data.height != data.width or data.height not in SIDES:
        sides = ", ".join(map(str, SIDES))
        found.append(
            f"{fields.name} makes square images with a side of {sides}, not "
            f"{data.height}x{data.width}: set data.resolution"
        )
    if fields.statistics not in STATISTICS:
        found.append(
            f"model.statistics is {fields.statistics!r}; expected one of {', '.join(STATISTICS)}"
        )
    for key in ("latent_size", "width"):
        if fields[key] < 1:
            found.append(f"model.{key} is {fields[key]}: set it to 1 or more")
    if fields.width * 128 // max(data.height, 128) < 1:
        found.append(
            f"model.width is {fields.width}: at {data.height} px no channel would be left; set it "
            f"to {data.height // 128} or more"
        )
    if data.num_examples < config.train.batch_size:
        found.append(
            f"train.batch_size is {config.train.batch_size}, but there are {data.num_examples} "
            "images: batch normalisation needs different ones, set it to that or less"
        )
    return found


def noise(generator: FastGanGenerator, rng: jax.Array, num: int) -> list[jax.Array]:
    """Unit noise for `num` images, as the generator takes it; empty if it adds none."""
    sides = generator.noise_sides
    if not sides:
        return []
    # Drawn all at once: each drawing takes long to compile.
    sizes = np.square(sides)
    parts = jnp.split(jax.random.normal(rng, (num, sizes.sum())), np.cumsum(sizes)[:-1], axis=1)
    return [part.reshape(num, side, side, 1) for part, side in zip(parts, sides, strict=True)]


def draw(
    model: Sampler, g: Mapping[str, Any], rng: jax.Array, labels: jax.Array
) -> tuple[Any, dict[str, Any]]:
    """What the generator makes in training, and its changed collections.

    Args:
      model: has a `generator`.
      g: variables of it.
      rng: key of latents and noise.
      labels: int32 (N,), as many as there will be images.
    """
    latents_rng, noise_rng = jax.random.split(rng)
    latents = model.latents(latents_rng, len(labels))
    drawn = noise(model.generator, noise_rng, len(labels))
    (big, small), changed = model.generator.apply(
        *(g, latents, model.one_hot(labels), drawn),
        train=True,
        mutable=["batch_stats", "spectral"],
    )
    return (big if small is None else (big, small)), changed


def sample(
    model: Sampler, g: Mapping[str, Any], latents: jax.Array, labels: jax.Array
) -> jax.Array:
    """Images (N, S, S, C) of latents (N, D) and labels (N,); noise is left at its mean, 0.

    With `model.statistics` "reference" features are normalised by the statistics of a fixed batch,
    so that an image depends on its own latent alone. FastGAN normalises by whatever is drawn
    together.
    """
    if model.config.model.statistics == "reference":
        g = {**g, "batch_stats": reference_statistics(model, g)}
    (big, _) = model.generator.apply(g, latents, model.one_hot(labels), train=False)
    return big


def reference_statistics(model: Sampler, g: Mapping[str, Any]) -> dict[str, Any]:
    """Statistics "batch_stats" of the features of a fixed batch of latents, without noise."""
    rng = jax.random.key(0)
    latents = model.latents(rng, _REFERENCE)
    labels = model.one_hot(model.random_labels(jax.random.fold_in(rng, 1), _REFERENCE))
    # From statistics of 0, one update goes a known share of the way to the batch's.
    zeros = jax.tree.map(jnp.zeros_like, g["batch_stats"])
    _, changed = model.generator.apply(
        {**g, "batch_stats": zeros}, latents, labels, train=True, mutable=["batch_stats"]
    )
    return jax.tree.map(lambda leaf: leaf / MOMENTUM, changed["batch_stats"])

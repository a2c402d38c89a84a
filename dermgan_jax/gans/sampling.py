"""Drawing from any GAN: image i of a seed is the same whatever is drawn around it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.gans.base import Sampler, Stage, Variables

BATCH = 32


@functools.partial(jax.jit, static_argnames=("gan", "num"))
def _latents(gan: Sampler, seed: jax.Array, first: jax.Array, num: int) -> jax.Array:
    key = jax.random.key(seed)
    keys = jax.vmap(functools.partial(jax.random.fold_in, key))(first + jnp.arange(num))
    return jax.vmap(lambda rng: gan.latents(rng, 1)[0])(keys)


@functools.partial(jax.jit, static_argnames=("gan", "image_size", "batch_size"))
def _sample(gan, variables, latents, labels, traced, image_size, batch_size):
    stage = Stage(image_size, batch_size, {}, traced)
    return gan.sample(variables, latents, labels, stage)


def draw_latents(gan: Sampler, seed: int, num: int) -> np.ndarray:
    """Latents (num, D) float32; row i depends on (seed, i) only."""
    rows = [
        np.asarray(_latents(gan, np.uint32(seed), np.int32(first), BATCH))
        for first in range(0, num, BATCH)
    ]
    return np.concatenate(rows)[:num]


def draw_labels(gan: Sampler, seed: int, num: int) -> np.ndarray:
    """Labels int32 (num,) with the class frequencies of the training data; zeros if unlabelled."""
    counts = np.asarray(gan.data.class_counts, np.float64)
    if not counts.size:
        return np.zeros(num, np.int32)
    generator = np.random.default_rng(seed)
    return generator.choice(len(counts), num, p=counts / counts.sum()).astype(np.int32)


def sample(
    gan: Sampler, variables: Variables, stage: Stage, latents: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Full-size images float32 (N, H, W, C), about [-1, 1], in batches of one compiled size.

    Args:
      gan: the family, configured.
      variables: `TrainState.averaged`, on any devices.
      stage: where the curriculum stands.
      latents: (N, D).
      labels: int32 (N,).
    """
    traced = {name: np.float32(value) for name, value in stage.traced.items()}
    images = []
    for first in range(0, len(latents), BATCH):
        rows = np.arange(first, first + BATCH) % len(latents)
        batch = _sample(
            gan, variables, latents[rows], labels[rows], traced, stage.image_size, BATCH
        )
        images.append(np.asarray(batch))
    return np.concatenate(images)[: len(latents)]

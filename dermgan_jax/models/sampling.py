"""Drawing from any sampler: image i of a seed is the same whatever is drawn around it."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.models import keys
from dermgan_jax.models.contract import Sampler, Stage, StyleSampler, Variables

BATCH = 32
NOISES = ("const", "none", "random")


@functools.partial(jax.jit, static_argnames=("model", "num"))
def _latents(model: Sampler, key: jax.Array, first: jax.Array, num: int) -> jax.Array:
    own = jax.vmap(functools.partial(jax.random.fold_in, key))(first + jnp.arange(num))
    return jax.vmap(lambda rng: model.latents(rng, 1)[0])(own)


@functools.partial(jax.jit, static_argnames=("model", "image_size", "batch_size"))
def _sample(model, variables, latents, labels, traced, image_size, batch_size):
    stage = Stage(image_size, batch_size, {}, traced)
    return model.sample(variables, latents, labels, stage)


@functools.partial(jax.jit, static_argnames=("model", "cutoff"))
def _styles(model, variables, latents, labels, truncation, cutoff):
    styles = model.styles(variables, latents, labels)
    return model.truncate(variables, styles, truncation, cutoff)


@functools.partial(jax.jit, static_argnames=("model", "noise"))
def _synthesize(model, variables, styles, noise, seed, first):
    if noise == "random":
        noise = jax.random.fold_in(keys.purpose_key(seed, keys.Purpose.NOISE), first)
    return model.synthesize(variables, styles, noise)


def draw_latents(
    model: Sampler, seed: int, num: int, first: int = 0, *, for_evaluation: bool = False
) -> np.ndarray:
    """Latents (num, D) float32; row i depends on (seed, first + i) only.

    Args:
      model: the family, configured.
      seed: of the samples.
      num: how many.
      first: number of the first.
      for_evaluation: those that a run of this seed is measured by, which are others.
    """
    seed = np.uint32(seed)
    key = keys.purpose_key(seed, keys.Purpose.EVALUATION)
    key = key if for_evaluation else keys.samples_key(seed)
    rows = [
        np.asarray(_latents(model, key, np.int32(start), BATCH))
        for start in range(first, first + num, BATCH)
    ]
    return np.concatenate(rows)[:num]


def draw_labels(model: Sampler, seed: int, num: int, *, for_evaluation: bool = False) -> np.ndarray:
    """Labels int32 (num,) with the class frequencies of the training data; zeros if unlabelled.

    Arguments as of `draw_latents`.
    """
    counts = np.asarray(model.data.class_counts, np.float64)
    if not counts.size:
        return np.zeros(num, np.int32)
    purpose = (int(keys.Purpose.EVALUATION),) if for_evaluation else ()
    generator = np.random.default_rng((seed, *purpose))
    return generator.choice(len(counts), num, p=counts / counts.sum()).astype(np.int32)


def sample(
    model: Sampler, variables: Variables, stage: Stage, latents: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Full-size images float32 (N, H, W, C), about [-1, 1], in batches of one compiled size.

    Args:
      model: the family, configured.
      variables: `TrainState.averaged`, on any devices.
      stage: where the curriculum stands.
      latents: (N, D).
      labels: int32 (N,).
    """
    traced = {name: np.float32(value) for name, value in stage.traced.items()}

    def run(_: int, latents: np.ndarray, labels: np.ndarray) -> jax.Array:
        return _sample(model, variables, latents, labels, traced, stage.image_size, BATCH)

    return _in_batches(run, latents, labels)


def styles(
    model: StyleSampler,
    variables: Variables,
    latents: np.ndarray,
    labels: np.ndarray,
    truncation: float = 1.0,
    cutoff: int | None = None,
) -> np.ndarray:
    """Styles float32 (N, layers, D) of latents (N, L) and labels int32 (N,), truncated.

    Arguments as of `sample` and `StyleSampler.truncate`.
    """

    def run(_: int, latents: np.ndarray, labels: np.ndarray) -> jax.Array:
        return _styles(model, variables, latents, labels, np.float32(truncation), cutoff)

    return _in_batches(run, latents, labels)


def synthesize(
    model: StyleSampler,
    variables: Variables,
    styles: np.ndarray,
    noise: str = "const",
    seed: int = 0,
    first: int = 0,
) -> np.ndarray:
    """Images float32 (N, H, W, C), about [-1, 1], of styles (N, layers, D).

    Args:
      model: the family, configured.
      variables: as for `sample`.
      styles: of `styles`.
      noise: one of `NOISES`; random noise of image i depends on (seed, first + i) only.
      seed: of random noise.
      first: number of the first image, a multiple of `BATCH`.
    """

    def run(offset: int, styles: np.ndarray) -> jax.Array:
        return _synthesize(
            model, variables, styles, noise, np.uint32(seed), np.int32(first + offset)
        )

    return _in_batches(run, styles)


def _in_batches(run: Callable[..., jax.Array], *arrays: np.ndarray) -> np.ndarray:
    """`run(first, *rows)` of every BATCH rows, the last one filled up; as one array."""
    num, results = len(arrays[0]), []
    for first in range(0, num, BATCH):
        rows = np.arange(first, first + BATCH) % num
        results.append(np.asarray(run(first, *(array[rows] for array in arrays))))
    return np.concatenate(results)[:num]

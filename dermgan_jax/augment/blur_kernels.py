"""Random blur kernels of Real-ESRGAN (Wang et al., 2021, arXiv:2107.10833, section 3.2).

Gaussian, generalised Gaussian and plateau-shaped kernels, round or not, and sinc filters, which
ring. Source: XPixelGroup/BasicSR, basicsr/data/degradations.py, and the options of Real-ESRGAN.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

SIZE = 21  # pixels of the widest kernel; narrower ones are surrounded by zeros
_SIZES = np.arange(7, SIZE + 1, 2, dtype=np.float32)

_GAUSSIAN, _GENERALISED, _PLATEAU = range(3)
# Shape and roundness: probabilities of round and oval kernels of each shape.
_SHAPES = np.array([_GAUSSIAN, _GAUSSIAN, _GENERALISED, _GENERALISED, _PLATEAU, _PLATEAU])
_OVAL = np.array([False, True, False, True, False, True])
_PROBABILITIES = np.array([0.45, 0.25, 0.12, 0.03, 0.12, 0.03], np.float32)
_EXPONENTS = ((0.5, 4.0), (1.0, 2.0))  # of generalised and plateau-shaped kernels

_OFFSETS = np.arange(SIZE, dtype=np.float32) - SIZE // 2
_RADII = np.hypot(_OFFSETS[:, None], _OFFSETS)
_BESSEL_PLACES = np.linspace(0, math.pi * _RADII.max() + 0.1, 4096, dtype=np.float32)
_BESSEL = special.j1(_BESSEL_PLACES).astype(np.float32)


def identity() -> jax.Array:
    """The kernel (21, 21) that changes nothing."""
    return jnp.zeros((SIZE, SIZE)).at[SIZE // 2, SIZE // 2].set(1)


def blur(rng: jax.Array, widest: float, sinc_share: float) -> jax.Array:
    """A random kernel (21, 21) whose weights add up to 1.

    Args:
      rng: of everything random.
      widest: standard deviations are uniform from 0.2 to it.
      sinc_share: probability of a sinc filter.
    """
    size_rng, choice_rng, smooth_rng, sinc_rng = jax.random.split(rng, 4)
    size = jax.random.choice(size_rng, _SIZES)
    is_sinc = jax.random.bernoulli(choice_rng, sinc_share)
    return jnp.where(is_sinc, _sinc(sinc_rng, size), _smooth(smooth_rng, size, widest))


def sinc(rng: jax.Array) -> jax.Array:
    """A random sinc filter (21, 21), whose weights add up to 1."""
    size_rng, cutoff_rng = jax.random.split(rng)
    return _sinc(cutoff_rng, jax.random.choice(size_rng, _SIZES))


def _within(kernel: jax.Array, size: jax.Array) -> jax.Array:
    """The kernel without what lies outside of `size` pixels, its weights adding up to 1."""
    inside = np.abs(_OFFSETS) <= size / 2
    kernel = jnp.where(inside[:, None] & inside, kernel, 0)
    return kernel / kernel.sum()


def _sinc(rng: jax.Array, size: jax.Array) -> jax.Array:
    lowest = jnp.where(size < 13, math.pi / 3, math.pi / 5)
    cutoff = jax.random.uniform(rng, minval=lowest, maxval=math.pi)
    radii = np.maximum(_RADII, 1e-6)
    ripple = cutoff * jnp.interp(cutoff * radii, _BESSEL_PLACES, _BESSEL) / (2 * math.pi * radii)
    ripple = jnp.where(_RADII == 0, cutoff**2 / (4 * math.pi), ripple)
    return _within(ripple, size)


def _smooth(rng: jax.Array, size: jax.Array, widest: float) -> jax.Array:
    shape_rng, sigma_rng, angle_rng, exponent_rng, side_rng = jax.random.split(rng, 5)
    which = jax.random.choice(shape_rng, len(_SHAPES), p=_PROBABILITIES)
    shape, oval = jnp.array(_SHAPES)[which], jnp.array(_OVAL)[which]
    sigmas = jax.random.uniform(sigma_rng, (2,), minval=0.2, maxval=widest)
    sigma_x, sigma_y = sigmas[0], jnp.where(oval, sigmas[1], sigmas[0])
    angle = jax.random.uniform(angle_rng, minval=-math.pi, maxval=math.pi)
    along = jnp.cos(angle) * _OFFSETS + jnp.sin(angle) * _OFFSETS[:, None]
    across = -jnp.sin(angle) * _OFFSETS + jnp.cos(angle) * _OFFSETS[:, None]
    squared = jnp.square(along / sigma_x) + jnp.square(across / sigma_y)
    lowest, highest = (
        jnp.where(shape == _PLATEAU, plateau, other)
        for other, plateau in zip(*_EXPONENTS, strict=True)
    )
    # As often below 1 as above, whatever the lengths of the two ranges.
    below = jax.random.bernoulli(side_rng)
    exponent = jax.random.uniform(
        exponent_rng, minval=jnp.where(below, lowest, 1.0), maxval=jnp.where(below, 1.0, highest)
    )
    raised = jnp.power(jnp.maximum(squared, 1e-12), exponent)
    kernel = jnp.select(
        [shape == _GAUSSIAN, shape == _GENERALISED],
        [jnp.exp(-squared / 2), jnp.exp(-raised / 2)],
        1 / (1 + raised),
    )
    return _within(kernel, size)

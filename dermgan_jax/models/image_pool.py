"""History of generated images for the discriminators (Shrivastava et al., 2017, section 2.3).

Source: junyanz/pytorch-CycleGAN-and-pix2pix, util/image_pool.py. Pure; shapes are static, so that a
pool can be part of the training state.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class Pool(NamedTuple):
    """Images made earlier.

    Attributes:
      images: float32 (size, H, W, C); those beyond `count` are zero.
      count: int32 scalar, how many there are.
    """

    images: jax.Array
    count: jax.Array


def init(size: int, shape: tuple[int, int, int]) -> Pool:
    """An empty pool for `size` images of `shape` (H, W, C); a pool of size 0 changes nothing."""
    return Pool(jnp.zeros((size, *shape), jnp.float32), jnp.int32(0))


def exchange(pool: Pool, images: jax.Array, rng: jax.Array) -> tuple[Pool, jax.Array]:
    """Puts images in and takes as many out, one after the other.

    While the pool is not full, an image is stored and returned. Afterwards, with probability 1/2, a
    random stored one is returned and takes the image in its place; else the image is returned.

    Args:
      pool: see `Pool`.
      images: (N, H, W, C).
      rng: key.

    Returns:
      The changed pool, and images (N, H, W, C).
    """
    swap_rng, place_rng = jax.random.split(rng)
    size, num = len(pool.images), len(images)
    swap = jax.random.bernoulli(swap_rng, 0.5, (num,))
    places = jax.random.randint(place_rng, (num,), 0, max(size, 1))
    return exchange_drawn(pool, images, swap, places)


def exchange_drawn(
    pool: Pool, images: jax.Array, swap: jax.Array, places: jax.Array
) -> tuple[Pool, jax.Array]:
    """`exchange` with its random numbers as arguments.

    Args:
      pool, images: as in `exchange`.
      swap: bool (N,), whether each image changes places with a stored one.
      places: int32 (N,), which; both are read only where the pool is full.
    """
    size = len(pool.images)
    if size == 0:
        return pool, images

    def put(pool: Pool, drawn: tuple[jax.Array, ...]) -> tuple[Pool, jax.Array]:
        image, swap, place = drawn
        filling = pool.count < size
        place = jnp.where(filling, pool.count, place)
        stored = pool.images[place]
        kept = jnp.where(filling | swap, image, stored)
        returned = jnp.where(~filling & swap, stored, image)
        count = jnp.minimum(pool.count + 1, size)
        return Pool(pool.images.at[place].set(kept), count), returned

    return lax.scan(put, pool, (images.astype(pool.images.dtype), swap, places))

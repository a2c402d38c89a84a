"""LPIPS between paired images, and within one set as a measure of diversity."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dermgan_jax.data.image_sets import select
from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.metrics.paired import Summary, as_signed, check_pairs, of_pairs, summarise

BATCH_SIZE = 16


def protocol(net: str) -> str:
    """What a value of one network is comparable by."""
    return f"lpips:0.1:{net}"


def paired(a: np.ndarray, b: np.ndarray, net: str, params: lpips_net.Params) -> Summary:
    """LPIPS of each pair; 0 for equal images, larger is less alike.

    Args:
      a, b: uint8, or float in [-1, 1]; (N, H, W, C) of equal shape, C 1 (used as three equal
        channels) or 3. Images are not resized; sides of at least 31 pixels do for every network.
      net: "alex", "vgg" or "squeeze".
      params: from `features.lpips_net.load(net)`.

    Raises:
      UserError: if the sets cannot be compared, or are too small for the network.
    """
    check_pairs(f"LPIPS ({net})", a, b, lpips_net.TRUNKS[net].smallest_side)
    return summarise(of_pairs(functools.partial(per_image, net, params), a, b, BATCH_SIZE))


def diversity(
    images: np.ndarray,
    net: str,
    params: lpips_net.Params,
    *,
    seed: int,
    max_pairs: int | None = None,
) -> Summary:
    """LPIPS between random images of one set; 0 if a generator draws one image again and again.

    No image is in two pairs, so pairs are independent and the standard error holds.

    Args:
      images: uint8, or float in [-1, 1]; (N, H, W, C), C 1 or 3.
      net, params: as for `paired`.
      seed: of the pairing.
      max_pairs: how many pairs at most; without it, N // 2.

    Raises:
      UserError: if there are fewer than two images, or they are too small for the network.
    """
    if len(images) < 2:
        raise UserError(f"LPIPS diversity: {len(images)} images; it needs at least two")
    order = np.random.default_rng(seed).permutation(len(images))
    num_pairs = min(len(images) // 2, max_pairs or len(images))
    first, second = np.split(order[: 2 * num_pairs], 2)
    if images.dtype == np.uint8:  # an image set, of which a batch at a time is read
        return paired(select(images, first), select(images, second), net, params)
    return paired(images[first], images[second], net, params)


@functools.partial(jax.jit, static_argnames="net")
def per_image(net: str, params: lpips_net.Params, a: Array, b: Array) -> Array:
    """LPIPS of each pair of images (N, H, W, C), uint8 or float in [-1, 1]: float32 (N,)."""
    a, b = (jnp.broadcast_to(as_signed(x), (*x.shape[:3], 3)) for x in (a, b))
    return lpips_net.distance(net, params, a, b)

"""Differentiable augmentation for data-efficient GANs (Zhao et al., 2020, arXiv:2006.10738).

Follows mit-han-lab/data-efficient-gans, DiffAugment_pytorch.py. All reals and fakes that a
discriminator sees are augmented, at full strength from the first step. Randomness comes first,
arithmetic after it: `draw` -> `apply`, which `augment` does.

The policy "zoom" is not of the paper. It is for discriminators on features of small images, which
otherwise hardly see single pixels: patterns as fine as these then stay in the fakes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dermgan_jax.errors import UserError

_LONGEST_SHIFT = 1 / 8  # of the image's sides
CUTOUT = 1 / 2  # of the image's sides; Projected GAN has 1 / 5


class Draws(NamedTuple):
    """What is done to each of N images.

    Attributes:
      brightness: (N,) in [-0.5, 0.5), added.
      saturation: (N,) in [0, 2), factor of what differs from the mean of a pixel's channels.
      contrast: (N,) in [0.5, 1.5), factor of what differs from the image's mean.
      shift: int (N, 2); the image moves up and left by so many pixels.
      cutout: int (N, 2), row and column of the first pixel after the box's centre.
      zoom: bool (N,), whether a quarter of the image is enlarged to its size: of half of them.
      quarter: int (N, 2), its first row and column.
    """

    brightness: jax.Array
    saturation: jax.Array
    contrast: jax.Array
    shift: jax.Array
    cutout: jax.Array
    zoom: jax.Array | None = None
    quarter: jax.Array | None = None


def augment(
    images: jax.Array,
    rng: jax.Array,
    policies: Sequence[str] = ("color", "translation", "cutout"),
    cutout: float = CUTOUT,
) -> jax.Array:
    """Augmented images; differentiable with respect to them to any order.

    Args:
      images: (N, H, W, C) in [-1, 1]. The result has their dtype, the arithmetic is float32; it
        may leave [-1, 1].
      rng: key.
      policies: any of "color", "translation", "cutout" and "zoom", in the order of their
        application.
      cutout: side of the box that is cut out, as a share of the image's.

    Raises:
      UserError: if there is no such policy.
    """
    draws = draw(rng, len(images), images.shape[1:3], cutout)
    return apply(images, draws, policies, cutout)


def draw(rng: jax.Array, num: int, size: tuple[int, int], cutout: float = CUTOUT) -> Draws:
    """For `num` images of `size` (height, width); `cutout` as for `augment`."""
    colour_rng, shift_rng, cutout_rng = jax.random.split(rng, 3)
    brightness, saturation, contrast = jax.random.uniform(colour_rng, (3, num))
    longest = jnp.array([_share(side, _LONGEST_SHIFT) for side in size])
    # A box with a centre pixel is centred on the image's pixels, any other between or beside them.
    centres = jnp.array([side + 1 - _share(side, cutout) % 2 for side in size])
    zoom_rng, quarter_rng = jax.random.split(jax.random.fold_in(rng, 1))
    corners = jnp.array([side // 2 + 1 for side in size])
    return Draws(
        brightness=brightness - 0.5,
        saturation=2 * saturation,
        contrast=contrast + 0.5,
        shift=jax.random.randint(shift_rng, (num, 2), -longest, longest + 1),
        cutout=jax.random.randint(cutout_rng, (num, 2), 0, centres),
        zoom=jax.random.bernoulli(zoom_rng, shape=(num,)),
        quarter=jax.random.randint(quarter_rng, (num, 2), 0, corners),
    )


def apply(
    images: jax.Array, draws: Draws, policies: Sequence[str], cutout: float = CUTOUT
) -> jax.Array:
    """Images (N, H, W, C), transformed as drawn; `cutout` as for `augment`.

    Raises:
      UserError: if there is no such policy.
    """
    unknown = [name for name in policies if name not in _POLICIES]
    if unknown:
        raise UserError(
            f"there is no DiffAugment policy {', '.join(unknown)}: choose among "
            f"{', '.join(_POLICIES)}"
        )
    x = images.astype(jnp.float32)
    for name in policies:
        x = _POLICIES[name](x, draws, cutout)
    return x.astype(images.dtype)


def _share(side: int, fraction: float) -> int:
    """A fraction of a side in pixels, rounded."""
    return int(side * fraction + 0.5)


def _recoloured(x: jax.Array, draws: Draws, cutout: float) -> jax.Array:
    del cutout
    brightness, saturation, contrast = (
        values[:, None, None, None]
        for values in (draws.brightness, draws.saturation, draws.contrast)
    )
    x += brightness
    grey = x.mean(-1, keepdims=True)
    x = grey + saturation * (x - grey)
    mean = x.mean((1, 2, 3), keepdims=True)
    return mean + contrast * (x - mean)


def _translated(x: jax.Array, draws: Draws, cutout: float) -> jax.Array:
    """What moves in from outside is 0."""
    del cutout
    _, height, width, _ = x.shape
    down, right = (_share(side, _LONGEST_SHIFT) for side in (height, width))
    padded = jnp.pad(x, ((0, 0), (down, down), (right, right), (0, 0)))
    starts = draws.shift + jnp.array([down, right])
    return _cropped(padded, starts, height, width)


def _cropped(x: jax.Array, starts: jax.Array, height: int, width: int) -> jax.Array:
    """Windows (N, height, width, C) of images, each with its own first row and column."""

    def crop(image: jax.Array, start: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (*start, 0), (height, width, x.shape[-1]))

    return jax.vmap(crop)(x, starts)


def _cut_out(x: jax.Array, draws: Draws, cutout: float) -> jax.Array:
    """The box is 0; what of it lies outside of the image is lost."""

    def inside(side: int, centre: jax.Array) -> jax.Array:
        length = _share(side, cutout)
        offset = jnp.arange(side) - (centre[:, None] - length // 2)
        return (offset >= 0) & (offset < length)

    rows, columns = (
        inside(side, centre) for side, centre in zip(x.shape[1:3], draws.cutout.T, strict=True)
    )
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0.0, x)


def _zoomed(x: jax.Array, draws: Draws, cutout: float) -> jax.Array:
    """Enlarged bilinearly."""
    del cutout
    _, height, width, _ = x.shape
    quarters = _cropped(x, draws.quarter, (height + 1) // 2, (width + 1) // 2)
    enlarged = _doubled(_doubled(quarters, 1), 2)[:, :height, :width]
    return jnp.where(draws.zoom[:, None, None, None], enlarged, x)


def _doubled(x: jax.Array, axis: int) -> jax.Array:
    """Twice as many pixels along an axis: a pixel's halves lean to its neighbours on their side."""
    shape = [2 * size if i == axis else size for i, size in enumerate(x.shape)]
    margin = [(1, 1) if i == axis else (0, 0) for i in range(x.ndim)]
    padded = jnp.pad(x, margin, mode="edge")
    before, after = (
        jax.lax.slice_in_dim(padded, start, start + x.shape[axis], axis=axis) for start in (0, 2)
    )
    halves = [(3 * x + neighbours) / 4 for neighbours in (before, after)]
    return jnp.stack(halves, axis + 1).reshape(shape)


_POLICIES: dict[str, Callable[[jax.Array, Draws, float], jax.Array]] = {
    "color": _recoloured,
    "translation": _translated,
    "cutout": _cut_out,
    "zoom": _zoomed,
}

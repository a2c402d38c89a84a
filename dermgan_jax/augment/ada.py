"""Adaptive discriminator augmentation (Karras et al., 2020, arXiv:2006.06676, appendix B).

Follows NVlabs/stylegan2-ada-pytorch, training/augment.py. Every transform fires per image with a
probability of p times the policy's multiplier. The discriminator sees nothing but augmented
images; as long as p stays below about 0.8 the generator learns the distribution of the images
that are not augmented (section 2.2). Randomness comes first, arithmetic after it:
`random_numbers` -> `parameters` -> `apply`, all of which `augment` does.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dermgan_jax.augment import warp, wavelets
from dermgan_jax.errors import UserError

_BANK = wavelets.filter_bank()
_BAND_POWERS = np.array([10, 1, 1, 1]) / 13  # of natural images, whose spectra fall as 1 / f


# Shapes, per image, of the random numbers that transforms start from.
_UNIFORM = {
    **{"xflip": (), "rotate90": (), "xint": (2,), "pre_rotation": (), "post_rotation": ()},
    **{"lumaflip": (), "hue": (), "cutout": (2,)},
}
_NORMAL = {
    **{"scale": (), "aniso": (), "xfrac": (2,), "brightness": (), "contrast": ()},
    **{"saturation": (), "imgfilter": _BAND_POWERS.shape, "noise": ()},
}

_GATES = dict.fromkeys(_UNIFORM | _NORMAL, ()) | {"imgfilter": _BAND_POWERS.shape}


@dataclasses.dataclass(frozen=True)
class Policy:
    """Which transforms there are, how often and how strong.

    Lengths are fractions of the image's sides, angles of a half turn; a standard deviation "in
    octaves" is that of the factor's base-2 logarithm. A group of transforms whose multipliers are
    all 0 is not computed.

    Attributes:
      xflip, rotate90, xint: multipliers of p for pixel blitting: mirroring left to right with
        probability 1/2, 0 to 3 quarter turns, and shifts by whole pixels.
      scale, rotate, aniso, xfrac: for general geometry: scaling, rotation (before and after the
        next), stretching at constant area, and shifts.
      brightness, contrast, lumaflip, hue, saturation: for colours: adding to all channels, scaling
        about 0, inverting luma (the mean of the channels) with probability 1/2, turning and
        scaling chroma (what differs from luma; none in grey images).
      imgfilter: for gains of frequency bands. noise: for white noise. cutout: for a grey box.
      xint_max: the longest shift along either axis.
      scale_std, aniso_std, contrast_std, saturation_std, imgfilter_std: in octaves.
      rotate_max, hue_max: the largest angle.
      xfrac_std: of the shift along either axis.
      brightness_std, noise_std: in units of [-1, 1]; noise_std is that of the noise's own standard
        deviation.
      imgfilter_bands: multipliers of `imgfilter` by octave, the lowest first.
      cutout_size: sides of the box.
    """

    xflip: float = 0.0
    rotate90: float = 0.0
    xint: float = 0.0
    scale: float = 0.0
    rotate: float = 0.0
    aniso: float = 0.0
    xfrac: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    lumaflip: float = 0.0
    hue: float = 0.0
    saturation: float = 0.0
    imgfilter: float = 0.0
    noise: float = 0.0
    cutout: float = 0.0
    xint_max: float = 0.125
    scale_std: float = 0.2
    rotate_max: float = 1.0
    aniso_std: float = 0.2
    xfrac_std: float = 0.125
    brightness_std: float = 0.2
    contrast_std: float = 0.5
    hue_max: float = 1.0
    saturation_std: float = 1.0
    imgfilter_bands: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    imgfilter_std: float = 1.0
    noise_std: float = 0.1
    cutout_size: float = 0.5

    @property
    def geometry(self) -> bool:
        """Whether any transform moves pixels."""
        blit = self.xflip, self.rotate90, self.xint
        return any((*blit, self.scale, self.rotate, self.aniso, self.xfrac))

    @property
    def colour(self) -> bool:
        """Whether any transform changes colours."""
        return any((self.brightness, self.contrast, self.lumaflip, self.hue, self.saturation))


_GEOMETRY = Policy(xflip=1, rotate90=1, xint=1, scale=1, rotate=1, aniso=1, xfrac=1)
_COLOUR = dict.fromkeys(("brightness", "contrast", "lumaflip", "hue", "saturation"), 1.0)

POLICIES = {
    "bg": _GEOMETRY,
    "bgc": dataclasses.replace(_GEOMETRY, **_COLOUR),
    "bgcfnc": dataclasses.replace(_GEOMETRY, **_COLOUR, imgfilter=1, noise=1, cutout=1),
    "dermatology": dataclasses.replace(
        _GEOMETRY, aniso_std=0.1, brightness=1, brightness_std=0.05, contrast=1, contrast_std=0.1
    ),
}
"""Policies by name: "bg" is the official pixel blitting and general geometry, "bgc" (their default)
has colours as well, "bgcfnc" all that there is.

"dermatology" is for images in which colour is a finding. Photographs of skin have no natural
orientation, position or magnification, so geometry augments at full strength, but for stretching:
asymmetry is a criterion. What a lesion consists of shows in its colours (blue-grey regression, red
vessels, white scars), and an augmentation that leaks puts them into the generated images.
Brightness and contrast vary by no more than lighting does; hue, saturation and luma do not.
"""


class RandomNumbers(NamedTuple):
    """All that N augmented images need of chance.

    Attributes:
      values: by transform, (N, *shape) as in `_UNIFORM` and `_NORMAL`.
      gates: by transform, (N,), or (N, 4) for bands; uniform in [0, 1). A transform fires where
        its gate is below its probability.
      noise: (N, H, W, C), standard normal; None if the policy has no noise.
    """

    values: dict[str, jax.Array]
    gates: dict[str, jax.Array]
    noise: jax.Array | None


class Parameters(NamedTuple):
    """Of the transforms of N images, gated: neutral where a transform does not fire.

    Attributes:
      xflip: (N,), 1 to mirror.
      rotate90: (N,), quarter turns.
      xint, xfrac: (N, 2), shifts right and down, as fractions of width and height.
      scale: (N,), factor of both sides. aniso: (N,), factor of width and divisor of height.
      pre_rotation, post_rotation: (N,), radians, before and after `aniso`.
      brightness: (N,), added. contrast, saturation: (N,), factors.
      lumaflip: (N,), 1 to invert. hue: (N,), radians.
      band_gains: (N, 4), amplitude factors, the lowest octave first.
      noise_std: (N,). noise: (N, H, W, C), standard normal, or None without the transform.
      cutout_size: (N,), of the sides. cutout_centre: (N, 2), x and y, as fractions.
    """

    xflip: jax.Array
    rotate90: jax.Array
    xint: jax.Array
    scale: jax.Array
    pre_rotation: jax.Array
    aniso: jax.Array
    post_rotation: jax.Array
    xfrac: jax.Array
    brightness: jax.Array
    contrast: jax.Array
    lumaflip: jax.Array
    hue: jax.Array
    saturation: jax.Array
    band_gains: jax.Array
    noise_std: jax.Array
    noise: jax.Array | None
    cutout_size: jax.Array
    cutout_centre: jax.Array


def augment(images: jax.Array, rng: jax.Array, p: jax.Array | float, policy: Policy) -> jax.Array:
    """Augmented images. At p = 0 they are the images, but for rounding.

    Differentiable with respect to the images to any order; nothing flows into p.

    Args:
      images: (N, H, W, C) in [-1, 1], C 1 or 3. The result has their dtype, the arithmetic is
        float32; it may leave [-1, 1].
      rng: key.
      p: strength in [0, 1], may be traced.
      policy: static.

    Raises:
      UserError: if images have other than 1 or 3 channels, or are too small for the policy.
    """
    numbers = random_numbers(rng, len(images), images.shape[1:], policy)
    return apply(images, parameters(numbers, p, policy), policy)


def random_numbers(
    rng: jax.Array, num: int, shape: tuple[int, int, int], policy: Policy
) -> RandomNumbers:
    """For `num` images of `shape` (H, W, C). What one transform gets depends on no other."""
    uniform_rng, normal_rng, gates_rng, noise_rng = jax.random.split(rng, 4)

    def drawn(sample: Callable, rng: jax.Array, shapes: dict[str, tuple]) -> dict[str, jax.Array]:
        sizes = [math.prod(shape) for shape in shapes.values()]
        parts = jnp.split(sample(rng, (num, sum(sizes))), np.cumsum(sizes)[:-1], axis=-1)
        return {
            name: part.reshape(num, *shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }

    uniform = drawn(jax.random.uniform, uniform_rng, _UNIFORM)
    normal = drawn(jax.random.normal, normal_rng, _NORMAL)
    gates = drawn(jax.random.uniform, gates_rng, _GATES)
    noise = jax.random.normal(noise_rng, (num, *shape)) if policy.noise else None
    return RandomNumbers(uniform | normal, gates, noise)


def parameters(numbers: RandomNumbers, p: jax.Array | float, policy: Policy) -> Parameters:
    """What the transforms do to each image at strength p."""
    values = numbers.values

    def gated(name: str, value: jax.Array, neutral: float, chance: jax.Array) -> jax.Array:
        fires = numbers.gates[name] < chance
        return jnp.where(jnp.expand_dims(fires, range(fires.ndim, value.ndim)), value, neutral)

    def one_of(name: str, choices: int) -> jax.Array:
        return gated(name, jnp.floor(values[name] * choices), 0.0, getattr(policy, name) * p)

    def within(name: str, bound: float, chance: jax.Array) -> jax.Array:
        return gated(name, (2 * values[name] - 1) * bound, 0.0, chance)

    def normal(name: str, std: float) -> jax.Array:
        return gated(name, values[name] * std, 0.0, getattr(policy, name) * p)

    def factor(name: str, std: float) -> jax.Array:
        return jnp.exp2(normal(name, std))

    # Two rotations, either of which fires with this probability: at least one with p.
    either = 1 - jnp.sqrt(jnp.maximum(1 - policy.rotate * p, 0))
    octaves = values["imgfilter"] * policy.imgfilter_std
    bands = policy.imgfilter * p * jnp.array(policy.imgfilter_bands)
    size = jnp.full(len(values["cutout"]), policy.cutout_size)
    return Parameters(
        xflip=one_of("xflip", 2),
        rotate90=one_of("rotate90", 4),
        xint=within("xint", policy.xint_max, policy.xint * p),
        scale=factor("scale", policy.scale_std),
        pre_rotation=within("pre_rotation", policy.rotate_max * math.pi, either),
        aniso=factor("aniso", policy.aniso_std),
        post_rotation=within("post_rotation", policy.rotate_max * math.pi, either),
        xfrac=normal("xfrac", policy.xfrac_std),
        brightness=normal("brightness", policy.brightness_std),
        contrast=factor("contrast", policy.contrast_std),
        lumaflip=one_of("lumaflip", 2),
        hue=within("hue", policy.hue_max * math.pi, policy.hue * p),
        saturation=factor("saturation", policy.saturation_std),
        band_gains=_at_constant_power(jnp.exp2(gated("imgfilter", octaves, 0.0, bands))),
        noise_std=jnp.abs(normal("noise", policy.noise_std)),
        noise=numbers.noise,
        cutout_size=gated("cutout", size, 0.0, policy.cutout * p),
        cutout_centre=values["cutout"],
    )


def _at_constant_power(gains: jax.Array) -> jax.Array:
    """Gains (N, 4), scaled after each band so as to keep a natural image's expected power."""
    power = 1 + _BAND_POWERS * (jnp.square(gains) - 1)
    return gains / jnp.sqrt(power.prod(-1, keepdims=True))


def apply(images: jax.Array, chosen: Parameters, policy: Policy) -> jax.Array:
    """Images (N, H, W, C), transformed as chosen, by the groups of transforms the policy has.

    Raises:
      UserError: as `augment`.
    """
    _check(images.shape[1:], policy)
    x = images.astype(jnp.float32)
    if policy.geometry:
        x = warp.warp(x, _sources(chosen, *x.shape[1:3]))
    if policy.colour:
        x = _recoloured(x, chosen)
    if policy.imgfilter:
        x = _filtered(x, chosen.band_gains)
    if policy.noise:
        x += _per_image(chosen.noise_std) * chosen.noise
    if policy.cutout:
        x = jnp.where(_cut_out(chosen, *x.shape[1:3]), 0.0, x)
    return x.astype(images.dtype)


def _check(shape: tuple[int, int, int], policy: Policy) -> None:
    height, width, channels = shape
    if channels not in (1, 3):
        raise UserError(
            f"augmentation needs images of 1 or 3 channels, not {channels}: convert the images or "
            f"turn augmentation off"
        )
    culprit, smallest = "geometry", warp.MIN_SIDE if policy.geometry else 1
    if policy.imgfilter:
        culprit, smallest = "imgfilter", _BANK.shape[1] // 2 + 1
    if min(height, width) < smallest:
        raise UserError(
            f"this augmentation policy needs images of at least {smallest} pixels a side, not "
            f"{height}x{width}: raise data.resolution or choose a policy without {culprit}"
        )


def _per_image(values: jax.Array) -> jax.Array:
    """(N,) -> (N, 1, 1, 1)."""
    return values[:, None, None, None]


def _sources(chosen: Parameters, height: int, width: int) -> jax.Array:
    """For `warp.warp`, (N, 3, 3): inverses of the geometric transforms, the first one leftmost."""
    sides = np.array((width, height), np.float32)
    whole, fraction = jnp.round(chosen.xint * sides), chosen.xfrac * sides
    steps = (
        _scaling(1 - 2 * chosen.xflip, 1),
        _rotation(chosen.rotate90 * (math.pi / 2)),
        _translation(-whole),
        _scaling(1 / chosen.scale, 1 / chosen.scale),
        _rotation(chosen.pre_rotation),
        _scaling(1 / chosen.aniso, chosen.aniso),
        _rotation(chosen.post_rotation),
        _translation(-fraction),
    )
    return functools.reduce(functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST), steps)


def _affine(*entries: jax.Array | float) -> jax.Array:
    """(N, 3, 3) from the first two rows, each entry (N,) or a number."""
    return jnp.stack(jnp.broadcast_arrays(*entries, 0.0, 0.0, 1.0), -1).reshape(-1, 3, 3)


def _scaling(x: jax.Array, y: jax.Array | float) -> jax.Array:
    return _affine(x, 0.0, 0.0, 0.0, y, 0.0)


def _rotation(angle: jax.Array) -> jax.Array:
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return _affine(cos, -sin, 0.0, sin, cos, 0.0)


def _translation(shift: jax.Array) -> jax.Array:
    return _affine(1.0, 0.0, shift[:, 0], 0.0, 1.0, shift[:, 1])


def _recoloured(x: jax.Array, chosen: Parameters) -> jax.Array:
    """All colour transforms at once: each acts on luma or on chroma, or scales both alike."""
    brightness, contrast, saturation, lumaflip, angle = map(
        _per_image,
        (chosen.brightness, chosen.contrast, chosen.saturation, chosen.lumaflip, chosen.hue),
    )
    luma = x.mean(-1, keepdims=True)
    new_luma = (1 - 2 * lumaflip) * contrast * (luma + brightness)
    if x.shape[-1] == 1:
        return new_luma
    chroma = x - luma
    # The cross product with the unit vector along the grey axis, a quarter turn about it.
    turned = (jnp.roll(chroma, 1, -1) - jnp.roll(chroma, -1, -1)) / math.sqrt(3)
    chroma = jnp.cos(angle) * chroma + jnp.sin(angle) * turned
    return new_luma + saturation * contrast * chroma


def _filtered(x: jax.Array, gains: jax.Array) -> jax.Array:
    """Amplifies each octave along both axes, edges mirrored."""

    def filters(side: int) -> jax.Array:
        return jnp.tensordot(gains, _band_matrices(side), axes=1, precision=lax.Precision.HIGHEST)

    _, height, width, _ = x.shape
    x = jnp.einsum("nij,njwc->niwc", filters(height), x, precision=lax.Precision.HIGHEST)
    return jnp.einsum("nij,nhjc->nhic", filters(width), x, precision=lax.Precision.HIGHEST)


def _band_matrices(side: int) -> np.ndarray:
    """(4, side, side): filtering a line of pixels, mirrored at its ends, by each of the bank."""
    reach = _BANK.shape[1] // 2
    mirrored = np.pad(np.eye(side), ((reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, 2 * reach + 1, axis=0)
    return np.einsum("bk,ijk->bij", _BANK, windows).astype(np.float32)


def _cut_out(chosen: Parameters, height: int, width: int) -> jax.Array:
    """(N, H, W, 1), where the box is."""

    def inside(side: int, centre: jax.Array) -> jax.Array:
        distance = jnp.abs((jnp.arange(side) + 0.5) / side - centre[:, None])
        return distance < chosen.cutout_size[:, None] / 2

    x, y = (
        inside(side, centre)
        for side, centre in zip((width, height), chosen.cutout_centre.T, strict=True)
    )
    return (y[:, :, None] & x[:, None, :])[..., None]

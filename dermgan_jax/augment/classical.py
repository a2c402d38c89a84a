"""Classical augmentation of photographs: flips, rotation and colour jitter, on the device.

Colours change as torchvision's ColorJitter changes them: brightness, contrast, saturation and hue
in an order drawn anew for every image, each clipped to the range of an image. Unlike
torchvision's RandomRotation, which leaves black corners, images continue as mirror images.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

GREY = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as torchvision rounds it


@dataclasses.dataclass(frozen=True)
class Amounts:
    """How much images change at most. All zero changes nothing. Hashable.

    Attributes:
      horizontal_flip, vertical_flip: probabilities.
      rotation: degrees, either way.
      brightness, contrast, saturation: factors are drawn from [1 - amount, 1 + amount].
      hue: turns of the colour circle, either way; at most 0.5.
    """

    horizontal_flip: float = 0.5
    vertical_flip: float = 0.5
    rotation: float = 20.0
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.05

    def faults(self) -> list[str]:
        """Why these cannot be amounts; empty if they can."""
        found = []
        limits = {"horizontal_flip": 1, "vertical_flip": 1, "rotation": 180, "hue": 0.5}
        for name, amount in dataclasses.asdict(self).items():
            most = limits.get(name, 1)
            if not 0 <= amount <= most:
                found.append(f"model.classical.{name} is {amount}; expected 0 to {most}")
        return found


def augment(rng: jax.Array, images: jax.Array, amounts: Amounts) -> jax.Array:
    """Images (N, H, W, C), float32 in [-1, 1], each changed at random; grey ones keep no colour.

    Args:
      rng: a key.
      images: (N, H, W, C), C 1 or 3.
      amounts: static.
    """
    return augment_each(jax.random.split(rng, len(images)), images, amounts)


def augment_each(keys: jax.Array, images: jax.Array, amounts: Amounts) -> jax.Array:
    """As `augment`, with a key per image: (N,)."""
    return jax.vmap(functools.partial(_augment_one, amounts=amounts))(keys, images)


def _augment_one(rng: jax.Array, image: jax.Array, amounts: Amounts) -> jax.Array:
    flip_rng, rotation_rng, colour_rng = jax.random.split(rng, 3)
    across, down = jax.random.uniform(flip_rng, (2,))
    image = jnp.where(across < amounts.horizontal_flip, image[:, ::-1], image)
    image = jnp.where(down < amounts.vertical_flip, image[::-1], image)
    if amounts.rotation:
        image = rotate(image, amounts.rotation * jax.random.uniform(rotation_rng, (), minval=-1))
    return _jitter(colour_rng, image, amounts)


def rotate(image: jax.Array, degrees: jax.Array | float) -> jax.Array:
    """One image (H, W, C), turned anticlockwise about its centre; bilinear, edges mirrored."""
    height, width = image.shape[:2]
    angle = jnp.deg2rad(degrees)
    y = jnp.arange(height)[:, None] - (height - 1) / 2
    x = jnp.arange(width)[None] - (width - 1) / 2
    rows = (height - 1) / 2 + jnp.cos(angle) * y + jnp.sin(angle) * x
    columns = (width - 1) / 2 - jnp.sin(angle) * y + jnp.cos(angle) * x
    sample = functools.partial(map_coordinates, coordinates=[rows, columns], order=1, mode="mirror")
    return jax.vmap(sample, in_axes=-1, out_axes=-1)(image)


def _jitter(rng: jax.Array, image: jax.Array, amounts: Amounts) -> jax.Array:
    """Changes of colour that have an amount, in random order; of grey images, those of light."""
    coloured = image.shape[-1] == 3
    changes = [
        (amounts.brightness, adjust_brightness, 1.0),
        (amounts.contrast, adjust_contrast, 1.0),
        (coloured and amounts.saturation, adjust_saturation, 1.0),
        (coloured and amounts.hue, adjust_hue, 0.0),
    ]
    changes = [change for change in changes if change[0]]
    if not changes:
        return image
    order_rng, amount_rng = jax.random.split(rng)
    draws = jax.random.uniform(amount_rng, (len(changes),), minval=-1)
    branches = [
        functools.partial(_changed, adjust=adjust, value=centre + amount * draws[index])
        for index, (amount, adjust, centre) in enumerate(changes)
    ]
    image = (image + 1) / 2
    for which in jax.random.permutation(order_rng, len(changes)):
        image = jax.lax.switch(which, branches, image)
    return image * 2 - 1


def _changed(image, adjust, value):
    return adjust(image, value)


def adjust_brightness(image: jax.Array, factor: jax.Array | float) -> jax.Array:
    """An image (H, W, C) in [0, 1], mixed with black: 0 gives black, 1 leaves it."""
    return _mix(image, jnp.zeros_like(image), factor)


def adjust_contrast(image: jax.Array, factor: jax.Array | float) -> jax.Array:
    """An image (H, W, C) in [0, 1], mixed with the mean of its grey version."""
    return _mix(image, jnp.mean(_grey(image)), factor)


def adjust_saturation(image: jax.Array, factor: jax.Array | float) -> jax.Array:
    """An image (H, W, 3) in [0, 1], mixed with its grey version."""
    return _mix(image, _grey(image), factor)


def adjust_hue(image: jax.Array, turns: jax.Array | float) -> jax.Array:
    """An image (H, W, 3) in [0, 1], its hues turned by a share of the colour circle.

    In HSV: value and saturation stay as they are.
    """
    value, least = image.max(-1), image.min(-1)
    chroma = value - least
    red, green, blue = jnp.moveaxis(image, -1, 0)
    divisor = jnp.where(chroma > 0, chroma, 1.0)
    # Not by equality with `value`: within a compiled program the two may be rounded differently.
    sextant = jnp.select(
        [(red >= green) & (red >= blue), green >= blue],
        [(green - blue) / divisor, 2 + (blue - red) / divisor],
        4 + (red - green) / divisor,
    )
    # Colour c of (5, 3, 1) at hue h: value - chroma · clip(min(k, 4 - k), 0, 1), k = c + h mod 6.
    position = (jnp.array([5.0, 3.0, 1.0]) + (sextant + 6 * turns)[..., None]) % 6
    share = jnp.clip(jnp.minimum(position, 4 - position), 0, 1)
    return value[..., None] - chroma[..., None] * share


def _grey(image: jax.Array) -> jax.Array:
    """(H, W, 1); an image of one channel is grey as it is."""
    if image.shape[-1] == 1:
        return image
    return jnp.sum(image * jnp.array(GREY, image.dtype), axis=-1, keepdims=True)


def _mix(image: jax.Array, other: jax.Array, factor: jax.Array | float) -> jax.Array:
    return jnp.clip(factor * image + (1 - factor) * other, 0, 1)

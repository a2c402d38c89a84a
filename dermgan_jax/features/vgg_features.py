"""VGG16 and VGG19 (Simonyan and Zisserman, 2015; torchvision's), tapped before or after any ReLU.

What perceptual losses compare. Taps are called conv3_4, before the ReLU, and relu3_4, after it.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from dermgan_jax.nets.same_conv import SameConv

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)

# Network -> convolutions in each block, all of a block as wide.
DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


def tap_names(network: str) -> tuple[str, ...]:
    """All taps of a network, the shallowest first."""
    return tuple(
        f"{kind}{block}_{conv}"
        for block, depth in enumerate(DEPTHS[network], start=1)
        for conv in range(1, depth + 1)
        for kind in ("conv", "relu")
    )


class VggFeatures(nn.Module):
    """The convolutions of a VGG as far as its taps need; parameters are named as torchvision's.

    Takes images (N, H, W, 3), normalised, whose sides need not be multiples of anything.

    Attributes:
      network: a key of `DEPTHS`.
      taps: of `tap_names`, at least one.
      divisor: of all widths; 1 is the published network.
    """

    network: str
    taps: tuple[str, ...]
    divisor: int = 1

    @nn.compact
    def __call__(self, images: Array) -> dict[str, Array]:
        """Tap -> activations (N, h, w, C)."""
        found, x, index = {}, images, 0
        for block, depth in enumerate(DEPTHS[self.network], start=1):
            if block > 1:
                x = nn.max_pool(x, (2, 2), (2, 2))
                index += 1
            for place in range(1, depth + 1):
                width = WIDTHS[block - 1] // self.divisor
                x = SameConv(width, name=f"features_{index}")(x)
                index += 2  # torchvision numbers convolutions, ReLUs and pools
                for kind in ("conv", "relu"):
                    if kind == "relu":
                        x = nn.relu(x)
                    if (tap := f"{kind}{block}_{place}") in self.taps:
                        found[tap] = x
                if len(found) == len(self.taps):
                    return found
        raise ValueError(f"{self.network} has no taps {set(self.taps) - set(found)}")


def normalized(images: Array) -> Array:
    """Images (N, H, W, C) in [0, 1] as torchvision's networks take them: three channels."""
    images = jnp.broadcast_to(images, (*images.shape[:3], 3))
    return (images - jnp.array(IMAGENET_MEAN)) / jnp.array(IMAGENET_DEVIATION)

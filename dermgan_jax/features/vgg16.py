"""VGG16 (Simonyan and Zisserman 2015; torchvision's `vgg16`) as LPIPS taps it."""

import flax.linen as nn
from jax import Array

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Vgg16(nn.Module):
    """The convolutions of VGG16; its parameters are named as torchvision's.

    Takes images (N, H, W, 3) of at least 16×16, normalised as LPIPS does.
    """

    smallest_side = 16

    @nn.compact
    def __call__(self, images: Array) -> list[Array]:
        """Activations relu1_2, 2_2, 3_3, 4_3 and 5_3, of 64, 128, 256, 512 and 512 channels."""
        taps, x, index = [], images, 0
        for block, widths in enumerate(BLOCKS):
            if block > 0:
                x = nn.max_pool(x, (2, 2), (2, 2))
                index += 1
            for features in widths:
                x = nn.relu(nn.Conv(features, (3, 3), padding=1, name=f"features_{index}")(x))
                index += 2  # torchvision numbers convolutions, ReLUs and pools
            taps.append(x)
        return taps

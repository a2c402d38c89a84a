"""SqueezeNet 1.1 (Iandola et al. 2016; torchvision's `squeezenet1_1`) as LPIPS taps it."""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

FIRES = {3: 16, 4: 16, 6: 32, 7: 32, 9: 48, 10: 48, 11: 64, 12: 64}  # index -> squeezed channels
POOLED_BEFORE = (3, 6, 9)
TAPPED = (4, 7, 9, 10, 11, 12)


class SqueezeNet(nn.Module):
    """The convolutions of SqueezeNet 1.1; its parameters are named as torchvision's.

    Takes images (N, H, W, 3) of at least 17×17, normalised as LPIPS does.
    """

    smallest_side = 17

    @nn.compact
    def __call__(self, images: Array) -> list[Array]:
        """Seven activations, of 64, 128, 256, 384, 384, 512 and 512 channels."""
        x = nn.relu(nn.Conv(64, (3, 3), 2, padding="VALID", name="features_0")(images))
        taps = [x]
        for index, squeezed in FIRES.items():
            if index in POOLED_BEFORE:
                x = pool_with_partial_windows(x)
            x = Fire(squeezed, name=f"features_{index}")(x)
            if index in TAPPED:
                taps.append(x)
        return taps


class Fire(nn.Module):
    """1×1 convolution to `squeezed` channels, then 1×1 and 3×3 ones to four times as many each."""

    squeezed: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = nn.relu(nn.Conv(self.squeezed, (1, 1), name="squeeze")(x))
        narrow = nn.relu(nn.Conv(4 * self.squeezed, (1, 1), name="expand1x1")(x))
        wide = nn.relu(nn.Conv(4 * self.squeezed, (3, 3), padding=1, name="expand3x3")(x))
        return jnp.concatenate([narrow, wide], axis=-1)


def pool_with_partial_windows(x: Array) -> Array:
    """3×3 maxima at stride 2, with a last window that overhangs the border (`ceil_mode=True`)."""
    overhang = [(0, (side - 3) % 2) for side in x.shape[1:3]]
    return nn.max_pool(x, (3, 3), (2, 2), padding=overhang)

"""Fixed random mixing of a network's feature maps: CCM and CSM of Projected GAN.

Sauer et al., NeurIPS 2021, arXiv:2111.01007, section 3.2; projected-gan, pg_modules/projector.py
and blocks.py (FeatureFusionBlock). Never trained, but part of what a run has to keep.
"""

import functools
from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dermgan_jax.nets.spectral_norm import uniform_fan_in

Mixing = Literal["none", "channels", "scales"]


class RandomProjection(nn.Module):
    """Feature maps mixed over channels (CCM), then from deep to shallow over scales (CSM).

    Layers are `ccm0`, `ccm1`, … and `csm0`, …, of the shallowest map first.

    Attributes:
      width: channels of the shallowest map (cout).
      expand: twice as many channels at each deeper map.
      mixing: "channels": CCM alone; "scales": both, which doubles the size of all maps; "none".
    """

    width: int = 64
    expand: bool = True
    mixing: Mixing = "scales"

    @nn.compact
    def __call__(self, maps: Sequence[jax.Array]) -> list[jax.Array]:
        """Maps (N, H, W, C), each half as large as the one before -> as many.

        Their channels are c, 2c, 4c, 8c ("channels") and c, c, 2c, 4c ("scales"), without `expand`
        all c.
        """
        if self.mixing == "none":
            return list(maps)
        mixed = [
            PointwiseConv(self.width << level if self.expand else self.width, name=f"ccm{level}")(x)
            for level, x in enumerate(maps)
        ]
        if self.mixing == "channels":
            return mixed
        scaled = []
        for level in reversed(range(len(mixed))):
            x = mixed[level] + scaled[-1] if scaled else mixed[level]
            halve = self.expand and level > 0
            features = x.shape[-1] // 2 if halve else x.shape[-1]
            x = PointwiseConv(features, name=f"csm{level}")(x)
            # The original convolves after enlarging; the two commute, and this order is cheaper.
            scaled.append(enlarge(x))
        return scaled[::-1]


class PointwiseConv(nn.Module):
    """1x1 convolution with bias, which begins as PyTorch's does (not as He et al.).

    Attributes:
      features: output channels.
    """

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> (N, H, W, features)."""
        init = uniform_fan_in(x.shape[-1])
        kernel = self.param("kernel", init, (1, 1, x.shape[-1], self.features))
        bias = self.param("bias", init, (self.features,))
        return x @ kernel[0, 0].astype(x.dtype) + bias.astype(x.dtype)


@functools.lru_cache
def _aligned_corners(size: int) -> np.ndarray:
    """Weights (2 size, size) of bilinear interpolation whose outer pixels' centres stay."""
    places = np.arange(2 * size) * (size - 1) / (2 * size - 1)
    lower = np.minimum(places.astype(int), max(size - 2, 0))
    share = places - lower
    matrix = np.zeros((2 * size, size), np.float32)
    rows = np.arange(2 * size)
    matrix[rows, lower] += 1 - share
    matrix[rows, np.minimum(lower + 1, size - 1)] += share
    return matrix


def enlarge(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, 2 H, 2 W, C): torch's interpolate(…, "bilinear", align_corners=True)."""
    columns, rows = (jnp.asarray(_aligned_corners(side), x.dtype) for side in x.shape[2:0:-1])
    return jnp.einsum("uh,nhvc->nuvc", rows, jnp.einsum("vw,nhwc->nhvc", columns, x))

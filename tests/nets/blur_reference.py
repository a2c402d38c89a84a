"""CUT's Downsample and Upsample (models/networks.py) for any filter, as they are written there."""

import jax
import jax.numpy as jnp
from jax import lax

NHWC = ("NHWC", "HWIO", "NHWC")


def down(x: jax.Array, taps: jax.Array) -> jax.Array:
    """(N, H, W, C) by (C, 1, 3, 3): mirrored by 1, one filter per channel, stride 2."""
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    kernel, channels = taps.transpose(2, 3, 1, 0), x.shape[-1]
    return lax.conv_general_dilated(
        x, kernel, (2, 2), "VALID", dimension_numbers=NHWC, feature_group_count=channels
    )


def up(x: jax.Array, taps: jax.Array) -> jax.Array:
    """(N, H, W, C) by (C, 1, 4, 4): repeated by 1, transposed with stride 2, padding 2; cropped."""
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    kernel, channels = taps[:, :, ::-1, ::-1].transpose(2, 3, 1, 0), x.shape[-1]
    y = lax.conv_general_dilated(
        *(x, kernel, (1, 1), [(1, 1)] * 2),
        lhs_dilation=(2, 2),
        dimension_numbers=NHWC,
        feature_group_count=channels,
    )
    return y[:, 1:-1, 1:-1]

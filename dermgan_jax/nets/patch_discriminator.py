"""PatchGAN, which judges patches, and its 1x1 variant (Isola et al., 2017, section 3.2.2).

Source: junyanz/pytorch-CycleGAN-and-pix2pix and taesungp/contrastive-unpaired-translation,
models/networks.py, NLayerDiscriminator and PixelDiscriminator. Both judge by logits.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.antialiasing import blur_down
from dermgan_jax.nets.conv_layers import Conv, KernelInit
from dermgan_jax.nets.convolution import zero_pad
from dermgan_jax.nets.feature_norm import Norm, normalize


class PatchDiscriminator(nn.Module):
    """`num_layers` 4x4 convolutions with stride 2, then two with stride 1.

    Layers are `conv0` ... `conv{num_layers + 1}`; `norm1` ... `norm{num_layers}` follow theirs.
    With 3 layers each logit sees 70x70 pixels.

    Attributes:
      width: channels of the first layer (the original's ndf); they double up to 8 times that.
      num_layers: halvings of the size.
      norm: "instance", "batch" (adds the collection `batch_stats`) or "none".
      antialias: convolve at full size, then down-sample blurred; CUT's default.
      kernel_init: of the kernels, "normal" or "xavier".
      dtype: of the arithmetic; parameters, statistics and logits are float32.
    """

    width: int = 64
    num_layers: int = 3
    norm: Norm = "instance"
    antialias: bool = False
    kernel_init: KernelInit = "normal"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits float32 (N, h, w, 1) of images (N, H, W, C); 256x256 pixels give 30x30.

        Args:
          x: images, or a condition and images joined along the channels.
          train: batch statistics are those of the batch.
        """
        for i in range(self.num_layers + 2):
            outermost = i in (0, self.num_layers + 1)
            features = self.width * min(2**i, 8) if i <= self.num_layers else 1
            halves = i < self.num_layers
            conv = Conv(
                *(features, 4, "down" if halves and not self.antialias else None),
                use_bias=outermost or self.norm == "instance",
                **{"kernel_init": self.kernel_init, "dtype": self.dtype, "name": f"conv{i}"},
            )
            x = conv(x if conv.resample else zero_pad(x, 1))
            if not outermost:
                x = normalize(self.norm, x, train, f"norm{i}")
            if i <= self.num_layers:
                x = nn.leaky_relu(x, 0.2)
            if halves and self.antialias:
                x = blur_down(x)
        return x.astype(jnp.float32)


class PixelDiscriminator(nn.Module):
    """Three 1x1 convolutions, `conv0` to `conv2`, with `norm1` after the second.

    Attributes:
      width, norm, kernel_init, dtype: as in `PatchDiscriminator`.
    """

    width: int = 64
    norm: Norm = "instance"
    kernel_init: KernelInit = "normal"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Logits float32 (N, H, W, 1) of images (N, H, W, C)."""
        for i, features in enumerate((self.width, 2 * self.width, 1)):
            use_bias = i == 0 or self.norm == "instance"
            options = {"kernel_init": self.kernel_init, "dtype": self.dtype, "name": f"conv{i}"}
            x = Conv(features, 1, use_bias=use_bias, **options)(x)
            if i == 1:
                x = normalize(self.norm, x, train, "norm1")
            if i < 2:
                x = nn.leaky_relu(x, 0.2)
        return x.astype(jnp.float32)

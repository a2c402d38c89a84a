"""SPADE's generator: images of semantic maps (Park et al., 2019; models/networks/generator.py)."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.resampling import nearest_up
from dermgan_jax.nets.spade_layers import GAIN, SLOPE, PlainConv, SpadeBlock, nearest_to

Upsampling = Literal["normal", "more", "most"]
DOUBLINGS: dict[Upsampling, int] = {"normal": 5, "more": 6, "most": 7}


class SpadeGenerator(nn.Module):
    """From a few pixels of the map, or from a latent, to an image of the map's size.

    Attributes:
      channels: of the images.
      width: channels of the last block but those of "most"; the first has 16 times as many.
      hidden: of the layers between the map and its scales and shifts.
      upsampling: how often the size is doubled: "normal" 5, "more" 6, "most" 7 times.
      from_latent: begin with a dense layer of the latent in place of the map.
      dtype: of the arithmetic; parameters are float32.
    """

    channels: int = 3
    width: int = 64
    hidden: int = 128
    upsampling: Upsampling = "normal"
    from_latent: bool = False
    dtype: Any = jnp.float32

    @property
    def multiple(self) -> int:
        """What the sides of a map have to be multiples of."""
        return 2 ** DOUBLINGS[self.upsampling]

    @nn.compact
    def __call__(
        self, semantics: jax.Array, latents: jax.Array | None = None, *, train: bool
    ) -> jax.Array:
        """(N, H, W, S) -> images (N, H, W, channels), float32 in [-1, 1].

        Args:
          semantics: one-hot maps, H and W multiples of `multiple`.
          latents: (N, L), where `from_latent`.
          train: see `Spade`.
        """

        def block(x: jax.Array, features: int, name: str) -> jax.Array:
            layer = SpadeBlock(features * self.width // 2, self.hidden, self.dtype, name=name)
            return layer(x, semantics, train)

        x = self._start(semantics, latents)
        x = nearest_up(block(x, 32, "head_0"))
        x = block(x, 32, "G_middle_0")
        x = x if self.upsampling == "normal" else nearest_up(x)
        x = block(x, 32, "G_middle_1")
        for i, features in enumerate((16, 8, 4, 2)):
            x = block(nearest_up(x), features, f"up_{i}")
        if self.upsampling == "most":
            x = block(nearest_up(x), 1, "up_4")
        x = PlainConv(self.channels, dtype=self.dtype, name="conv_img")(nn.leaky_relu(x, SLOPE))
        return jnp.tanh(x.astype(jnp.float32))

    def _start(self, semantics: jax.Array, latents: jax.Array | None) -> jax.Array:
        size = tuple(side // self.multiple for side in semantics.shape[1:3])
        features = 16 * self.width
        if not self.from_latent:
            return PlainConv(features, dtype=self.dtype, name="fc")(nearest_to(semantics, size))
        # Rows of the weight are ordered as PyTorch's: channels, rows, columns.
        init = nn.initializers.variance_scaling(GAIN**2, "fan_avg", "normal")
        dense = nn.Dense(features * size[0] * size[1], kernel_init=init, name="fc")
        x = dense(latents).reshape(-1, features, *size).transpose(0, 2, 3, 1)
        return x.astype(self.dtype)

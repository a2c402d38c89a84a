"""A dense layer whose bias is added in float32."""

from typing import Any

import jax
from flax import linen as nn

from dermgan_jax.nets import broadcast


class Dense(nn.Module):
    """As `nn.Dense`, with parameters of the same names, but for the bias: see `broadcast.add`.

    Attributes:
      features: output numbers.
      dtype: of the product and the result; None: that of the input.
      kernel_init, bias_init: as there.
    """

    features: int
    dtype: Any = None
    kernel_init: Any = nn.initializers.lecun_normal()
    bias_init: Any = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(…, D) -> (…, features)."""
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        bias = self.param("bias", self.bias_init, (self.features,))
        dtype = self.dtype or x.dtype
        y = jax.lax.dot_general(
            x.astype(dtype), kernel.astype(dtype), (((x.ndim - 1,), (0,)), ((), ()))
        )
        return broadcast.add(y, bias)

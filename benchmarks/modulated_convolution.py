"""Milliseconds of StyleGAN2's convolutions in several forms.

    python benchmarks/modulated_convolution.py [--batch=8]

Per form: forward; forward and backward; and a gradient penalty with its backward pass. All forms of
a row get the same inputs and take turns; the best of the rounds counts, without compilation. Ratios
are to the first form of each row group, which is the one in use.

  scaled     `modulated_conv`: one convolution for all images, its inputs and outputs scaled
  grouped    a kernel per image, one convolution with a group per image (the original's "fused")
  polyphase  `fir.up_conv`, `fir.down_conv`: filtered resampling without inserted zeros
  dilated    the original's form: input dilated, or filtered, by XLA's own convolutions
"""

import argparse
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from timing import best_ms, passes

from dermgan_jax.nets import fir
from dermgan_jax.nets.style_layers import modulated_conv

SHAPES = ((8, 256, 256), (16, 128, 128), (32, 64, 64))
NHWC = ("NHWC", "HWIO", "NHWC")


def grouped(x: jax.Array, kernel: jax.Array, styles: jax.Array) -> jax.Array:
    """`modulated_conv` with a group per image."""
    n, h, w, c = x.shape
    own = kernel * styles[:, None, None, :, None]
    own = own * lax.rsqrt(jnp.square(own).sum((1, 2, 3), keepdims=True) + 1e-8)
    own = own.transpose(1, 2, 3, 0, 4).reshape(3, 3, c, -1)
    side_by_side = x.transpose(1, 2, 0, 3).reshape(1, h, w, n * c)
    y = lax.conv_general_dilated(
        side_by_side, own, (1, 1), "SAME", dimension_numbers=NHWC, feature_group_count=n
    )
    return y.reshape(h, w, n, -1).transpose(2, 0, 1, 3)


def blurred(x: jax.Array, gain: float, padding: tuple[int, int]) -> jax.Array:
    """The filter as a convolution of each channel by itself."""
    taps = jnp.array([1, 3, 3, 1.0]) / 8
    taps = jnp.tile(gain * jnp.outer(taps, taps)[:, :, None, None], (1, 1, 1, x.shape[-1]))
    return lax.conv_general_dilated(
        x, taps, (1, 1), [padding] * 2, dimension_numbers=NHWC, feature_group_count=x.shape[-1]
    )


def dilated_up(x: jax.Array, kernel: jax.Array, styles: jax.Array) -> jax.Array:
    del styles
    y = lax.conv_general_dilated(
        *(x, kernel[::-1, ::-1], (1, 1), [(2, 2)] * 2),
        lhs_dilation=(2, 2),
        dimension_numbers=NHWC,
    )
    return blurred(y, 4, (1, 1))


def dilated_down(x: jax.Array, kernel: jax.Array, styles: jax.Array) -> jax.Array:
    del styles
    y = blurred(x, 1, (2, 2))
    return lax.conv_general_dilated(y, kernel, (2, 2), "VALID", dimension_numbers=NHWC)


FORMS: dict[str, dict[str, Callable]] = {
    "modulated": {"scaled": modulated_conv, "grouped": grouped},
    "up": {"polyphase": lambda x, kernel, styles: fir.up_conv(x, kernel), "dilated": dilated_up},
    "down": {
        "polyphase": lambda x, kernel, styles: fir.down_conv(x, kernel),
        "dilated": dilated_down,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=8)
    batch = parser.parse_args().batch
    print(f"{'':28}{'forward':>16}{'backward':>16}{'penalty':>16}   ms (ratio)")
    for operation, forms in FORMS.items():
        for side, inputs, outputs in SHAPES:
            rngs = jax.random.split(jax.random.key(0), 3)
            x = jax.random.normal(rngs[0], (batch, side, side, inputs))
            kernel = jax.random.normal(rngs[1], (3, 3, inputs, outputs)) / 24
            args = (x, kernel, jax.random.normal(rngs[2], (batch, inputs)))
            columns = zip(*(passes(form) for form in forms.values()), strict=True)
            times = [
                best_ms([jax.jit(f).lower(*args).compile() for f in c], *args) for c in columns
            ]
            for i, name in enumerate(forms):
                cells = "".join(f"{t[i]:9.2f} ({t[i] / t[0]:5.2f})" for t in times)
                print(
                    f"{operation:10}{side:3}² {inputs:3}→{outputs:3}  {name:10}{cells}", flush=True
                )


if __name__ == "__main__":
    main()

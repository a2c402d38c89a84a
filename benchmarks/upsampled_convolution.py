"""Milliseconds of a 3x3 convolution on an image enlarged twice, in several forms.

    python benchmarks/upsampled_convolution.py [--batch=16]

The shapes are those of Projected GAN's generator at 64x64 with model.width=32. Per form: forward;
forward and backward; and a gradient penalty with its backward pass. All forms get the same inputs
and take turns; the best of the rounds counts, without compilation. Ratios are to the first form,
which is the one in use.

  phases     `convolve_upsampled`: four phases of 2x2 pixels, as matrix products
  winograd   the enlarged image by Winograd's tiles
  enlarged   the enlarged image by XLA's convolution
"""

import argparse

import jax
from jax import lax
from timing import best_ms, passes

from dermgan_jax.nets.convolution import convolve, convolve_upsampled, zero_pad
from dermgan_jax.nets.resampling import nearest_up

SHAPES = ((4, 512, 512), (8, 256, 256), (16, 128, 128), (32, 64, 128))


def winograd(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return convolve(zero_pad(nearest_up(x), 1), kernel)


def enlarged(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        nearest_up(x), kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


FORMS = {"phases": convolve_upsampled, "winograd": winograd, "enlarged": enlarged}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16)
    batch = parser.parse_args().batch
    totals = dict.fromkeys(FORMS, 0.0)
    print(f"{'':16}{'forward':>16}{'backward':>16}{'penalty':>16}   ms (ratio)")
    for side, inputs, outputs in SHAPES:
        rngs = jax.random.split(jax.random.key(0), 2)
        args = (
            jax.random.normal(rngs[0], (batch, side, side, inputs)),
            jax.random.normal(rngs[1], (3, 3, inputs, outputs)) / 24,
        )
        columns = zip(*(passes(form) for form in FORMS.values()), strict=True)
        times = [best_ms([jax.jit(f).lower(*args).compile() for f in c], *args) for c in columns]
        for i, name in enumerate(FORMS):
            totals[name] += times[1][i]
            cells = "".join(f"{t[i]:9.2f} ({t[i] / t[0]:5.2f})" for t in times)
            print(f"{side:3}² {inputs:3}→{outputs:3}  {name:10}{cells}", flush=True)
    first = totals["phases"]
    told = (f"{name} {total:.0f} ({total / first:.2f})" for name, total in totals.items())
    print("backward, all shapes: " + ", ".join(told))


if __name__ == "__main__":
    main()

"""Milliseconds of PGAN's convolutions in several forms, and of a whole training step.

    python benchmarks/convolutions.py [--batch=16 --skip_step]

Per form: forward; forward and backward; and a gradient penalty with its backward pass, which
differentiates the convolution twice. All forms of a row get the same inputs and take turns; the
best of the rounds counts, without compilation. Ratios are to the first form of each row group.

  separate   nearest x2 then 3x3, or 3x3 then 2x2 mean
  fused      `up_conv` and `down_conv`: one 4x4 convolution with stride 2, own gradients
  autodiff   the same convolution, differentiated by JAX
  sub-pixel  stride 1 only: four phases as channels, or 2x2 boxes moved into channels
  im2col     a plain 3x3 convolution as nine shifted copies and a matrix product
"""

import argparse
import functools
import time
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from timing import best_ms, passes

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Context, Loss
from dermgan_jax.models.pgan import ProgressiveGan
from dermgan_jax.nets.resampling import box_down, conv, down_conv, nearest_up, up_conv

SHAPES = ((32, 64, 64), (32, 64, 32), (16, 64, 64), (8, 128, 128))
NHWC = ("NHWC", "HWIO", "NHWC")


def overlapped(kernel: jax.Array) -> jax.Array:
    """3x3 -> 4x4: the sum of the kernel at its four places."""
    taps = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    taps = taps[1:] + taps[:-1]
    return taps[:, 1:] + taps[:, :-1]


def up_autodiff(x: jax.Array, kernel: jax.Array) -> jax.Array:
    taps, padding = overlapped(kernel), [(2, 2)] * 2
    return lax.conv_general_dilated(
        x, taps, (1, 1), padding, lhs_dilation=(2, 2), dimension_numbers=NHWC
    )


def down_autodiff(x: jax.Array, kernel: jax.Array) -> jax.Array:
    taps, padding = overlapped(kernel) / 4, [(1, 1)] * 2
    return lax.conv_general_dilated(x, taps, (2, 2), padding, dimension_numbers=NHWC)


def up_subpixel(x: jax.Array, kernel: jax.Array) -> jax.Array:
    n, h, w, _ = x.shape
    pairs = jnp.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], jnp.float32)
    taps = jnp.einsum("apk,bql,klio->pqiabo", pairs, pairs, kernel)
    taps = taps.reshape(2, 2, kernel.shape[2], -1)
    x = jnp.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))
    y = lax.conv_general_dilated(x, taps, (1, 1), [(0, 1)] * 2, dimension_numbers=NHWC)
    y = y.reshape(n, h + 1, w + 1, 2, 2, -1)
    rows = [jnp.stack([y[:, a : a + h, b : b + w, a, b] for b in (0, 1)], 3) for a in (0, 1)]
    return jnp.stack(rows, 2).reshape(n, 2 * h, 2 * w, -1)


def down_subpixel(x: jax.Array, kernel: jax.Array) -> jax.Array:
    def boxes(x: jax.Array) -> jax.Array:
        n, h, w, c = x.shape
        x = x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5)
        return x.reshape(n, h // 2, w // 2, 4 * c)

    taps = boxes(overlapped(kernel).transpose(3, 0, 1, 2) / 4).transpose(1, 2, 3, 0)
    x = boxes(jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))))
    y = lax.conv_general_dilated(x, taps, (1, 1), [(0, 1)] * 2, dimension_numbers=NHWC)
    return y[:, :-1, :-1]


def im2col(x: jax.Array, kernel: jax.Array) -> jax.Array:
    _, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    columns = [x[:, a : a + h, b : b + w] for a in range(3) for b in range(3)]
    return jnp.concatenate(columns, -1) @ kernel.reshape(9 * c, -1)


FORMS = {
    "up": {
        "separate": lambda x, kernel: conv(nearest_up(x), kernel),
        "fused": up_conv,
        "autodiff": up_autodiff,
        "sub-pixel": up_subpixel,
    },
    "down": {
        "separate": lambda x, kernel: box_down(conv(x, kernel)),
        "fused": down_conv,
        "autodiff": down_autodiff,
        "sub-pixel": down_subpixel,
    },
    "plain": {"conv": conv, "im2col": im2col},
}


def compare_forms(batch: int) -> None:
    """Prints one line per operation, shape and form. Sides are those of the larger image."""
    print(f"{'':28}{'forward':>16}{'backward':>16}{'penalty':>16}   ms (ratio)")
    for operation, forms in FORMS.items():
        for side, inputs, outputs in SHAPES:
            input_side = side // 2 if operation == "up" else side
            x = jax.random.normal(jax.random.key(0), (batch, input_side, input_side, inputs))
            kernel = jax.random.normal(jax.random.key(1), (3, 3, inputs, outputs)) / 24
            columns = zip(*(passes(form) for form in forms.values()), strict=True)
            times = [
                best_ms([jax.jit(f).lower(x, kernel).compile() for f in column], x, kernel)
                for column in columns
            ]
            for i, name in enumerate(forms):
                cells = "".join(f"{t[i]:9.2f} ({t[i] / t[0]:4.2f})" for t in times)
                print(
                    f"{operation:6}{side:3}² {inputs:3}→{outputs:3}  {name:10}{cells}", flush=True
                )


def time_step(batch: int) -> None:
    """Prints compile seconds and milliseconds of a D and a G update per stage, without Adam."""
    config = configuration.experiment("pgan")
    config.model.update({"fmap_base": 1024, "fmap_max": 64, "latent_size": 64})
    config.train.total_kimg = 1.0
    model = ProgressiveGan(configuration.validate(config), DataSpec(32, 32, 3, (), batch))
    variables = jax.jit(model.init)(jax.random.key(0))
    rng = jax.random.key(1)
    for side in (32, 16, 8, 4):
        images = jax.random.uniform(rng, (batch, side, side, 3), minval=-1.0)
        inputs = {"image": images, "label": jnp.zeros(batch, jnp.int32)}
        context = Context((side, side), {"alpha": jnp.float32(0.5)}, jnp.int32(0), {}, {})
        for phase in model.phases():
            trainable = {net: variables[net]["params"] for net in phase.trains}
            frozen = {net: {} if net in trainable else variables[net] for net in variables}
            update = jax.jit(functools.partial(gradients, phase.loss, context))
            args = (trainable, frozen, inputs, rng)
            start = time.perf_counter()
            compiled = update.lower(*args).compile()
            seconds = time.perf_counter() - start
            (best,) = best_ms([compiled], *args)
            print(f"{side:3}² {phase.name} phase {best:7.1f} ms, compilation {seconds:.1f} s")


def gradients(loss: Loss, context: Context, *args: Any) -> Any:
    """What the engine computes before an update; the context's side stays static."""
    return jax.value_and_grad(loss, has_aux=True)(*args, context)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--skip_step", action="store_true")
    args = parser.parse_args()
    compare_forms(args.batch)
    if not args.skip_step:
        time_step(args.batch)


if __name__ == "__main__":
    main()

"""Milliseconds of depthwise convolutions, and images per second of EfficientNet-Lite0.

    python benchmarks/depthwise.py [--batch=16 --side=96]

Per layer of EfficientNet-Lite0, forward, and forward and backward: the form in use against XLA's
grouped convolution, on equal inputs, taking turns; the best of the rounds counts, without
compilation. Then the whole network both ways.
"""

import argparse
import functools

import jax
import jax.numpy as jnp
from timing import best_ms, passes

from dermgan_jax.features.efficientnet_lite import LITE0, EfficientNetLite0
from dermgan_jax.nets import depthwise


def layers(side: int) -> list[tuple[int, int, int, int]]:
    """(side of the input, channels, kernel size, stride) of each depthwise layer."""
    found, side, width = [], -(-side // 2), 32
    for blocks, kernel, stride, expansion, channels in LITE0:
        for block in range(blocks):
            step = stride if block == 0 else 1
            found.append((side, width * expansion, kernel, step))
            side, width = -(-side // step), channels
    return found


def network_rate(batch: int, side: int) -> float:
    """Images per second of the network as it is now."""
    network = EfficientNetLite0()
    images = jnp.zeros((batch, side, side, 3))
    variables = jax.jit(network.init)(jax.random.key(0), images)
    forward = jax.jit(network.apply).lower(variables, images).compile()
    return 1000 * batch / best_ms([forward], variables, images)[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=96)
    options = parser.parse_args()
    print(f"{'':20}{'forward':>22}{'backward':>22}   ms in use / grouped (ratio)")
    for side, channels, size, stride in layers(options.side):
        rngs = jax.random.split(jax.random.key(0))
        x = jax.random.normal(rngs[0], (options.batch, side, side, channels))
        kernel = jax.random.normal(rngs[1], (size, size, 1, channels))
        forms = (depthwise.depthwise, depthwise.grouped)
        columns = zip(
            *(passes(functools.partial(form, stride=stride))[:2] for form in forms), strict=True
        )
        cells = ""
        for column in columns:
            compiled = [jax.jit(f).lower(x, kernel).compile() for f in column]
            own, other = best_ms(compiled, x, kernel)
            cells += f"{own:8.2f}{other:8.2f} ({own / other:.2f})"
        print(f"{side:3}²×{channels:4} {size}×{size}/{stride}  {cells}", flush=True)
    rate = network_rate(options.batch, options.side)
    in_use, depthwise.depthwise = depthwise.depthwise, depthwise.grouped
    print(f"network: {rate:.1f} images/s, {rate / network_rate(options.batch, options.side):.2f}×")
    depthwise.depthwise = in_use


if __name__ == "__main__":
    main()

"""Plans of this machine against measured steps: each family at several sizes.

  python benchmarks/calibration.py --configs=dcgan:phantom,pgan:phantom --sizes=16,32,64

A line gives the images per second that the plan allows at most, those that were measured, and the
share that was reached; then, per family, what a forecast misses at a size if it takes the share
of the sizes beside it. The last stage is measured, by its own program with arguments of zeros:
without input, evaluation and saving. Nothing else may be running.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp

from dermgan_jax.commands import configuration
from dermgan_jax.config import validate, with_values
from dermgan_jax.planning import abstract_step, plan
from dermgan_jax.planning.accelerators import Accelerator
from dermgan_jax.planning.expected_data import data_spec
from dermgan_jax.planning.this_machine import this_machine
from dermgan_jax.registry import load
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import sharding

FAMILIES = (
    *("dcgan:phantom", "pgan:phantom", "lapgan:phantom", "stylegan2_melanoma:phantom"),
    *("fastgan:phantom", "cyclegan_derm7pt:phantom", "cut:phantom", "pix2pix:phantom"),
    *("spade:phantom", "superres_ham10000:phantom", "anomaly_ham10000:phantom"),
    *("classifier:phantom", "segmenter:phantom"),
)
SECONDS = 6.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", default=",".join(FAMILIES))
    parser.add_argument("--sizes", default="16,32,64")
    args = parser.parse_args()
    accelerator = Accelerator(this_machine(), (1,))
    print("| configuration | size | at most | measured | reached |\n" + "| --- " * 5 + "|")
    for name in args.configs.split(","):
        shares = []
        for size in map(int, args.sizes.split(",")):
            config = configuration.parse([f"--config={name}"])
            config = with_values(
                validate(config),
                {"data.resolution": size, "data.load_resolution": 0, "data.cache": "host"},
            )
            bound, measured = compared(config, accelerator)
            shares.append(measured / bound)
            print(
                f"| `{name}` | {size} | {bound:,.0f} | {measured:,.0f} | {shares[-1]:.0%} |",
                flush=True,
            )
        misses = [
            abs(statistics.fmean(s for s in shares if s is not share) / share - 1)
            for share in shares
        ]
        if len(shares) > 1:
            print(f"| `{name}` | | | forecast misses by | {max(misses):.0%} |", flush=True)


def compared(config, accelerator):
    """(images per second at most, measured) of the last stage."""
    model = load("model", config.model.name)(config, data_spec(config)[0])
    stage = model.stage(10**12)
    planned = plan.make_plan(config, accelerator, compiles=False)
    row = next(row for row in planned.configured if row.stage == str(stage))
    shapes = abstract_step.arguments(model, stage, sharding.data_mesh(jax.devices()[:1]))
    run = abstract_step.trace(model, stage, jax.devices()[:1]).lower().compile()
    state = jax.device_put(jax.jit(lambda: init_state(model))(), shapes.state.clock.step.sharding)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype, device=x.sharding), shapes[1:])
    zeros = (*zeros[:-1], jnp.ones_like(zeros[-1]))
    period = max(phase.every for phase in model.phases())
    state = jax.block_until_ready(run(state, *zeros)[0])
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(period):
            state = jax.block_until_ready(run(state, *zeros)[0])
        done += period
    return row.images_per_second, done * model.iteration_images(stage) / (
        time.perf_counter() - began
    )


if __name__ == "__main__":
    main()

"""Seconds of one CycleGAN training step, against the same step written plainly in PyTorch.

    python benchmarks/cyclegan_step.py --rival_python=PYTHON
        [--width=64 --blocks=9 --side=128 --batch=1 --rounds=5 --cores=2 --profile]

PYTHON is an interpreter with PyTorch, so that it is not needed here; without it only ours is
measured. A step is everything: both generators with cycle and identity terms, both discriminators
through their pools, four Adams. Both take turns, one waiting while the other computes; the median
of the rounds counts, without compilation and two warm-up steps. --profile prints what XLA's
operations take in one step, added up over threads.
"""

import argparse
import collections
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rival import Rival

from dermgan_jax import config as config_schema
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.cyclegan import CycleGan
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import sharding
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import StageInputs, compile_steps


def our_step(width: int, blocks: int, side: int, batch: int) -> tuple[Callable, int]:
    """(a function that makes one step and waits for it, parameters)."""
    config = config_schema.experiment("cyclegan")
    config.model.update({"width": width, "num_blocks": blocks})
    config.data.update({"resolution": side, "load_resolution": side})
    config.train.batch_size = batch
    config = config_schema.validate(config)
    model = CycleGan(config, DataSpec(side, side, 3, (), 100, (100, 100)))
    recipe = Recipe(model, sharding.data_mesh())
    # "rbg" only because its draws compile in a sixth of the time.
    with jax.default_prng_impl("rbg"):
        state = jax.jit(lambda: init_state(model))()
    run = compile_steps(recipe)
    stage = model.stage(0)
    rates = {net: jnp.full(1, rate) for net, rate in stage.learning_rates.items()}
    inputs, active = StageInputs(rates, {}, jnp.zeros(1, jnp.uint32)), jnp.ones(1, bool)
    rng = np.random.default_rng(0)

    def step() -> None:
        nonlocal state
        shape = (1, 1, batch, side, side, 3)
        batches = {name: rng.integers(0, 256, shape, np.uint8) for name in ("a", "b")}
        state, _ = run(
            state,
            batches,
            {},
            inputs,
            active,
            image_size=(side, side),
            phases=recipe.phases_in(stage),
        )
        jax.block_until_ready(state)

    return step, sum(leaf.size for leaf in jax.tree.leaves(state.variables))


def timed(function: Callable[[], None]) -> tuple[float, float]:
    """(seconds, CPU seconds)."""
    began, cpu_began = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - began, time.process_time() - cpu_began


def print_profile(step: Callable[[], None], rows: int = 16) -> None:
    """The kinds of operation that take most of one step, added up over threads."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            step()
        file = next(Path(folder).rglob("*.xplane.pb"))
        profile = jax.profiler.ProfileData.from_file(str(file))
    totals: collections.Counter[str] = collections.Counter()
    counts: collections.Counter[str] = collections.Counter()
    for plane in profile.planes:
        for line in plane.lines:
            for event in line.events:
                if dict(event.stats).get("hlo_op"):
                    kind = re.sub(r"[.\d]+$", "", event.name)
                    totals[kind] += event.duration_ns
                    counts[kind] += 1
    whole = sum(totals.values())
    print(f"{'operation':44}{'times':>8}{'ms':>10}{'share':>8}")
    for kind, nanoseconds in totals.most_common(rows):
        share = nanoseconds / whole
        print(f"{kind[:43]:44}{counts[kind]:8}{nanoseconds / 1e6:10.1f}{share:8.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival_python", help="interpreter that has PyTorch")
    parser.add_argument("--width", type=int, default=64, help="of the generators")
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--side", type=int, default=128, help="of the images, pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, help="use only so many, both")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    if arguments.cores:  # before JAX starts its threads; the rival inherits it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    cores = len(os.sched_getaffinity(0))
    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))

    sizes = [arguments.width, arguments.blocks, arguments.side, arguments.batch]
    step, parameters = our_step(*sizes)
    print(f"compiled, first step included, in {timed(step)[0]:.1f} s", flush=True)
    rival = (
        Rival(arguments.rival_python, "rival_cyclegan_step.py", *sizes, cores)
        if arguments.rival_python
        else None
    )
    ours, theirs = [], []
    for number in range(arguments.rounds + 2):
        pair = timed(step)
        answer = rival.measure() if rival else None
        if number < 2:
            continue
        ours.append(pair)
        if answer:
            theirs.append((answer["seconds"], answer["cpu_seconds"]))
    print(f"{'':14}{'seconds':>10}{'CPU seconds':>14}{'parameters':>14}")
    wall, cpu = map(statistics.median, zip(*ours, strict=True))
    print(f"{'dermgan_jax':14}{wall:10.2f}{cpu:14.2f}{parameters:14,}")
    if rival:
        their_wall, their_cpu = map(statistics.median, zip(*theirs, strict=True))
        print(f"{'PyTorch':14}{their_wall:10.2f}{their_cpu:14.2f}{answer['parameters']:14,}")
        print(f"{'ratio':14}{wall / their_wall:10.2f}{cpu / their_cpu:14.2f}")
    load = os.getloadavg()
    print(f"{cores} cores, load average {load[0]:.1f} (of 5 minutes: {load[1]:.1f})")
    if arguments.profile:
        print_profile(step)


if __name__ == "__main__":
    main()

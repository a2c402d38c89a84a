"""Size and compilation of a training step on this machine: one program in which lazy phases ask
whether they are due (what trains), against one for each set of phases that are due together.

  python benchmarks/compile_time.py --configs=stylegan2_melanoma:small,pgan:phantom
  python benchmarks/compile_time.py --count --configs=stylegan2_melanoma,pgan

With --count nothing is compiled: a row for each configuration, with the operations of the largest
stage's step as it is lowered for CPUs and for TPUs, and how long tracing takes.
Operations are those of StableHLO; seconds are processor time of all threads, tracing included.
Nothing is read from or kept in a compilation cache.
"""

import argparse
import dataclasses
import time

import jax

from dermgan_jax.commands import configuration
from dermgan_jax.config import validate
from dermgan_jax.planning import abstract_step
from dermgan_jax.planning.expected_data import data_spec
from dermgan_jax.registry import load
from dermgan_jax.train import sharding
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.step import compile_steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", default="stylegan2_melanoma:small")
    parser.add_argument("--only", choices=("one", "sets"), default=None)
    parser.add_argument("--count", action="store_true")
    args = parser.parse_args()
    if args.count:
        print("| configuration | stage | batch | for CPUs | for TPUs | traced in |")
        print("| --- | --- | --- | --- | --- | --- |")
    jax.config.update("jax_enable_compilation_cache", False)
    for name in args.configs.split(","):
        config = validate(configuration.parse([f"--config={name}"]))
        model = load("model", config.model.name)(config, data_spec(config)[0])
        recipe = Recipe(model, sharding.data_mesh(jax.devices()[:1]))
        stage = model.stage(10**12)
        if args.count:
            print(_counted(name, recipe, stage), flush=True)
            continue
        print(f"{name}, {stage}, batch {stage.batch_size}")
        names = recipe.phases_in(stage)
        sets = dict.fromkeys(
            tuple(p.name for p in recipe.phases if p.name in names and step % p.every == 0)
            for step in range(1000)
        )
        if args.only != "sets":
            _report("one", [_row(recipe, stage, names)])
        if args.only != "one":
            _report("one per set of due phases", [_row(alone(recipe), stage, s) for s in sets])


def _counted(name, recipe, stage):
    arguments = abstract_step.arguments(recipe.model, stage, recipe.mesh)
    phases, began = recipe.phases_in(stage), time.process_time()
    traced = compile_steps(recipe).trace(*arguments, image_size=stage.image_size, phases=phases)
    seconds = time.process_time() - began
    operations = [
        traced.lower(lowering_platforms=(platform,)).as_text().count(" = ")
        for platform in ("cpu", "tpu")
    ]
    cells = (f"`{name}`", stage, stage.batch_size, *(f"{number:,}" for number in operations))
    return f"| {' | '.join(map(str, cells))} | {seconds:.0f} s |"


def _report(title, rows):
    operations, seconds = (sum(row[part] for row in rows) for part in (1, 2))
    print(f"  {title}: {operations:,} operations, {seconds:.0f} s in all")
    for name, size, spent in rows:
        print(f"    {name}: {size:,} operations, {spent:.0f} s", flush=True)


def alone(recipe):
    """The recipe with phases that never ask whether they are due."""
    other = Recipe(recipe.model, recipe.mesh)
    other.__dict__["phases"] = tuple(dataclasses.replace(phase, every=1) for phase in recipe.phases)
    return other


def _row(recipe, stage, phases):
    arguments = abstract_step.arguments(recipe.model, stage, recipe.mesh)
    began = time.process_time()
    traced = compile_steps(recipe).trace(*arguments, image_size=stage.image_size, phases=phases)
    lowered = traced.lower()
    operations = lowered.as_text().count(" = ")
    lowered.compile()
    return "+".join(phases), operations, time.process_time() - began


if __name__ == "__main__":
    main()

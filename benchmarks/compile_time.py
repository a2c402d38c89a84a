"""Size and compilation of a training step on this machine: one program per phase, against one per
set of phases that are due together (which is what calls of several steps still use).

  python benchmarks/compile_time.py --configs=stylegan2_melanoma:small,pgan:phantom

Operations are those of StableHLO; seconds are processor time of all threads, tracing included.
Nothing is read from or kept in a compilation cache.
"""

import argparse
import time

import jax

from dermgan_jax.commands import configuration
from dermgan_jax.config import validate
from dermgan_jax.planning import abstract_step
from dermgan_jax.planning.expected_data import data_spec
from dermgan_jax.registry import load
from dermgan_jax.train import sharding
from dermgan_jax.train.programs import traced_programs
from dermgan_jax.train.recipe import Due, Recipe
from dermgan_jax.train.step import compile_steps


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", default="stylegan2_melanoma:small")
    parser.add_argument("--only", choices=("apart", "together"), default=None)
    args = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)
    for name in args.configs.split(","):
        config = validate(configuration.parse([f"--config={name}"]))
        model = load("model", config.model.name)(config, data_spec(config)[0])
        recipe = Recipe(model, sharding.data_mesh(jax.devices()[:1]))
        stage = model.stage(10**12)
        print(f"{name}, {stage}, batch {stage.batch_size}")
        if args.only != "together":
            _report("one per phase", _apart(recipe, stage))
        if args.only != "apart":
            _report("one per set of due phases", _together(recipe, stage))


def _report(title, rows):
    operations, seconds = (sum(row[part] for row in rows) for part in (1, 2))
    print(f"  {title}: {operations:,} operations, {seconds:.0f} s in all")
    for name, size, spent in rows:
        print(f"    {name}: {size:,} operations, {spent:.0f} s", flush=True)


def _apart(recipe, stage):
    """Compiled one after the other, so that each has its own processor time."""
    state, *arguments = abstract_step.arguments(recipe.model, stage, recipe.mesh)[:4]
    began, rows = time.process_time(), []
    for name, traced in traced_programs(recipe, stage, state, arguments):
        rows.append((name, *_compiled(traced, began)))
        began = time.process_time()
    return rows


def _together(recipe, stage):
    """A program for each set of phases that the first thousand steps have due."""
    arguments = abstract_step.arguments(recipe.model, stage, recipe.mesh)
    sets = dict.fromkeys(recipe.due(stage, step).phases for step in range(1000))
    rows = []
    for phases in sets:
        began = time.process_time()
        traced = compile_steps(recipe).trace(
            *arguments, image_size=stage.image_size, due=Due(phases)
        )
        rows.append(("+".join(phases), *_compiled(traced, began)))
    return rows


def _compiled(traced, began):
    lowered = traced.lower()
    operations = lowered.as_text().count(" = ")
    lowered.compile()
    return operations, time.process_time() - began


if __name__ == "__main__":
    main()

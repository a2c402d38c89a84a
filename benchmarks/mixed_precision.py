"""What bfloat16 changes: errors of layers and gradients, and losses after many steps.

    PYTHONPATH=tests python benchmarks/mixed_precision.py      # errors, of every family
    PYTHONPATH=tests python benchmarks/mixed_precision.py --families=pgan,cut --steps=2000

Models are those of tests/tiny_configs.py, on drawn images of 8 to 64 pixels. An error is the norm
of the difference to float32, divided by the norm of the latter: of what each layer gives out in a
phase, and of the gradient of each parameter, with equal weights and random numbers. A layer is a
module; its calls count together. Both trainings begin with the same weights and see the same
images.
"""

import argparse
import contextlib
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from engine_probe import first_call, first_state, recipe_of, tiny
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.models.contract import Context
from dermgan_jax.runs.state import Clock
from dermgan_jax.train import schedule, sharding
from dermgan_jax.train.calls import Calls
from dermgan_jax.train.load_batches import load_batches
from dermgan_jax.train.step import phase_gradients

PRECISIONS = ("float32", "bfloat16")
LEAST = 1e-6  # of the largest norm of a phase; the error of what is smaller is one of nothing
IMAGES_SEEN = 100  # in the middle of a fade for models that have one
LAST = 0.1  # of the steps, whose mean loss is told


class Errors(NamedTuple):
    """Relative errors, name -> value."""

    layers: dict[str, float]
    gradients: dict[str, float]


class Training(NamedTuple):
    """Of one precision.

    Attributes:
      losses: phase -> mean loss of the last tenth of the steps.
      finite: whether all losses and gradients were.
    """

    losses: dict[str, float]
    finite: bool


@contextlib.contextmanager
def recorded(into: dict[tuple[str, int], list[np.ndarray]]) -> Iterator[None]:
    """Makes programs that are traced meanwhile keep what their modules give out when they run.

    Args:
      into: (path of the module, number of the call) -> arrays, in the order of a loop's rounds.
    """
    traced: dict[str, int] = {}

    def keep(call: Any, arguments: Any, options: Any, context: Any) -> Any:
        out = call(*arguments, **options)
        if context.method_name == "__call__":
            path = "/".join((network_of(context.module), *context.module.path))
            number = traced[path] = traced.get(path, 0) + 1
            arrays = [x for x in jax.tree.leaves(out) if jnp.issubdtype(x.dtype, jnp.floating)]

            def store(*values: Any) -> None:
                into.setdefault((path, number), []).extend(map(np.asarray, values))

            jax.debug.callback(store, *(x.astype(jnp.float32) for x in arrays))
        return out

    with nn.intercept_methods(keep):
        yield


def network_of(module: nn.Module) -> str:
    """The name of the class of the outermost module that one lies in."""
    while isinstance(module.parent, nn.Module):
        module = module.parent
    return type(module).__name__


def outputs_and_gradients(config: FrozenConfigDict) -> dict[str, tuple[dict, dict]]:
    """Phase -> (outputs of layers, gradients), each name -> arrays."""
    recipe = recipe_of(config, 1)
    state = first_state(recipe)
    batches, inputs, stage = first_call(recipe, config, IMAGES_SEEN)

    def compute(state: Any, batches: Any, inputs: Any, last: str) -> Any:
        """The gradients of the phase called `last`, after those before it."""
        rng = jax.random.key(7)
        only = jax.tree.map(lambda x: x[0], batches)
        batch = load_batches(recipe, only, {}, rng, stage.image_size)
        batch = jax.tree.map(lambda x: x[0], batch)
        traced = jax.tree.map(lambda x: x[0], inputs.traced)
        context = Context(stage.image_size, traced, state.clock.images_seen, {}, state.extra)
        for phase in recipe.phases:
            with recorded(layers) if phase.name == last else contextlib.nullcontext():
                (_, aux), gradients = phase_gradients(phase, state, batch, context, rng)
            if phase.name == last:
                return gradients
            context = context._replace(handoff={**context.handoff, **aux.handoff})

    found = {}
    for phase in recipe.phases:
        layers: dict[tuple[str, int], list[np.ndarray]] = {}
        gradients = jax.device_get(
            jax.jit(compute, static_argnums=3)(state, batches, inputs, phase.name)
        )
        jax.effects_barrier()
        by_path: dict[str, list[np.ndarray]] = {}
        for (path, _), arrays in sorted(layers.items()):
            by_path.setdefault(path, []).extend(arrays)
        named = jax.tree.leaves_with_path(gradients)
        found[phase.name] = (
            by_path,
            {
                jax.tree_util.keystr(path, simple=True, separator="/"): [leaf]
                for path, leaf in named
            },
        )
    return found


def relative(exact: dict[str, list], rounded: dict[str, list]) -> dict[str, float]:
    """Name -> norm of the difference over the norm of the exact."""

    def norm(arrays: list) -> float:
        return float(np.sqrt(sum(np.sum(np.square(x, dtype=np.float64)) for x in arrays)))

    norms = {name: norm(arrays) for name, arrays in exact.items()}
    least = LEAST * max(norms.values(), default=0.0)
    return {
        name: norm([a - b for a, b in zip(exact[name], rounded[name], strict=True)]) / norms[name]
        for name in exact
        if norms[name] > least
    }


def errors(family: str, folder: pathlib.Path) -> Errors:
    """Of all phases of a family, by "phase: name"."""
    exact, rounded = (
        outputs_and_gradients(tiny(family, folder, precision=precision)) for precision in PRECISIONS
    )
    found: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for phase in exact:
        for kind in (0, 1):
            pairs = relative(exact[phase][kind], rounded[phase][kind])
            found[kind].update({f"{phase}: {name}": value for name, value in pairs.items()})
    return Errors(*found)


def training(config: FrozenConfigDict, steps: int) -> Training:
    """Trains for so many steps, without evaluations."""
    recipe = recipe_of(config, 1)
    model, state, clock = recipe.model, first_state(recipe), Clock(0, 0, 0)
    mesh = sharding.data_mesh(jax.devices()[:1])
    calls = Calls(recipe, model.open_feed(catalogue(config.data), mesh, state.variables))
    rows, finite = [], True
    while clock.step < steps:
        stages, after = schedule.plan_call(model, clock)
        if not stages:
            break
        state, reports = calls.dispatch(state, clock, stages)
        clock = after
        reports = jax.device_get(reports)
        finite &= not any(report.nonfinite.any() for report in reports.values())
        rows.append({n: float(r.metrics["loss"][0]) for n, r in reports.items() if r.ran[0]})
    last = rows[-max(1, round(LAST * len(rows))) :]
    names = dict.fromkeys(name for row in rows for name in row)
    return Training(
        {
            name: float(np.mean([row[name] for row in last if name in row] or [np.nan]))
            for name in names
        },
        finite,
    )


def summary(values: dict[str, float]) -> str:
    """Median and worst, with the name of the worst."""
    worst = max(values, key=values.__getitem__)
    return f"{np.median(list(values.values())):.1e} | {values[worst]:.1e} `{worst}`"


def main() -> None:
    """Prints a row for each family as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--families", default=",".join(registry.names("model")))
    parser.add_argument("--steps", type=int, default=0, help="trains so many; 0: errors only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for family in arguments.families.split(","):
            if not arguments.steps:
                found = errors(family, pathlib.Path(folder))
                print(
                    f"| {family} | {summary(found.layers)} | {summary(found.gradients)} |",
                    flush=True,
                )
                continue
            kimg = tiny(family, folder).train.total_kimg * 10000
            length = {"train.total_kimg": kimg, "checkpoint.every_kimg": kimg}
            both = [
                training(tiny(family, folder, precision=precision, **length), arguments.steps)
                for precision in PRECISIONS
            ]
            losses = "; ".join(
                f"{name} {both[0].losses[name]:.3g} / {both[1].losses[name]:.3g}"
                for name in both[0].losses
            )
            finite = " and ".join("all finite" if each.finite else "NOT FINITE" for each in both)
            print(f"| {family} | {losses} | {finite} |", flush=True)


if __name__ == "__main__":
    main()

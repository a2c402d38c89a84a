"""The training step: one jitted program that knows no model.

An iteration runs the model's phases in order. A phase computes its loss and the gradient with
respect to its own nets only, and updates these nets. After the last phase the averaged weights are
updated. Random keys depend on (seed, step, phase, repeat) and on nothing else.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dermgan_jax.models import keys
from dermgan_jax.models.contract import Aux, Batch, Context, Phase, Variables
from dermgan_jax.runs.state import TrainState, init_moments
from dermgan_jax.train.freezing import held
from dermgan_jax.train.load_batches import load_batches
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.sharding import replicated


class PhaseReport(NamedTuple):
    """What one phase of one iteration says. All zero where a lazy phase sat out.

    Attributes:
      metrics: name -> float32 scalar, "loss" among them; means over the phase's repeats.
      nonfinite: bool (1 + number of gradient tensors,): the loss, then each gradient in tree order.
      ran: bool scalar.
    """

    metrics: Mapping[str, jax.Array]
    nonfinite: jax.Array
    ran: jax.Array


class StageInputs(NamedTuple):
    """A stage's traced part.

    Attributes:
      learning_rates: net name -> float32 scalar.
      traced: name -> float32 scalar.
      seed: uint32 scalar, of the run; runs that differ in nothing else share a compiled program.
    """

    learning_rates: Mapping[str, jax.Array]
    traced: Mapping[str, jax.Array]
    seed: jax.Array


def compile_steps(recipe: Recipe) -> Callable[..., tuple[TrainState, dict[str, PhaseReport]]]:
    """`run_steps` for one recipe, jitted: one trace per (image size, batch size, phases).

    The state is donated. Arguments of the result: state, batches, resident, inputs, active,
    image_size, phases.
    """
    return jax.jit(
        functools.partial(run_steps, recipe),
        static_argnames=("image_size", "phases"),
        donate_argnames="state",
        out_shardings=replicated(recipe.mesh),
    )


def compile_moment_reset(recipe: Recipe) -> Callable[[TrainState], TrainState]:
    """A jitted function that starts all optimisers anew, as PGAN does around every fade."""

    def reset(state: TrainState) -> TrainState:
        return state.replace(opt_state=init_moments(recipe.model, state.variables))

    return jax.jit(reset, donate_argnums=0, out_shardings=replicated(recipe.mesh))


def run_steps(
    recipe: Recipe,
    state: TrainState,
    batches: Batch,
    resident: Batch,
    inputs: StageInputs,
    active: jax.Array,
    image_size: tuple[int, int],
    phases: tuple[str, ...],
) -> tuple[TrainState, dict[str, PhaseReport]]:
    """Several iterations in one program.

    Args:
      recipe: the run's constants.
      state: the state before.
      batches: "image" uint8 (K, R, B, h, w, C) and "label" int32 (K, R, B), or "a" and "b" as
        "image"; of masks "mask" uint8 (K, R, B, h, w, 1). K iterations of R minibatches. Instead of
        what is in `resident`, positions there, int32 (K, R, B). Floats (K, R, B, …) in place of
        images reach the losses as they are.
      resident: "image" uint8 (N, h, w, C) and "label" int32 (N,), or "a" and "b", or nothing.
      inputs: leaves of shape (K,).
      active: bool (K,); the other iterations are left out, so that a call may be shorter than K.
      image_size: (h, w) of the stage.
      phases: names of those that run; a lazy one in every so many iterations, the others sit out.

    Returns:
      The state after, and phase name -> report with leaves of leading size K.
    """

    def advance(state: TrainState, xs: Any) -> tuple[TrainState, dict[str, PhaseReport]]:
        batch, stage_inputs, _ = xs
        return run_iteration(recipe, state, batch, resident, stage_inputs, image_size, phases)

    xs = (batches, inputs, active)
    if active.shape[0] == 1:
        state, reports = advance(state, jax.tree.map(lambda x: x[0], xs))
        return state, jax.tree.map(lambda x: x[None], reports)

    def advance_if_active(state: TrainState, xs: Any) -> tuple[TrainState, dict[str, PhaseReport]]:
        return jax.lax.cond(xs[-1], advance, sit_out(advance, state, xs), state, xs)

    return jax.lax.scan(advance_if_active, state, xs)


def sit_out(function: Callable, *args: Any) -> Callable:
    """A stand-in for `function(carry, …) -> (carry, outputs)`: same carry, outputs of zeros."""
    _, outputs = jax.eval_shape(function, *args)
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), outputs)
    return lambda carry, *_: (carry, zeros)


def run_iteration(
    recipe: Recipe,
    state: TrainState,
    batches: Batch,
    resident: Batch,
    inputs: StageInputs,
    image_size: tuple[int, int],
    phases: tuple[str, ...],
) -> tuple[TrainState, dict[str, PhaseReport]]:
    """One training iteration: every phase that is due, then the averaged weights.

    Args and returns as in `run_steps`, without the leading axis K.
    """
    begun = begin(recipe, state, batches, resident, inputs, image_size)
    handoff: dict[str, Any] = {}
    reports = {}
    for index, phase in enumerate(recipe.phases):
        update = functools.partial(run_phase, recipe, index, begun, handoff, image_size)
        if phase.name not in phases:
            state, outputs = sit_out(update, state)(state)
        elif phase.every > 1:
            now = state.clock.step % phase.every == 0
            state, outputs = jax.lax.cond(now, update, sit_out(update, state), state)
        else:
            state, outputs = update(state)
        reports[phase.name], handed_on = outputs
        handoff = {**handoff, **handed_on}
    return end(recipe, state, begun), reports


class Begun(NamedTuple):
    """What all phases of an iteration share.

    Attributes:
      batches: as `load_batches` gives them.
      inputs: of the stage; learning rates are multiplied by what the model's state says.
    """

    batches: Batch
    inputs: StageInputs


def begin(
    recipe: Recipe,
    state: TrainState,
    batches: Batch,
    resident: Batch,
    inputs: StageInputs,
    image_size: tuple[int, int],
) -> Begun:
    """Loads what an iteration sees; arguments as of `run_iteration`."""
    rng = _iteration_key(state, inputs)
    load_rng = jax.random.fold_in(rng, len(recipe.phases))
    scale = recipe.model.learning_rate_scale(state.extra)
    rates = {net: scale * rate for net, rate in inputs.learning_rates.items()}
    loaded = load_batches(recipe, batches, resident, load_rng, image_size)
    return Begun(loaded, inputs._replace(learning_rates=rates))


def end(recipe: Recipe, state: TrainState, begun: Begun) -> TrainState:
    """Averages the weights and advances the clock."""
    config = recipe.model.config
    repeats, batch_size = jax.tree.leaves(begun.batches)[0].shape[:2]
    images = repeats * batch_size
    decay = ema_decay(config.ema, images, state.clock.images_seen)
    return state.replace(
        ema=averaged(state.ema, state.variables, decay),
        clock=state.clock.advance(images, config.train.schedule_interval),
    )


def _iteration_key(state: TrainState, inputs: StageInputs) -> jax.Array:
    run_rng = keys.purpose_key(inputs.seed, keys.Purpose.ITERATION)
    return jax.random.fold_in(run_rng, state.clock.step)


def run_phase(
    recipe: Recipe,
    index: int,
    begun: Begun,
    handoff: Mapping[str, Any],
    image_size: tuple[int, int],
    state: TrainState,
) -> tuple[TrainState, tuple[PhaseReport, Mapping[str, Any]]]:
    """All updates of one phase in one iteration: update r sees minibatch r.

    Args:
      recipe: the run's constants.
      index: of the phase.
      begun: see `begin`.
      handoff: what earlier phases of the iteration hand on.
      image_size: (h, w) of the stage.
      state: before the phase.

    Returns:
      The state after, and (report, what the phase hands on to later phases).
    """
    phase = recipe.phases[index]
    batches, inputs = begun
    rng = jax.random.fold_in(_iteration_key(state, inputs), index)
    context = Context(image_size, inputs.traced, state.clock.images_seen, handoff, state.extra)

    def update(state: TrainState, xs: Any) -> tuple[TrainState, tuple[PhaseReport, Mapping]]:
        repeat, batch = xs
        (loss, aux), grads = phase_gradients(
            phase,
            state,
            batch,
            context._replace(extra=state.extra),
            jax.random.fold_in(rng, repeat),
            tuple(recipe.model.config.train.freeze),
        )
        state = apply_update(recipe, state, grads, aux, inputs.learning_rates)
        tensors = [loss, *jax.tree.leaves(grads)]
        nonfinite = jnp.stack([~jnp.all(jnp.isfinite(tensor)) for tensor in tensors])
        report = PhaseReport({"loss": loss, **aux.metrics}, nonfinite, jnp.ones((), bool))
        return state, (report, aux.handoff)

    if phase.repeat == 1:
        return update(state, (0, jax.tree.map(lambda x: x[0], batches)))
    # A stage in which the phase never runs may have fewer minibatches: only shapes are asked then.
    wanted = jax.tree.map(
        lambda x: (
            x[: phase.repeat]
            if len(x) >= phase.repeat
            else jnp.resize(x, (phase.repeat, *x.shape[1:]))
        ),
        batches,
    )
    state, (reports, handoffs) = jax.lax.scan(
        update,
        state,
        (jnp.arange(phase.repeat), wanted),
        unroll=phase.repeat if recipe.on_cpu else 1,
    )
    report = PhaseReport(
        jax.tree.map(jnp.mean, reports.metrics), reports.nonfinite.any(axis=0), reports.ran[-1]
    )
    return state, (report, jax.tree.map(lambda x: x[-1], handoffs))


def phase_gradients(
    phase: Phase,
    state: TrainState,
    batch: Batch,
    context: Context,
    rng: jax.Array,
    frozen_layers: tuple[str, ...] = (),
) -> tuple[tuple[jax.Array, Aux], Variables]:
    """((loss, aux), gradients) of a phase with respect to the parameters of its nets.

    Those of `frozen_layers` are 0, so that Adam leaves these where they are.
    """
    trainable = {net: state.variables[net]["params"] for net in phase.trains}
    frozen = {
        net: {k: v for k, v in variables.items() if net not in trainable or k != "params"}
        for net, variables in state.variables.items()
    }

    def loss(trainable: Variables) -> tuple[jax.Array, Aux]:
        return phase.loss(held(trainable, frozen_layers), frozen, batch, rng, context)

    return jax.value_and_grad(loss, has_aux=True)(trainable)


def apply_update(
    recipe: Recipe,
    state: TrainState,
    grads: Variables,
    aux: Aux,
    learning_rates: Mapping[str, jax.Array],
) -> TrainState:
    """One optimiser update of the nets in `grads`, and the collections that a loss changed."""
    variables, opt_state = dict(state.variables), dict(state.opt_state)
    for net, gradient in grads.items():
        params = variables[net]["params"]
        updates, opt_state[net] = recipe.optimizers[net].update(gradient, opt_state[net], params)
        rate = -learning_rates[net]
        params = jax.tree.map(lambda p, u, rate=rate: p + rate * u, params, updates)
        variables[net] = {**variables[net], "params": params}
    for net, collections in aux.collections.items():
        variables[net] = {**variables[net], **collections}
    extra = state.extra if aux.extra is None else aux.extra
    return state.replace(variables=variables, opt_state=opt_state, extra=extra)


def ema_decay(fields: Any, images: int, images_seen: jax.Array) -> jax.Array | float:
    """The share of the average that one iteration keeps.

    It is fixed, or follows from a half-life in images. Early in training the half-life is at most
    `ramp_up` times the images seen (training_loop.py of StyleGAN2-ADA).

    Args:
      fields: `config.ema`.
      images: that the iteration shows.
      images_seen: before it.
    """
    if not fields.half_life_kimg:
        return fields.decay
    half_life = jnp.float32(fields.half_life_kimg * 1000)
    if fields.ramp_up:
        half_life = jnp.minimum(half_life, images_seen * jnp.float32(fields.ramp_up))
    return 0.5 ** (images / jnp.maximum(half_life, 1e-8))


def averaged(ema: Variables, variables: Variables, decay: jax.Array | float) -> Variables:
    """Exponential moving average of parameters; other collections are copied.

    ema ← ema + (1 − decay)(params − ema), once per iteration (Gs of the original PGAN).
    """
    return {
        net: {
            **variables[net],
            "params": jax.tree.map(
                lambda average, new: average + (1 - decay) * (new - average),
                ema[net]["params"],
                variables[net]["params"],
            ),
        }
        for net in ema
    }


def tensor_names(recipe: Recipe, variables: Variables) -> dict[str, list[str]]:
    """Phase name -> what each element of its `PhaseReport.nonfinite` stands for."""
    names = {}
    for phase in recipe.phases:
        trainable = {net: variables[net]["params"] for net in phase.trains}
        paths = jax.tree.leaves_with_path(trainable)
        names[phase.name] = ["loss"] + [
            "gradient of " + jax.tree_util.keystr(path, simple=True, separator="/")
            for path, _ in paths
        ]
    return names

"""What is computed in float32 where networks compute in bfloat16, as their programs say.

Looked at is the whole iteration of each model, gradients and updates included, before XLA.
"""

import functools
import math
from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engine_probe import first_call, recipe_of, tiny
from jax.extend import core

from benchmarks import mixed_precision
from dermgan_jax import registry
from dermgan_jax.nets import broadcast
from dermgan_jax.nets.dense import Dense
from dermgan_jax.runs.state import init_state
from dermgan_jax.train.step import run_steps

MODELS = registry.names("model")
VARIANTS = [
    *((name, ()) for name in MODELS),
    ("projected", (("model.separable", True),)),
    ("superres", (("model.generator", "srresnet"),)),
]

# Sums that add up no more than this many numbers are not statistics: boxes that images are
# reduced by, and gradients of pixels that were repeated.
FEW = 16
SUMS = ("reduce_sum", "reduce_prod", "reduce_window_sum", "cumsum", "cumprod", "cumlogsumexp")
# Of norms, penalties and losses. Activations (tanh, logistic) are not among them.
DELICATE = ("exp", "exp2", "expm1", "log", "log1p", "sqrt", "rsqrt", "cbrt", "pow", "lgamma")
CLIPPING = ("clamp", "reduce_precision")
PRODUCTS = ("dot_general", "conv_general_dilated")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """program(name, fields) -> the jaxpr of an iteration with every phase in it."""

    folder = tmp_path_factory.mktemp("prepared")

    @functools.cache
    def program(name, fields):
        config = tiny(name, folder, precision="bfloat16", **dict(fields))
        recipe = recipe_of(config, 1)
        batches, inputs, stage = first_call(recipe, config)
        phases = tuple(phase.name for phase in recipe.phases)
        step = functools.partial(run_steps, recipe, image_size=stage.image_size, phases=phases)
        state = jax.eval_shape(lambda: init_state(recipe.model))
        arguments = (state, batches, {}, inputs, np.ones(1, bool))
        return jax.make_jaxpr(step, return_shape=True)(*arguments)

    return program


def equations(jaxpr: core.Jaxpr) -> Iterator[core.JaxprEqn]:
    """All of a jaxpr, those within loops, branches and calls too."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in _jaxprs(list(equation.params.values())):
            yield from equations(inner)


def _jaxprs(value):
    if isinstance(value, core.ClosedJaxpr):
        yield value.jaxpr
    elif isinstance(value, core.Jaxpr):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _jaxprs(each)


def in_bfloat16(jaxpr, primitives):
    """The equations of these primitives that read or write bfloat16."""
    for equation in equations(jaxpr):
        variables = [*equation.invars, *equation.outvars]
        types = [getattr(variable.aval, "dtype", None) for variable in variables]
        if equation.primitive.name in primitives and jnp.bfloat16 in types:
            yield equation


def terms(equation):
    """How many numbers each result of a sum adds up."""
    given, result = equation.invars[0].aval.shape, equation.outvars[0].aval.shape
    if equation.primitive.name.startswith("reduce_window"):
        return math.prod(equation.params["window_dimensions"])
    if equation.primitive.name.startswith("cum"):
        return given[equation.params["axis"]]
    return math.prod(given) // max(math.prod(result), 1)


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_sums_over_batches_and_images_are_in_float32(name, fields, program):
    """Statistics, losses, penalties, and gradients of biases, scales and strengths of noise."""
    jaxpr = program(name, fields)[0].jaxpr
    long = [str(each) for each in in_bfloat16(jaxpr, SUMS) if terms(each) > FEW]
    assert not long


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_functions_of_norms_and_losses_are_in_float32_and_nothing_is_clipped(name, fields, program):
    jaxpr = program(name, fields)[0].jaxpr
    assert not [str(each) for each in in_bfloat16(jaxpr, (*DELICATE, *CLIPPING))]


@pytest.mark.parametrize("name", MODELS)
def test_what_a_step_leaves_is_in_float32(name, program):
    """Networks, statistics, moments of optimisers, averages; losses and other reports."""
    jaxpr, shapes = program(name, ())
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes)} & {jnp.dtype(jnp.bfloat16)} == set()
    assert name == "toy" or any(in_bfloat16(jaxpr.jaxpr, PRODUCTS))


@pytest.mark.parametrize(
    ("ours", "plain"), [(broadcast.add, jnp.add), (broadcast.multiply, jnp.multiply)]
)
def test_in_float32_the_program_is_that_of_the_plain_operation(ours, plain):
    arguments = jnp.ones((2, 4, 4, 3)), jnp.ones(3)
    programs = [str(jax.make_jaxpr(lambda x, y, f=f: f(x, y))(*arguments)) for f in (ours, plain)]
    assert programs[0] == programs[1]


def test_dense_layer_is_that_of_flax_in_float32():
    x = jax.random.normal(jax.random.key(0), (4, 5, 7))
    layers = Dense(3), nn.Dense(3)
    variables = [layer.init(jax.random.key(1), x) for layer in layers]
    jax.tree.map(np.testing.assert_array_equal, *variables)

    def outputs_and_gradients(layer):
        def energy(variables, x):
            y = layer.apply(variables, x)
            return jnp.square(y).sum(), y

        return jax.value_and_grad(energy, argnums=(0, 1), has_aux=True)(variables[0], x)

    jax.tree.map(np.testing.assert_array_equal, *map(outputs_and_gradients, layers))


def test_gradient_of_a_bias_counts_every_pixel():
    """65,536 of them; summed up in bfloat16 it stops long before."""
    x = jnp.zeros((16, 64, 64, 1), jnp.bfloat16)

    def total(bias):
        return broadcast.add(x, bias).astype(jnp.float32).sum()

    assert jax.jit(jax.grad(total))(jnp.zeros(1))[0] == x.size


def test_gradient_of_a_scale_counts_every_pixel():
    x = jnp.ones((16, 64, 64, 1), jnp.bfloat16)

    def total(scale):
        return broadcast.multiply(x, scale).astype(jnp.float32).sum()

    assert jax.jit(jax.grad(total))(jnp.ones(1))[0] == x.size


def errors_are_small(name, folder):
    """Of outputs a few roundings; gradients are differences of numbers next to each other."""
    found = mixed_precision.errors(name, folder)
    layers, gradients = (list(each.values()) for each in found)
    assert 2**-12 < np.median(layers) < 0.02
    assert max(layers) < 0.1
    assert np.median(gradients) < 0.25


def losses_are_alike(name, folder, steps):
    """All are finite, and of one order in both precisions."""
    length = {"train.total_kimg": 1000.0, "checkpoint.every_kimg": 1000.0}
    exact, rounded = (
        mixed_precision.training(tiny(name, folder, precision=precision, **length), steps)
        for precision in mixed_precision.PRECISIONS
    )
    assert exact.finite
    assert rounded.finite
    for phase, loss in exact.losses.items():
        assert abs(rounded.losses[phase] - loss) < max(1.0, 2 * abs(loss)), phase


def test_errors_of_layers_and_gradients(tmp_path):
    errors_are_small("dcgan", tmp_path)


def test_short_trainings_end_alike(tmp_path):
    losses_are_alike("dcgan", tmp_path, 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_errors_of_every_family(name, tmp_path):
    errors_are_small(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_two_thousand_steps_end_alike(name, tmp_path):
    losses_are_alike(name, tmp_path, 2000)

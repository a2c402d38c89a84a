"""Work and memory of programs whose numbers are known by hand."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from dermgan_jax.planning.traced_cost import cost

NHWC = ("NHWC", "HWIO", "NHWC")
MATRIX = jax.ShapeDtypeStruct((256, 256), jnp.float32)
SIZE = 256 * 256 * 4


def of(function, *shapes, platform="cpu"):
    return cost(jax.make_jaxpr(function)(*shapes), platform)


def test_product_of_matrices():
    found = of(lambda a, b: a @ b, MATRIX, MATRIX)
    assert found.flops == 2 * 256**3
    assert found.traffic == 3 * SIZE
    assert (found.arguments, found.peak) == (2 * SIZE, SIZE)
    (operation,) = found.operations
    assert operation.in_matrices


def test_single_elements_are_done_while_something_is_written():
    found = of(lambda a, b: jnp.tanh(a * b) + 1, MATRIX, MATRIX)
    assert (found.traffic, found.flops) == (3 * SIZE, 0)
    both = of(lambda a, b: jnp.tanh(a) @ b, MATRIX, MATRIX)
    assert both.traffic == 2 * SIZE + 3 * SIZE


def test_reductions_read_what_their_operand_is_made_of():
    found = of(lambda a, b: jnp.sum(a * b), MATRIX, MATRIX)
    assert found.traffic == 2 * SIZE + 4
    assert found.flops == 256 * 256


@pytest.mark.parametrize(
    ("strides", "dilation", "expected"),
    [((1, 1), (1, 1), 8 * 8 * 9), ((2, 2), (1, 1), 4 * 4 * 9), ((1, 1), (2, 2), 15 * 15 * 9 / 4)],
)
def test_convolutions(strides, dilation, expected):
    """Zeros between the pixels of a dilated image are no work."""
    x, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 5))

    def convolve(x, kernel):
        return lax.conv_general_dilated(
            *(x, kernel, strides, [(1, 1)] * 2), lhs_dilation=dilation, dimension_numbers=NHWC
        )

    assert of(convolve, x, kernel).flops == 2 * 2 * expected * 3 * 5


def test_work_of_a_convolution_and_its_gradients_is_nearly_what_xla_counts():
    x, kernel = jnp.ones((4, 32, 32, 16)), jnp.ones((3, 3, 16, 16))

    def loss(x, kernel):
        y = lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=NHWC)
        return jnp.square(jnp.tanh(y)).sum()

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
    counted = gradient.lower(x, kernel).cost_analysis()["flops"]
    assert of(gradient, x, kernel).flops == pytest.approx(counted, rel=0.1)


def test_loops_count_each_time():
    def repeated(a):
        return lax.scan(lambda a, _: (a @ a, None), a, length=7)[0]

    assert of(repeated, MATRIX).flops == 7 * 2 * 256**3


def test_of_forms_for_platforms_one_counts():
    def either(a):
        return lax.platform_dependent(a, cpu=lambda a: a @ a @ a, default=lambda a: a @ a)

    assert of(either, MATRIX, platform="cpu").flops == 2 * 2 * 256**3
    assert of(either, MATRIX, platform="tpu").flops == 2 * 256**3


def test_of_branches_the_dearest_counts():
    def branch(a, which):
        return lax.cond(which, lambda a: a @ a @ a, lambda a: a, a)

    assert of(branch, MATRIX, jax.ShapeDtypeStruct((), bool)).flops == 2 * 2 * 256**3


def test_memory_is_released_after_its_last_use():
    def chain(a):
        for _ in range(10):
            a = a @ a
        return a

    assert of(chain, MATRIX).peak == 2 * SIZE


def test_what_gradients_need_stays_until_then():
    """Ten results are kept for the way back."""

    def loss(a):
        for _ in range(10):
            a = jax.jit(jnp.sin)(a @ a)
        return a.sum()

    assert of(jax.grad(loss), MATRIX).peak >= 10 * SIZE


def test_seconds_add_up_what_limits_each_operation():
    found = of(lambda a, b: jnp.tanh(a @ b), MATRIX, MATRIX)
    seconds = found.seconds(matrix_flops=1e9, vector_flops=1e9, bandwidth=1e6, launch=1.0)
    assert seconds == pytest.approx(3 * SIZE / 1e6 + 2 * SIZE / 1e6 + 2)

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dermgan_jax.nets.depthwise import DepthwiseConv, grouped, shifted_sum


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shape", [(7, 8), (6, 5)])
def test_both_forms_and_their_gradients_are_those_of_flax(size, stride, shape):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((2, *shape, 4)), jnp.float32)
    flax_layer = nn.Conv(4, (size, size), stride, feature_group_count=4, use_bias=False)
    variables = flax_layer.init(jax.random.key(0), x)
    kernel = variables["params"]["kernel"]
    expected = flax_layer.apply(variables, x)
    weights = jnp.asarray(rng.standard_normal(expected.shape), jnp.float32)

    def loss(form):
        return lambda x, kernel: (form(x, kernel, stride) * weights).sum()

    reference = jax.grad(loss(grouped), (0, 1))(x, kernel)
    np.testing.assert_allclose(grouped(x, kernel, stride), expected, atol=1e-6)
    np.testing.assert_allclose(shifted_sum(x, kernel, stride), expected, atol=1e-5)
    for found, wanted in zip(
        jax.grad(loss(shifted_sum), (0, 1))(x, kernel), reference, strict=True
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    own = DepthwiseConv(size, stride)
    assert jax.tree.map(jnp.shape, own.init(jax.random.key(0), x)) == jax.tree.map(
        jnp.shape, variables
    )
    np.testing.assert_allclose(own.apply(variables, x), expected, atol=1e-5)

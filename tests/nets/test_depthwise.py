import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from dermgan_jax.nets.depthwise import DepthwiseConv, grouped, shifted_sum


@pytest.mark.parametrize("form", [shifted_sum, grouped])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (5, 2)])
def test_both_forms_and_their_gradients_are_those_of_flax(size, stride, form):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((2, 6, 7, 4)), jnp.float32)
    reference = nn.Conv(4, (size, size), stride, feature_group_count=4, use_bias=False)
    variables = jax.jit(reference.init)(jax.random.key(0), x)
    kernel = variables["params"]["kernel"]

    def energy(form):
        return lambda x, kernel: jnp.square(form(x, kernel)).sum()

    def evaluate(form):
        return jax.jit(lambda *args: (form(*args), jax.grad(energy(form), (0, 1))(*args)))(
            x, kernel
        )

    expected = evaluate(lambda x, kernel: reference.apply({"params": {"kernel": kernel}}, x))
    found = evaluate(lambda x, kernel: form(x, kernel, stride))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), found, expected
    )
    own = DepthwiseConv(size, stride)
    np.testing.assert_allclose(jax.jit(own.apply)(variables, x), expected[0], atol=1e-5)

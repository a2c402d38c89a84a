"""Inception against torch-fidelity and pytorch-fid, with regenerated random weights."""

import functools
import json
import zlib
from pathlib import Path

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import (
    extractor,
    inception,
    inception_extractor,
    inception_weights,
    torch_layout,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "inception"
BLOCKS = {
    "A": inception.InceptionA(16),
    "B": inception.InceptionB(),
    "C": inception.InceptionC(12),
    "D": inception.InceptionD(),
    "E_1": inception.InceptionE(use_max_pool=False),
    "E_2": inception.InceptionE(use_max_pool=True),
}
BLOCK_SEED, NETWORK_SEED = 1000, 1077
TAPS = {
    "Conv2d_2b_3x3",
    *("Mixed_5b", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6e"),
    *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
}


def torch_shapes(module, image_shape) -> dict[str, tuple[int, ...]]:
    """PyTorch name -> shape of every tensor of a module."""
    images = jax.ShapeDtypeStruct((1, *image_shape), np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), images)
    shapes = {}
    for path, leaf in flax.traverse_util.flatten_dict(variables).items():
        name = ".".join([*path[1:-1], torch_layout.LEAF_NAMES[path[-1]]])
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(leaf.ndim, (0,))
        shapes[name] = tuple(leaf.shape[axis] for axis in axes)
    return shapes


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """The vectors' recipe: a stream of its own for each tensor, from its name."""
    weights = {}
    for name, shape in shapes.items():
        stream = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
        if name.endswith("running_var"):
            values = stream.uniform(0.6, 1.6, shape)
        else:
            values = stream.standard_normal(shape)
            if len(shape) == 4:
                values *= np.sqrt(1.8 / np.prod(shape[1:]))
            elif len(shape) == 2:
                values *= np.sqrt(1 / shape[1])
            else:
                values = 0.2 * values + name.endswith("bn.weight")
        weights[name] = values.astype(np.float32)
    return weights


@functools.cache
def network_weights() -> dict[str, np.ndarray]:
    shapes = torch_shapes(inception.InceptionV3(logits=True), (299, 299, 3))
    return random_weights(shapes, NETWORK_SEED)


def relative_error(found, expected) -> float:
    """Of the worst image, as a share of the norm."""
    axes = tuple(range(1, np.ndim(expected)))
    error = np.sqrt(np.square(found - expected).sum(axes))
    return float(np.max(error / np.sqrt(np.square(expected).sum(axes))))


@pytest.mark.parametrize("kind", BLOCKS)
def test_blocks(kind):
    module = BLOCKS[kind]
    with np.load(GOLDEN / f"block_Inception{kind}.npz") as vectors:
        x = vectors["in:x"].transpose(0, 2, 3, 1)
        stored = {name[2:]: vectors[name] for name in vectors.files if name.startswith("w:")}
        expected = vectors["out:y"].transpose(0, 2, 3, 1)
        if kind not in "BD":
            assert (
                vectors["out:y_minus_pytorch_fid_maxabs"] == 0
            )  # the vectors are pytorch-fid's too
    tensors = stored or random_weights(torch_shapes(module, x.shape[1:]), BLOCK_SEED)
    variables = torch_layout.to_flax(module, x.shape[1:], tensors)
    np.testing.assert_allclose(jax.jit(module.apply)(variables, x), expected, rtol=0, atol=1e-4)


def test_the_whole_network_as_torch_fidelity_and_as_pytorch_fid():
    network, variables = inception_weights.from_torch(network_weights())
    with np.load(GOLDEN / "fid_inception_full.npz") as vectors:
        expected = dict(vectors)
    with np.load(GOLDEN / "pytorch_fid_inception_full.npz") as vectors:
        expected_pytorch_fid = dict(vectors)

    def is_tap(module, method):
        return method == "__call__" and (module.name in TAPS or module.name == "Conv2d_4a_3x3")

    @jax.jit
    def run(images):
        return network.apply(variables, images, capture_intermediates=is_tap)

    def prepared(source, name, protocol):
        return inception.preprocess(source[f"in:{name}"].transpose(0, 2, 3, 1), protocol)

    images = [
        prepared(expected, "img_a", "fid:tf"),
        prepared(expected, "img_b", "fid:tf"),
        prepared(expected_pytorch_fid, "img_a", "fid"),
    ]
    features, captured = run(jnp.concatenate(images))
    maps = {name: tap["__call__"][0] for name, tap in captured["intermediates"].items()}
    pooled = {
        "64": inception.halve(maps["Conv2d_2b_3x3"]).mean((1, 2)),
        "192": inception.halve(maps["Conv2d_4a_3x3"]).mean((1, 2)),
        "768": maps["Mixed_6e"].mean((1, 2)),
        "2048": features["pool3"],
    }
    for name, rows in (("img_a", slice(0, 2)), ("img_b", slice(2, 3))):
        logits = {
            "logits_unbiased": features["logits"],
            "logits": features["logits"]
            + random_weights({"fc.bias": (1008,)}, NETWORK_SEED)["fc.bias"],
        }
        for layer, found in (pooled | logits).items():
            assert relative_error(found[rows], expected[f"out:{name}:{layer}"]) < 1e-4, layer
        for tap in TAPS:
            prefix = f"out:{name}:tap_{tap}_"
            mean, corner = expected[prefix + "mean_hw"], expected[prefix + "corner"]
            found = maps[tap][rows]
            assert relative_error(found.mean((1, 2)), mean) < 1e-4, tap
            found_corner = found.transpose(0, 3, 1, 2)[:, :4, :5, :5]
            assert relative_error(found_corner, corner) < 1e-3, tap
    for layer, found in pooled.items():
        expected_here = expected_pytorch_fid[f"out:img_a:{layer}"]
        assert relative_error(found[3:], expected_here) < 1e-4, layer


def test_features_of_one_device_and_of_eight_are_the_same():
    network, variables = inception_weights.from_torch(network_weights())
    preprocess = functools.partial(inception.preprocess, protocol="fid")
    images = np.random.RandomState(0).randint(0, 256, (9, 40, 50, 3)).astype(np.uint8)
    on_eight, on_one = (
        extractor.batched(preprocess, network.apply, variables, 8, devices)(images)
        for devices in (None, jax.local_devices()[:1])
    )
    assert on_eight.keys() == on_one.keys() == {"pool3", "logits"}
    for name, expected in on_one.items():
        assert relative_error(on_eight[name], expected) < 1e-5, name


def test_nvidias_torchscript_names():
    """Names and shapes of the real file; it has no batch normalisation scales and no logits."""
    shapes = json.loads((GOLDEN / "torchscript_shapes.json").read_text())
    tensors = {
        name: np.full(shape, number, np.float32)
        for number, (name, shape) in enumerate(shapes.items())
    }
    network, variables = inception_weights.from_torch(tensors)
    assert not network.logits
    leaves = flax.traverse_util.flatten_dict(variables, sep=".")
    scales = {name for name in leaves if name.endswith("bn.scale")}
    assert all((leaves[name] == 1).all() for name in scales)
    placed = sorted(leaves[name].flat[0] for name in leaves.keys() - scales)
    assert placed == list(range(376))  # every tensor once
    for script, ours in (
        ("net.layers.conv_4.mean", "batch_stats.Conv2d_4a_3x3.bn.mean"),
        ("net.layers.mixed_5.tower_1.conv_3.weight", "params.Mixed_6c.branch7x7dbl_4.conv.kernel"),
        ("net.layers.mixed_10.tower_1_mixed_conv.beta", "params.Mixed_7c.branch3x3dbl_3a.bn.bias"),
    ):
        assert (leaves[ours] == list(shapes).index(script)).all()


def test_other_weights_are_refused():
    tensors = dict(network_weights())
    del tensors["Mixed_7c.branch_pool.conv.weight"]
    with pytest.raises(UserError, match=r"Mixed_7c\.branch_pool"):
        inception_weights.from_torch(tensors)


def test_unknown_protocols_are_refused():
    with pytest.raises(UserError, match="did you mean 'fid:clean'"):
        inception_extractor.load("fid:cleam")

"""Networks cut in two against the whole ones of the PyTorch originals.

resnet_*.npz and vit_embeddings_and_last_block.npz: see tests/features/test_backbones.py.
"""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import resnet, vit
from dermgan_jax.features.resize import resize
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.models import classifier_networks

GOLDEN = Path(__file__).parents[1] / "golden" / "classifiers"
RESNETS = {
    "resnet_basic": resnet.ResNet(7, (2, 2, 1), (16, 24, 32), 16, bottleneck=False),
    "resnet_v15": resnet.ResNet(7, (2, 2, 1), (32, 48, 64), 16),
}


@functools.cache
def original(case):
    """(vectors, weights) of a network of Hugging Face."""
    with np.load(GOLDEN / f"{case}.npz") as vectors:
        golden = dict(vectors)
    tensors = {key[2:]: golden[key] for key in golden if key.startswith("w:")}
    beside = GOLDEN / f"{case}.safetensors"
    return golden, tensors | (read_tensors(beside) if beside.is_file() else {})


def apply_part(module, variables, inputs):
    """A part of a network with its share of the variables, and the names of its layers."""
    abstract = jax.eval_shape(module.init, jax.random.key(0), inputs)
    own = classifier_networks.fill(abstract, variables)
    return module.apply(own, inputs), set(own.get("params", {}))


@pytest.mark.parametrize("stage", range(5))
@pytest.mark.parametrize("case", RESNETS)
def test_resnet_cut_at_any_stage_equals_the_original(case, stage):
    golden, tensors = original(case)
    variables = resnet.from_torch(RESNETS[case], tensors)
    images = golden["in:x"].transpose(0, 2, 3, 1)
    trunk = RESNETS[case].clone(num_classes=0, end=stage)
    activations, of_trunk = apply_part(trunk, variables, images)
    (_, logits), of_tail = apply_part(RESNETS[case].clone(begin=stage), variables, activations)
    np.testing.assert_allclose(logits, golden["out:x:logits"], rtol=0, atol=1e-4)
    assert not of_trunk & of_tail
    assert of_trunk | of_tail == set(variables["params"])


def test_vit_cut_before_its_last_block_equals_the_original():
    """The vectors hold the first and the last of three blocks' inputs and the last's weights."""
    golden, tensors = original("vit_embeddings_and_last_block")
    module = vit.VisionTransformer(7, 64, 1, 4, 128, image_size=64, epsilon=1e-12)
    variables = vit.from_torch(
        module, {name.replace("layers.2.", "layers.0."): w for name, w in tensors.items()}
    )
    images = golden["in:x"].transpose(0, 2, 3, 1)
    tokens, of_trunk = apply_part(module.clone(num_classes=0, end=1), variables, images)
    np.testing.assert_allclose(tokens, golden["out:x:hidden0"], rtol=0, atol=1e-4)
    tail = module.clone(begin=1)
    (_, logits), of_tail = apply_part(tail, variables, golden["out:x:hidden2"])
    np.testing.assert_allclose(logits, golden["out:x:logits"], rtol=0, atol=1e-4)
    assert of_trunk == {"patch_embed_proj", "pos_embed", "cls_token"}
    assert of_tail == {"blocks_0", "norm", "head"}


@pytest.mark.parametrize("name", ["efficientnet_lite0", "vit_s16"])
def test_cut_networks_have_every_layer_once(name):
    """Of the shapes alone; what layers compute is proven above and in tests/features."""
    architecture = classifier_networks.ARCHITECTURES[name]
    whole = architecture.whole.clone(num_classes=0)
    images = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
    expected = jax.eval_shape(whole.init, jax.random.key(0), images)
    result = jax.eval_shape(whole.apply, expected, images)
    for stage in (0, 1, 5, architecture.num_stages - 1, architecture.num_stages):
        trunk, tail = whole.clone(end=stage), whole.clone(begin=stage)
        of_trunk = jax.eval_shape(trunk.init, jax.random.key(0), images)
        activations = jax.eval_shape(trunk.apply, of_trunk, images)
        of_tail = jax.eval_shape(tail.init, jax.random.key(0), activations)
        for collection, layers in expected.items():
            assert {**of_trunk.get(collection, {}), **of_tail.get(collection, {})} == layers
        assert jax.eval_shape(tail.apply, of_tail, activations) == result


@pytest.mark.parametrize(
    ("name", "trained", "frozen"),
    [("resnet50", 1, 4), ("resnet50", 0, 5), ("resnet50", -1, 0), ("vit_b16", 2, 11)],
)
def test_trained_stages_are_the_last(name, trained, frozen):
    found, backbone = classifier_networks.cut(name, trained)
    assert found == frozen
    assert backbone is None if trained == 0 else backbone.begin == frozen


def test_study_trains_the_last_stage_of_resnet50_and_the_head():
    """15.0 million parameters in layer4 (torchvision), 2048·512 + 512 and 512·7 + 7 in the head."""
    _, backbone = classifier_networks.cut("resnet50", 1)
    tail = classifier_networks.Tail(backbone, (512,), 0.5, 7)
    activations = jnp.zeros((1, 14, 14, 1024))
    params = jax.eval_shape(tail.init, jax.random.key(0), activations)["params"]
    layers = {layer.partition("_")[0] for layer in params["backbone"]}
    counts = {name: sum(leaf.size for leaf in jax.tree.leaves(params[name])) for name in params}
    assert layers == {"layer4"}
    assert counts == {"backbone": 14_964_736, "hidden_0": 1_049_088, "logits": 3_591}


def test_images_are_resized_and_normalised_as_the_weights_want():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype(np.float32)
    prepared = classifier_networks.Trunk("resnet18", 0, 12).apply({"params": {}}, images)
    larger = np.clip(resize(images, (12, 12), "clean"), -1, 1)
    torchvision = ((larger + 1) / 2 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(prepared, torchvision, atol=1e-5)
    same = classifier_networks.Trunk("efficientnet_lite0", 0, 8).apply({"params": {}}, images)
    np.testing.assert_allclose(same, images, atol=1e-6)


def test_grey_images_are_taken_as_coloured_ones():
    trunk = classifier_networks.Trunk("tiny", 1, 8)
    variables = trunk.init(jax.random.key(0))
    grey = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 1)).astype(np.float32)
    found = trunk.apply(variables, grey)
    np.testing.assert_array_equal(found, trunk.apply(variables, np.repeat(grey, 3, axis=-1)))


def test_trained_stages_normalise_by_the_batch_and_update_their_statistics():
    frozen, backbone = classifier_networks.cut("tiny", 2)
    tail = classifier_networks.Tail(backbone, (), 0.0, 3)
    trunk = classifier_networks.Trunk("tiny", frozen, 16)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 3)).astype(np.float32)
    activations = trunk.apply(trunk.init(jax.random.key(0)), images)
    variables = tail.init(jax.random.key(1), activations)
    apply = jax.jit(functools.partial(tail.apply, variables, train=True, mutable=["batch_stats"]))
    logits, changed = apply(activations)
    other_batch, _ = apply(activations[:2])
    assert not np.allclose(other_batch, logits[:2], atol=1e-3)
    still = tail.apply(variables, activations)
    np.testing.assert_allclose(tail.apply(variables, activations[:2]), still[:2], atol=1e-6)
    means = [
        each["batch_stats"]["backbone"]["layer1_0"]["bn1"]["mean"] for each in (variables, changed)
    ]
    assert not np.allclose(*means)


def test_head_drops_out_in_training_only():
    tail = classifier_networks.Tail(None, (32,), 0.5, 3)
    features = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    variables = tail.init(jax.random.key(0), features)
    drawn = [
        tail.apply(variables, features, train=True, rngs={"dropout": jax.random.key(seed)})
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
    np.testing.assert_array_equal(
        tail.apply(variables, features), tail.apply(variables, features, train=False)
    )


def test_missing_weights_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("DERMGAN_WEIGHTS", raising=False)
    with pytest.raises(UserError, match=r"resnet50-0676ba61\.pth is not in"):
        classifier_networks.published("resnet50")
    with pytest.raises(UserError, match="'tiny' has no published weights"):
        classifier_networks.published("tiny")

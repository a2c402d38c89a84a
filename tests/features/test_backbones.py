"""EfficientNet-Lite0, ResNets and vision transformers against the PyTorch originals.

efficientnet_lite0.npz: efficientnet-lite-pytorch 0.1.0 without static padding.
vit_drawn_weights.npz: transformers 5.23.0, ViTForImageClassification.
Both on torch 2.13.0, with drawn weights and images.
"""

import re
from pathlib import Path

import drawn_weights
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import efficientnet_lite0, resnet, vit
from dermgan_jax.features.tensor_files import read_tensors

GOLDEN = Path(__file__).parents[1] / "golden" / "classifiers"
SMALL_VIT = vit.VisionTransformer(
    num_classes=7, width=64, depth=3, heads=4, hidden=128, image_size=64, epsilon=1e-12
)
SMALL_RESNETS = {
    "resnet_basic": resnet.ResNet(7, (2, 2, 1), (16, 24, 32), 16, bottleneck=False),
    "resnet_v1": resnet.ResNet(7, (2, 2, 1), (32, 48, 64), 16, stride_in_1x1=True),
    "resnet_v15": resnet.ResNet(7, (2, 2, 1), (32, 48, 64), 16),
}


def num_parameters(module) -> int:
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), images)
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        (efficientnet_lite0.EfficientNetLite0(), 4_652_008),
        (resnet.ResNet50(), 25_557_032),
        (resnet.ResNet18(), 11_689_512),
        (vit.ViTB16(), 86_567_656),
        (vit.ViTS16(), 22_050_664),
    ],
)
def test_published_number_of_parameters(module, parameters):
    assert num_parameters(module) == parameters


def package_names() -> dict[str, tuple[int, ...]]:
    """Shapes of EfficientNet-Lite0's tensors as the package names them."""
    shapes = drawn_weights.torch_shapes(efficientnet_lite0.EfficientNetLite0(), 32)
    return {
        re.sub(r"_blocks_(\d+)", r"_blocks.\1", ".".join(f"_{part}" for part in path[:-1]))
        + f".{path[-1]}": shape
        for path, shape in shapes.items()
    }


def test_efficientnet_lite0_equals_the_package():
    golden = np.load(GOLDEN / "efficientnet_lite0.npz")
    variables = efficientnet_lite0.from_package(drawn_weights.draw(package_names(), 306))
    images = np.random.RandomState(306).uniform(-1, 1, (2, 3, 64, 47)).astype(np.float32)
    apply = jax.jit(efficientnet_lite0.EfficientNetLite0().apply)
    features, logits = apply(variables, images.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(features, golden["out:features"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(logits, golden["out:logits"], rtol=0, atol=1e-5)


def load_resnet(case: str) -> tuple[resnet.ResNet, dict, np.lib.npyio.NpzFile]:
    golden = np.load(GOLDEN / f"{case}.npz")
    if case == "resnet_v15":
        tensors = read_tensors(GOLDEN / "resnet_v15.safetensors")
    else:
        tensors = {key[2:]: golden[key] for key in golden if key.startswith("w:")}
    module = SMALL_RESNETS[case]
    return module, resnet.from_torch(module, tensors), golden


@pytest.mark.parametrize("case", SMALL_RESNETS)
def test_resnet_equals_hugging_face(case):
    module, variables, golden = load_resnet(case)
    for name in ("x", "x_ns"):
        if f"in:{name}" in golden:
            images = golden[f"in:{name}"].transpose(0, 2, 3, 1)
            _, logits = jax.jit(module.apply)(variables, images)
            np.testing.assert_allclose(logits, golden[f"out:{name}:logits"], rtol=0, atol=1e-4)


def test_resnet_gradients_equal_hugging_face():
    module, variables, golden = load_resnet("resnet_v15")
    images, labels = golden["in:x"].transpose(0, 2, 3, 1), np.array([1, 5])

    @jax.jit
    @jax.value_and_grad
    def loss_of(params):
        _, logits = module.apply({**variables, "params": params}, images)
        return -jax.nn.log_softmax(logits)[np.arange(2), labels].mean()

    loss, gradients = loss_of(variables["params"])
    assert loss == pytest.approx(golden["out:loss"], rel=1e-4)
    norms = {
        "_".join(key.key for key in path[:-1]) + "_" + path[-1].key: float(jnp.linalg.norm(leaf))
        for path, leaf in jax.tree_util.tree_leaves_with_path(gradients)
    }
    checked = 0
    for key in golden:
        if key.startswith("out:gradnorm:"):
            *layer, kind = resnet.torchvision_name(key.removeprefix("out:gradnorm:")).split(".")
            leaves = {"bias": ("bias",), "weight": ("kernel", "scale")}[kind]
            (found,) = (norms[n] for leaf in leaves if (n := "_".join([*layer, leaf])) in norms)
            assert found == pytest.approx(golden[key], rel=1e-3)
            checked += 1
    assert checked == len(norms)


def test_resnet_training_updates_the_running_statistics():
    module, variables, golden = load_resnet("resnet_basic")
    images = golden["in:x"].transpose(0, 2, 3, 1)
    _, changed = module.apply(variables, images, train=True, mutable=["batch_stats"])
    before, after = (each["batch_stats"]["bn1"]["mean"] for each in (variables, changed))
    assert not np.allclose(before, after)


def hugging_face_vit_shapes() -> dict[str, tuple[int, ...]]:
    shapes = {
        "vit.embeddings.cls_token": (1, 1, 64),
        "vit.embeddings.position_embeddings": (1, 17, 64),
        "vit.embeddings.patch_embeddings.projection.weight": (64, 3, 16, 16),
        "vit.embeddings.patch_embeddings.projection.bias": (64,),
    }
    layers = {"vit.layernorm": (64,), "classifier": (7, 64)}
    for block in (f"vit.layers.{index}." for index in range(3)):
        layers |= {f"{block}attention.{part}_proj": (64, 64) for part in "qkvo"}
        layers |= {f"{block}mlp.fc1": (128, 64), f"{block}mlp.fc2": (64, 128)}
        layers |= {f"{block}layernorm_before": (64,), f"{block}layernorm_after": (64,)}
    for layer, shape in layers.items():
        shapes |= {f"{layer}.weight": shape, f"{layer}.bias": shape[:1]}
    return shapes


def test_vit_equals_hugging_face():
    golden = np.load(GOLDEN / "vit_drawn_weights.npz")
    tensors = drawn_weights.draw(hugging_face_vit_shapes(), 307)
    variables = vit.from_torch(SMALL_VIT, tensors)
    square = np.random.RandomState(307).uniform(-1, 1, (2, 3, 64, 64)).astype(np.float32)
    oblong = np.random.RandomState(308).uniform(-1, 1, (2, 3, 96, 80)).astype(np.float32)
    for name, images in (("out:logits", square), ("out:logits_oblong", oblong)):
        _, logits = jax.jit(SMALL_VIT.apply)(variables, images.transpose(0, 2, 3, 1))
        np.testing.assert_allclose(logits, golden[name], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "timm"),
    [
        ("encoder.layers.encoder_layer_3.ln_1.weight", "blocks.3.norm1.weight"),
        (
            "encoder.layers.encoder_layer_3.self_attention.in_proj_bias",
            "blocks.3.attn.qkv.bias",
        ),
        (
            "encoder.layers.encoder_layer_3.self_attention.out_proj.weight",
            "blocks.3.attn.proj.weight",
        ),
        ("encoder.layers.encoder_layer_11.mlp.0.weight", "blocks.11.mlp.fc1.weight"),
        ("encoder.layers.encoder_layer_11.mlp.linear_2.bias", "blocks.11.mlp.fc2.bias"),
        ("class_token", "cls_token"),
        ("encoder.pos_embedding", "pos_embed"),
        ("conv_proj.weight", "patch_embed.proj.weight"),
        ("encoder.ln.bias", "norm.bias"),
        ("heads.head.weight", "head.weight"),
        ("vit.encoder.layer.2.attention.attention.query.weight", "blocks.2.attn.q.weight"),
        ("vit.encoder.layer.2.attention.output.dense.bias", "blocks.2.attn.proj.bias"),
        ("vit.encoder.layer.2.intermediate.dense.bias", "blocks.2.mlp.fc1.bias"),
        ("vit.encoder.layer.2.output.dense.bias", "blocks.2.mlp.fc2.bias"),
        ("model.blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.weight"),
        ("blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc1.weight"),
    ],
)
def test_vit_names_of_every_publisher(name, timm):
    renamed = vit.timm_name(name)
    assert renamed == timm


def test_foreign_weights_are_refused():
    with pytest.raises(UserError, match=r"not weights of ResNet: bn1\.mean is missing"):
        resnet.from_torch(resnet.ResNet18(), {"fc.weight": np.zeros((1000, 512))})
    with pytest.raises(UserError, match="not weights of EfficientNetLite0"):
        efficientnet_lite0.from_package({"_conv_stem.weight": np.zeros((32, 3, 5, 5))})

"""EfficientNet-Lite0, ResNets and vision transformers against the PyTorch originals.

efficientnet_lite0.npz: efficientnet-lite-pytorch 0.1.0 without static padding.
vit_drawn_weights.npz: transformers 5.23.0, ViTForImageClassification.
Both on torch 2.13.0, with drawn weights and images.
vit_embeddings_and_last_block.npz: of the complete vectors, without the first two blocks.
"""

import functools
import re
from pathlib import Path

import drawn_weights
import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import originals
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import efficientnet_lite, resnet, torch_layout, vit

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
        (efficientnet_lite.EfficientNetLite0(), 4_652_008),
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
    shapes = drawn_weights.torch_shapes(efficientnet_lite.EfficientNetLite0(), 32)
    return {
        re.sub(r"_blocks_(\d+)", r"_blocks.\1", ".".join(f"_{part}" for part in path[:-1]))
        + f".{path[-1]}": shape
        for path, shape in shapes.items()
    }


def test_efficientnet_lite0_equals_the_package():
    golden = np.load(GOLDEN / "efficientnet_lite0.npz")
    variables = efficientnet_lite.from_package(
        efficientnet_lite.EfficientNetLite0(), drawn_weights.draw(package_names(), 306)
    )
    images = np.random.RandomState(306).uniform(-1, 1, (2, 3, 64, 47)).astype(np.float32)
    apply = jax.jit(efficientnet_lite.EfficientNetLite0().apply)
    features, logits = apply(variables, images.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(features, golden["out:features"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(logits, golden["out:logits"], rtol=0, atol=1e-5)


@functools.partial(jax.jit, static_argnums=0)
def run(module, variables, images, replaced=None) -> tuple[jax.Array, dict[str, tuple]]:
    """Logits, and the input and output of each outermost layer by its name.

    Args:
      module: a ResNet or a vision transformer.
      variables, images: what it takes, images (N, C, H, W).
      replaced: layer name -> what it gets instead of its input.
    """
    seen = {}

    def interceptor(call, args, kwargs, context):
        name = context.module.name
        if len(context.module.path) != 1 or context.method_name != "__call__":
            return call(*args, **kwargs)
        given, *others = args
        output = call((replaced or {}).get(name, given), *others, **kwargs)
        seen[name] = given, output
        return output

    with nn.intercept_methods(interceptor):
        _, logits = module.apply(variables, images.transpose(0, 2, 3, 1))
    return logits, seen


def assert_near(found, expected, atol=1e-4):
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def load_resnet(case: str) -> tuple[resnet.ResNet, dict, dict[str, np.ndarray]]:
    golden = originals.arrays(GOLDEN / f"{case}.npz")
    tensors = {key[2:]: golden[key] for key in golden if key.startswith("w:")}
    module = SMALL_RESNETS[case]
    return module, resnet.from_torch(module, tensors), golden


@pytest.mark.parametrize("case", SMALL_RESNETS)
def test_resnet_equals_hugging_face(case):
    module, variables, golden = load_resnet(case)
    for name in ("x", "x_ns"):
        if f"in:{name}" in golden:
            logits, seen = run(module, variables, golden[f"in:{name}"])
            assert_near(logits, golden[f"out:{name}:logits"])
            hidden = [seen["layer1_0"][0], *(seen[f"layer{n}"][1] for n in ("1_1", "2_1", "3_0"))]
            for stage, found in enumerate(hidden):
                expected = golden[f"out:{name}:hidden{stage}"]
                found = np.moveaxis(found, -1, 1)
                assert_near(found if expected.ndim == 4 else found.mean((2, 3)), expected)


def loss_and_gradient_norms(module, variables, images, labels) -> tuple[float, dict[str, float]]:
    """Cross entropy, and its gradient's norm by PyTorch's name of each parameter, "_" for "."."""

    @jax.jit
    @jax.value_and_grad
    def loss_of(params):
        _, logits = module.apply({**variables, "params": params}, images.transpose(0, 2, 3, 1))
        return -jax.nn.log_softmax(logits)[np.arange(len(labels)), np.array(labels)].mean()

    loss, gradients = loss_of(variables["params"])
    by_name = {}
    for path, leaf in flax.traverse_util.flatten_dict(gradients).items():
        name = "_".join([*path[:-1], torch_layout.LEAF_NAMES.get(path[-1], path[-1])])
        if "attn_qkv" in path:
            for part, share in zip("qkv", jnp.split(leaf, 3, axis=-1), strict=True):
                by_name[name.replace("attn_qkv", f"attn_{part}")] = share
        else:
            by_name[name] = leaf
    return float(loss), {name: float(jnp.linalg.norm(leaf)) for name, leaf in by_name.items()}


def assert_gradient_norms_equal(found: dict[str, float], golden, own_name):
    """Of every parameter; `own_name` translates Hugging Face's."""
    prefix = "out:gradnorm:"
    expected = {
        own_name(key.removeprefix(prefix)).replace(".", "_"): norm
        for key, norm in golden.items()
        if key.startswith(prefix)
    }
    assert found.keys() == expected.keys()
    for name, norm in expected.items():
        # A bias of the keys changes nothing, its gradient is rounding.
        tolerance = {"abs": 1e-6} if name.endswith("attn_k_bias") else {"rel": 1e-3}
        assert found[name] == pytest.approx(float(norm), **tolerance), name


def test_resnet_gradients_equal_hugging_face():
    module, variables, golden = load_resnet("resnet_v15")
    loss, norms = loss_and_gradient_norms(module, variables, golden["in:x"], (1, 5))
    assert loss == pytest.approx(float(golden["out:loss"]), rel=1e-4)
    assert_gradient_norms_equal(norms, golden, resnet.torchvision_name)


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


def test_vit_embeddings_block_and_head_equal_hugging_face():
    """One block, the original's third, which gets what the original's got."""
    golden = np.load(GOLDEN / "vit_embeddings_and_last_block.npz")
    tensors = {
        key[2:].replace("vit.layers.2.", "vit.layers.0."): golden[key]
        for key in golden
        if key.startswith("w:")
    }
    module = SMALL_VIT.clone(depth=1)
    variables = vit.from_torch(module, tensors)
    replaced = {"blocks_0": golden["out:x:hidden2"]}
    logits, seen = run(module, variables, golden["in:x"], replaced)
    assert_near(seen["blocks_0"][0], golden["out:x:hidden0"])
    assert_near(seen["blocks_0"][1], golden["out:x:hidden3"])
    assert_near(logits, golden["out:x:logits"])
    _, seen = run(module, variables, golden["in:x_big"])
    assert_near(seen["blocks_0"][0].mean(axis=1), golden["out:x_big:hidden0"])


@functools.cache
def complete_vit() -> tuple[dict, dict[str, np.ndarray]]:
    """Variables and vectors of the original."""
    (path,) = originals.found("classifiers/vit")
    golden = originals.arrays(path)
    tensors = {key[2:]: golden[key] for key in golden if key.startswith("w:")}
    return vit.from_torch(SMALL_VIT, tensors), golden


if originals.found("classifiers/vit"):

    @pytest.mark.parametrize("name", ["x", "x_big"])
    def test_complete_vit_equals_hugging_face(name):
        variables, golden = complete_vit()
        logits, seen = run(SMALL_VIT, variables, golden[f"in:{name}"])
        assert_near(logits, golden[f"out:{name}:logits"])
        hidden = [seen["blocks_0"][0], *(seen[f"blocks_{block}"][1] for block in range(3))]
        for layer, found in enumerate(hidden):
            expected = golden[f"out:{name}:hidden{layer}"]
            assert_near(found if expected.ndim == 3 else found.mean(axis=1), expected)

    def test_vit_gradients_equal_hugging_face():
        variables, golden = complete_vit()
        loss, norms = loss_and_gradient_norms(SMALL_VIT, variables, golden["in:x"], (0, 3, 0))
        assert loss == pytest.approx(float(golden["out:loss"]), rel=1e-4)
        assert_gradient_norms_equal(norms, golden, vit.timm_name)


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
    with pytest.raises(UserError, match="not weights of EfficientNetLite:"):
        efficientnet_lite.from_package(
            efficientnet_lite.EfficientNetLite0(), {"_conv_stem.weight": np.zeros((32, 3, 5, 5))}
        )

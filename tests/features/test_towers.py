"""The image towers of DINOv2 and CLIP against the originals' own code, block by block.

dinov2.npz: facebookresearch/dinov2 at b8931f7, without xFormers; clip_vision.npz:
openai/CLIP's model.py. Both on torch 2.13.0, with drawn weights and images: of each block the class
token and the mean of all tokens, and the features.
"""

from pathlib import Path

import flax
import flax.linen as nn
import jax
import numpy as np
import pytest
import tower_tensors
from tower_tensors import CLIP, DINOV2

from dermgan_jax.errors import UserError
from dermgan_jax.features import clip_vision, dinov2, vit

GOLDEN = Path(__file__).parents[1] / "golden" / "towers"


def drawn_images(seed: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Images (N, H, W, 3) of N, H and W."""
    num, height, width = shape
    images = np.random.RandomState(seed).uniform(-2, 2, (num, 3, height, width))
    return images.astype(np.float32).transpose(0, 2, 3, 1)


def run(module: nn.Module, variables, images: np.ndarray) -> tuple[jax.Array, list[jax.Array]]:
    """Features, and the tokens before the first block and after each."""
    tokens = []

    def interceptor(call, args, kwargs, context):
        output = call(*args, **kwargs)
        if isinstance(context.module, vit.Block) and context.method_name == "__call__":
            tokens.extend([output] if tokens else [args[0], output])
        return output

    with nn.intercept_methods(interceptor):
        features = module.apply(variables, images)
    return features, tokens


def assert_equals_the_original(module, variables, images, golden, name: str):
    features, tokens = run(module, variables, images)
    assert len(tokens) == 1 + module.depth
    for stage, found in enumerate(tokens):
        summary = np.stack([found[:, 0], found.mean(axis=1)], axis=1)
        expected = golden[f"{name}:{stage}"]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(summary, expected, rtol=0, atol=1e-5 * scale, err_msg=stage)
    np.testing.assert_allclose(features, golden[f"{name}:features"], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "seed", "shape"), [("square", 401, (2, 224, 224)), ("oblong", 402, (1, 98, 140))]
)
def test_dinov2_equals_the_original(name, seed, shape):
    variables = dinov2.from_torch(DINOV2, tower_tensors.dinov2_hub())
    with np.load(GOLDEN / "dinov2.npz") as golden:
        assert_equals_the_original(DINOV2, variables, drawn_images(seed, shape), golden, name)


def test_clip_equals_the_original():
    variables = clip_vision.from_torch(CLIP, tower_tensors.clip_openai())
    with np.load(GOLDEN / "clip_vision.npz") as golden:
        images = drawn_images(403, (2, 28, 28))
        assert_equals_the_original(CLIP, variables, images, golden, "square")


@pytest.mark.parametrize(
    ("module", "parameters"),
    [
        (dinov2.DinoV2S14(), 22_056_576 - 384),
        (dinov2.DinoV2B14(), 86_580_480 - 768),
        (dinov2.DinoV2L14(), 304_368_640 - 1024),
        (clip_vision.ClipVision(), 304_293_888),
    ],
)
def test_number_of_parameters_of_the_originals_but_for_the_mask_token(module, parameters):
    images = jax.ShapeDtypeStruct((1, module.image_size, module.image_size, 3), np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), images)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == parameters


def test_positions_are_resized_with_the_originals_offset_and_not_at_their_own_size():
    positions = np.random.default_rng(0).normal(size=(1, 1 + 37**2, 4)).astype(np.float32)
    same = vit.interpolate_positions(positions, 37, 37, 0.1)
    np.testing.assert_array_equal(same, positions)
    inside = np.arange(1, 15)  # all four samples lie on the grid; a line is met within 0.06
    for offset in (0.0, 0.1):
        places = vit.cubic_weights(37, 16, offset)[inside] @ np.arange(37.0)
        expected = (inside + 0.5) * 37 / (16 + offset) - 0.5
        np.testing.assert_allclose(places, expected, rtol=0, atol=0.06)
    assert abs(places[-1] - (14.5 * 37 / 16 - 0.5)) > 0.15


def assert_same_variables(found, expected):
    found, expected = (flax.traverse_util.flatten_dict(each) for each in (found, expected))
    assert found.keys() == expected.keys()
    for path in expected:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=str(path))


@pytest.mark.parametrize("prefix", ["", "dinov2."])
def test_dinov2_of_hugging_face_is_the_same(prefix):
    tensors = tower_tensors.dinov2_hugging_face()
    assert "encoder.layer.0.attention.attention.query.weight" in tensors
    found = dinov2.from_torch(DINOV2, {prefix + name: tensors[name] for name in tensors})
    assert_same_variables(found, dinov2.from_torch(DINOV2, tower_tensors.dinov2_hub()))


def test_dinov2_of_a_newer_transformers_is_the_same():
    tensors = {
        name.replace("attention.attention.query", "attention.q_proj")
        .replace("attention.attention.key", "attention.k_proj")
        .replace("attention.attention.value", "attention.v_proj")
        .replace("attention.output.dense", "attention.o_proj"): tensor
        for name, tensor in tower_tensors.dinov2_hugging_face().items()
    }
    found = dinov2.from_torch(DINOV2, tensors)
    assert_same_variables(found, dinov2.from_torch(DINOV2, tower_tensors.dinov2_hub()))


def test_clip_of_hugging_face_is_the_same():
    tensors = tower_tensors.clip_hugging_face()
    assert "vision_model.encoder.layers.2.self_attn.q_proj.bias" in tensors
    found = clip_vision.from_torch(CLIP, tensors)
    assert_same_variables(found, clip_vision.from_torch(CLIP, tower_tensors.clip_openai()))


def test_half_precision_becomes_float32():
    tensors = {name: t.astype(np.float16) for name, t in tower_tensors.clip_openai().items()}
    variables = clip_vision.from_torch(CLIP, tensors)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {np.dtype(np.float32)}
    projection = variables["params"]["proj"]["kernel"]
    np.testing.assert_array_equal(projection, tensors["visual.proj"].astype(np.float32))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"register_tokens": np.ones((1, 4, 24))}, "no place for 1 .* such as register_tokens"),
        ({"blocks.3.norm1.weight": np.ones(24)}, "no place for 1 .* such as blocks_3_norm1_weight"),
        ({"blocks.2.ls2.gamma": None}, r"blocks_2\.ls2_gamma is missing"),
        ({"pos_embed": np.ones((1, 257, 24))}, r"pos_embed is \(1, 257, 24\) instead of"),
    ],
)
def test_other_weights_than_dinov2s_are_refused(changed, message):
    tensors = {**tower_tensors.dinov2_hub(), **changed}
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    with pytest.raises(UserError, match=message):
        dinov2.from_torch(DINOV2, tensors)


def test_other_weights_than_clips_are_refused():
    with pytest.raises(UserError, match=r"no tensor's name begins with visual\."):
        clip_vision.from_torch(CLIP, tower_tensors.dinov2_hub())
    tensors = {**tower_tensors.clip_openai(), "visual.attnpool.weight": np.ones(3)}
    with pytest.raises(UserError, match=r"no place for 1 .* such as attnpool_weight"):
        clip_vision.from_torch(CLIP, tensors)

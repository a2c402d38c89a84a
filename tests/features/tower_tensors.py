"""Drawn tensors of small image towers, named as their publishers name them."""

import functools

import drawn_weights
import numpy as np

from dermgan_jax.features import clip_vision, dinov2

DINOV2 = dinov2.Tower(width=24, depth=3, heads=3, hidden=96)
CLIP = clip_vision.ClipVision(
    width=24, depth=3, heads=3, hidden=96, features=10, image_size=28, patch=7
)
WIDTH, DEPTH, HIDDEN = 24, 3, 96


@functools.cache
def dinov2_hub(seed: int = 401) -> dict[str, np.ndarray]:
    """Of `DINOV2`, as facebookresearch/dinov2 names them; layer scales around 1."""
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + 37**2, WIDTH),
        "mask_token": (1, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, 14, 14),
        "patch_embed.proj.bias": (WIDTH,),
        **_layers({"norm": (WIDTH,)}),
    }
    for block in (f"blocks.{index}." for index in range(DEPTH)):
        shapes |= {f"{block}ls{number}.gamma": (WIDTH,) for number in "12"}
        shapes |= _layers(
            {
                f"{block}norm1": (WIDTH,),
                f"{block}norm2": (WIDTH,),
                f"{block}attn.qkv": (3 * WIDTH, WIDTH),
                f"{block}attn.proj": (WIDTH, WIDTH),
                f"{block}mlp.fc1": (HIDDEN, WIDTH),
                f"{block}mlp.fc2": (WIDTH, HIDDEN),
            }
        )
    drawn = drawn_weights.draw(shapes, seed)
    return {name: t + name.endswith("gamma") for name, t in drawn.items()}


@functools.cache
def clip_openai(seed: int = 403) -> dict[str, np.ndarray]:
    """Of `CLIP`, as openai/CLIP names them, with one of the text tower."""
    shapes = {
        "class_embedding": (WIDTH,),
        "positional_embedding": (17, WIDTH),
        "proj": (WIDTH, 10),
        "conv1.weight": (WIDTH, 3, 7, 7),
        **_layers({"ln_pre": (WIDTH,), "ln_post": (WIDTH,)}),
    }
    for block in (f"transformer.resblocks.{index}." for index in range(DEPTH)):
        shapes |= {
            f"{block}attn.in_proj_weight": (3 * WIDTH, WIDTH),
            f"{block}attn.in_proj_bias": (3 * WIDTH,),
        }
        shapes |= _layers(
            {
                f"{block}ln_1": (WIDTH,),
                f"{block}ln_2": (WIDTH,),
                f"{block}attn.out_proj": (WIDTH, WIDTH),
                f"{block}mlp.c_fc": (HIDDEN, WIDTH),
                f"{block}mlp.c_proj": (WIDTH, HIDDEN),
            }
        )
    drawn = drawn_weights.draw({f"visual.{name}": shapes[name] for name in shapes}, seed)
    return drawn | {"transformer.resblocks.0.ln_1.weight": np.ones(8, np.float32)}


def dinov2_hugging_face() -> dict[str, np.ndarray]:
    """`dinov2_hub` as the published model.safetensors name them."""
    renames = {
        "patch_embed.proj.": "embeddings.patch_embeddings.projection.",
        "pos_embed": "embeddings.position_embeddings",
        "cls_token": "embeddings.cls_token",
        "mask_token": "embeddings.mask_token",
        "blocks.": "encoder.layer.",
        "ls1.gamma": "layer_scale1.lambda1",
        "ls2.gamma": "layer_scale2.lambda1",
        "attn.proj": "attention.output.dense",
    }
    named = _renamed(dinov2_hub(), renames, "attn.qkv.", "attention.attention.{}.")
    return {
        f"layer{name}" if name.startswith("norm.") else name: tensor
        for name, tensor in named.items()
    }


def clip_hugging_face() -> dict[str, np.ndarray]:
    """`clip_openai` as Hugging Face's files of the whole CLIP name them."""
    tensors = {
        name.removeprefix("visual."): tensor
        for name, tensor in clip_openai().items()
        if name.startswith("visual.")
    }
    projection = tensors.pop("proj")
    renames = {
        "class_embedding": "embeddings.class_embedding",
        "positional_embedding": "embeddings.position_embedding.weight",
        "conv1.": "embeddings.patch_embedding.",
        "ln_pre.": "pre_layrnorm.",
        "ln_post.": "post_layernorm.",
        "transformer.resblocks.": "encoder.layers.",
        "attn.out_proj.": "self_attn.out_proj.",
        "mlp.c_fc.": "mlp.fc1.",
        "mlp.c_proj.": "mlp.fc2.",
        "ln_1.": "layer_norm1.",
        "ln_2.": "layer_norm2.",
    }
    named = _renamed(tensors, renames, "attn.in_proj_", "self_attn.{}_proj.")
    return {
        "text_model.final_layer_norm.bias": np.ones(8, np.float32),
        "visual_projection.weight": projection.T,
        **{f"vision_model.{name}": tensor for name, tensor in named.items()},
        "vision_model.embeddings.position_ids": np.arange(17)[None],
    }


def _layers(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Weights and biases of layers by the shapes of the weights."""
    return {
        f"{name}.{kind}": shape if kind == "weight" else shape[:1]
        for name, shape in shapes.items()
        for kind in ("weight", "bias")
    }


def _renamed(
    tensors: dict[str, np.ndarray], renames: dict[str, str], stacked: str, apart: str
) -> dict[str, np.ndarray]:
    found = {}
    parts = ("query", "key", "value") if "attention.attention" in apart else tuple("qkv")
    for name, tensor in tensors.items():
        for old, new in renames.items():
            name = name.replace(old, new)
        if stacked in name:
            thirds = np.split(tensor, 3)
            found |= {
                name.replace(stacked, apart.format(part)): third
                for part, third in zip(parts, thirds, strict=True)
            }
        else:
            found[name] = tensor
    return found

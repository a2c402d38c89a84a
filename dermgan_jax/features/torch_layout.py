"""PyTorch state dicts as Flax variables.

The modules under `features/` name their layers as the PyTorch originals do, with "_" for ".", so
one rule imports them all: `layer1_0/conv1/kernel` is `layer1.0.conv1.weight`, transposed.
"""

from collections.abc import Mapping
from typing import Any

import flax
import flax.linen as nn
import jax
import numpy as np

from dermgan_jax.errors import UserError

LEAF_NAMES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}


def to_flax(
    module: nn.Module,
    image_shape: tuple[int, int, int],
    tensors: Mapping[str, np.ndarray],
    *,
    complete: bool = False,
) -> dict[str, Any]:
    """Variables of a module from the state dict of its PyTorch original.

    Args:
      module: takes images (N, H, W, C) and has one PyTorch layer per Flax layer.
      image_shape: (H, W, C) of some images that it takes.
      tensors: PyTorch name -> array; kernels are (out, in, height, width) or (out, in). Tensors
        that the module has no place for are ignored.
      complete: that there be none of those, as a larger network or one with more to it has.

    Raises:
      UserError: if a tensor is missing or has another shape than the module's, or is left over
        where none may be.
    """
    images = jax.ShapeDtypeStruct((1, *image_shape), np.float32)
    expected = flax.traverse_util.flatten_dict(
        jax.eval_shape(module.init, jax.random.key(0), images)
    )
    by_name = {name.replace(".", "_"): tensor for name, tensor in tensors.items()}
    variables, left = {}, dict.fromkeys(by_name)
    for path, leaf in expected.items():
        name = "_".join([*path[1:-1], LEAF_NAMES.get(path[-1], path[-1])])
        found = from_torch_axes(by_name[name]) if name in by_name else None
        if found is None or found.shape != leaf.shape:
            state = "missing" if found is None else f"{found.shape} instead of {leaf.shape}"
            raise UserError(
                f"these are not weights of {type(module).__name__}: {'.'.join(path[1:])} is {state}"
            )
        variables[path] = found
        del left[name]
    if complete and left:
        raise UserError(
            f"these are not weights of {type(module).__name__}, or not of this size: it has no "
            f"place for {len(left)} of the tensors, such as {next(iter(left))}"
        )
    return flax.traverse_util.unflatten_dict(variables)


def from_torch_axes(tensor: np.ndarray) -> np.ndarray:
    """(O, I, H, W) -> (H, W, I, O) and (O, I) -> (I, O), float32; others keep their axes."""
    axes = {2: (1, 0), 4: (2, 3, 1, 0)}.get(tensor.ndim, range(tensor.ndim))
    return np.ascontiguousarray(tensor.transpose(axes), dtype=np.float32)

"""Reference vectors of the translation networks, and their weights as Flax variables.

Copies of most lie in `tests/golden/cyclegan`; the others are read where the originals are found
beside the checkout.
"""

from collections.abc import Iterable
from pathlib import Path

import flax
import numpy as np

from dermgan_jax.interop.torch_names import AXES, TensorName

COPIES = Path(__file__).parent / "golden" / "cyclegan"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "cyclegan"


def found(*cases: str) -> list[str]:
    """Those of the cases that are here."""
    return [case for case in cases if _path(case).is_file()]


def load(case: str) -> dict[str, np.ndarray]:
    """Arrays by name; those with four axes are turned from NCHW to NHWC, but for weights."""
    with np.load(_path(case)) as vectors:
        arrays = dict(vectors)
    image_names = [
        name
        for name, array in arrays.items()
        if array.ndim == 4 and not name.startswith(("w:", "out:grad:", "out:gpgrad:", "out:after"))
    ]
    return arrays | {name: arrays[name].transpose(0, 2, 3, 1) for name in image_names}


def _path(case: str) -> Path:
    copy = COPIES / f"{case}.npz"
    return copy if copy.is_file() else ORIGINALS / f"{case}.npz"


def variables(
    names: Iterable[TensorName], arrays: dict[str, np.ndarray], prefix: str = "w:"
) -> dict[str, dict]:
    """Flax variables from the arrays with this prefix; every tensor must have a name.

    Args:
      names: the correspondence.
      arrays: as from `load`.
      prefix: "w:" for weights, "w:G." for those of one net among several.
    """
    tensors = {
        key.removeprefix(prefix): array
        for key, array in arrays.items()
        if key.startswith(prefix) and not key.endswith(("num_batches_tracked", "filt"))
    }
    flat = {}
    for name in names:
        tensor = tensors.pop(name.torch).transpose(AXES[name.kind])
        flat.setdefault(name.path, []).append(tensor)
    assert not tensors, "tensors without a name"
    stacked = {name.path for name in names if name.index is not None}
    return flax.traverse_util.unflatten_dict(
        {path: np.stack(parts) if path in stacked else parts[0] for path, parts in flat.items()}
    )


def torch_tensor(name: TensorName, tree: dict[str, dict]) -> np.ndarray:
    """The variable (or gradient) that this PyTorch tensor corresponds to, in PyTorch's layout."""
    leaf = flax.traverse_util.flatten_dict(tree)[name.path]
    leaf = np.asarray(leaf if name.index is None else leaf[name.index])
    return leaf.transpose(np.argsort(AXES[name.kind]))

"""Reference vectors of super-resolution, and their weights as Flax variables.

Copies of some lie in `tests/golden/superres`; the others are read where the originals are found
beside the checkout.
"""

import json
from pathlib import Path

import flax
import numpy as np

from dermgan_jax.interop.torch_names import AXES

COPIES = Path(__file__).parent / "golden" / "superres"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "superres"


def found(*cases):
    """Those of the cases that are here."""
    return [case for case in cases if _path(case).is_file()]


def _path(case):
    copy = COPIES / f"{case}.npz"
    return copy if copy.is_file() else ORIGINALS / f"{case}.npz"


class Case:
    """One case: `case["in:x"]`, images and feature maps turned from NCHW to NHWC."""

    def __init__(self, name):
        with np.load(_path(name)) as vectors:
            self.arrays = dict(vectors)
        self.facts = json.loads(_path(name).with_suffix(".json").read_text())
        self.options = self.facts["options"]

    def __getitem__(self, key):
        array = self.arrays[key]
        return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array

    def tensors(self, prefix="param:"):
        """PyTorch's tensors by their names; counters, which change nothing, are left out."""
        return {
            key.removeprefix(prefix): array
            for key, array in self.arrays.items()
            if key.startswith(prefix) and not key.endswith("num_batches_tracked")
        }

    def variables(self, names, prefix="param:"):
        """Flax variables; every tensor must have a name."""
        tensors, flat = self.tensors(prefix), {}
        for name in names:
            tensor = tensors.pop(name.torch).transpose(AXES[name.kind])
            flat.setdefault(name.path, []).append(tensor)
        assert not tensors, "tensors without a name"
        stacked = {name.path for name in names if name.index is not None}
        return flax.traverse_util.unflatten_dict(
            {path: np.stack(parts) if path in stacked else parts[0] for path, parts in flat.items()}
        )

    def check(self, key, got):
        """Whether an output agrees at the tolerance that the case states."""
        np.testing.assert_allclose(
            np.asarray(got), self[key], self.facts["rtol"], self.facts["atol"], err_msg=key
        )

    def check_state(self, prefix, names, changed):
        """Whether running statistics and singular vectors moved as the original's did."""
        flat, checked = flax.traverse_util.flatten_dict(changed), 0
        for name in names:
            if (key := f"out:{prefix}{name.torch}") in self.arrays:
                self.check(key, flat[name.path])
                checked += 1
        assert checked == sum(key.startswith(f"out:{prefix}") for key in self.arrays)

"""Reference vectors of SPADE, and its tensors' names here.

A generic mapping from the original's names: paths are the same, but that a layer of the original
may be wrapped (`mlp_shared.0`, `layer1.0`, `model1.0.0`).
"""

import json
from pathlib import Path

import flax
import numpy as np

from dermgan_jax.interop.torch_names import AXES

COPIES = Path(__file__).parent / "golden" / "spade"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "spade"
LEAVES = {
    "weight": ("params", "kernel"),
    "weight_orig": ("params", "kernel"),
    "bias": ("params", "bias"),
    "weight_u": ("spectral", "u"),
    "weight_v": ("spectral", "v"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}
LAYOUTS = {4: "conv", 2: "linear", 1: "vector"}


def found(*cases):
    """Those of the cases that are here."""
    return [case for case in cases if _path(case).is_file()]


def _path(case):
    copy = COPIES / f"{case}.npz"
    return copy if copy.is_file() else ORIGINALS / f"{case}.npz"


def own_path(torch):
    """The variable of a tensor, the collection first."""
    *layers, leaf = [part for part in torch.split(".") if not part.isdigit()]
    collection, name = LEAVES[leaf]
    return (collection, *layers, name)


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

    @property
    def mask(self):
        """The integer map, (N, H, W)."""
        return self["in:label"][..., 0]

    def variables(self):
        flat = {}
        for key, array in self.arrays.items():
            if key.startswith("param:") and not key.endswith("num_batches_tracked"):
                flat[own_path(key.removeprefix("param:"))] = array.transpose(
                    AXES[LAYOUTS[array.ndim]]
                )
        return flax.traverse_util.unflatten_dict(flat)

    def check(self, key, got):
        """Whether an output agrees at the tolerance that the case states."""
        np.testing.assert_allclose(
            np.asarray(got), self[key], self.facts["rtol"], self.facts["atol"], err_msg=key
        )

    def check_state(self, prefix, changed):
        """Whether running statistics and singular vectors moved as the original's did."""
        flat = flax.traverse_util.flatten_dict(changed)
        keys = [
            key
            for key in self.arrays
            if key.startswith(f"out:{prefix}") and ("running" in key or "weight_" in key)
        ]
        assert keys
        for key in keys:
            self.check(key, flat[own_path(key.removeprefix(f"out:{prefix}"))])

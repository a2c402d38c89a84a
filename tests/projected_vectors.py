"""Reference vectors of FastGAN and Projected GAN, and their weights as Flax variables.

Copies of some lie in `tests/golden/projected`; the others are read where the originals are found
beside the checkout.
"""

import json
import re
from pathlib import Path

import flax
import numpy as np

from dermgan_jax.interop.torch_names import AXES

COPIES = Path(__file__).parent / "golden" / "projected"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "projected"


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
        self.tensors = {
            key.removeprefix("param:"): array
            for key, array in self.arrays.items()
            if key.startswith("param:") and not key.endswith("num_batches_tracked")
        }

    def __getitem__(self, key):
        array = self.arrays[key]
        return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array

    def noise(self):
        """The noise maps in the order of their use."""
        count = sum(key.startswith("in:noise_") for key in self.arrays)
        return [self[f"in:noise_{index}"] for index in range(count)]

    def variables(self, names, prefix=""):
        """Flax variables of these names; tensors without a name are returned beside them."""
        left, flat = dict(self.tensors), {}
        for name in names:
            tensor = left.pop((prefix + name.torch).lstrip("."))
            flat[name.path] = tensor.transpose(AXES[name.kind])
        return flax.traverse_util.unflatten_dict(flat), left

    def check(self, key, got):
        """Whether an output agrees, at the tolerance and the places that the case states."""
        got = np.asarray(got)
        if got.ndim == 4:
            got = got.transpose(0, 3, 1, 2)
        short = key.removeprefix("out:")
        if how := self.facts.get("subsampled", {}).get(short):
            places = re.match(r"\[(.*?)\]", how)[1].split(",")
            got = got[tuple(_place(place.strip()) for place in places)]
        expected = self.arrays[f"out:{short}"]
        bound = self.facts["tolerance"][f"out:{short}"]
        assert got.shape == expected.shape, (key, got.shape, expected.shape)
        if "grad" in short:
            relative = np.linalg.norm(got - expected) / np.linalg.norm(expected)
            assert relative <= max(bound.get("rel_l2", 0), 1e-5), (key, relative)
            return
        excess = np.abs(got - expected) - bound["atol"] - bound["rtol"] * np.abs(expected)
        assert excess.max() <= 0, (key, excess.max())

    def check_buffers(self, tag, names, changed, prefix=""):
        """Whether running statistics and singular vectors moved as the original's did."""
        flat, checked = flax.traverse_util.flatten_dict(changed), 0
        for name in names:
            key = f"out:{tag}_buf:" + (prefix + name.torch).lstrip(".")
            if key in self.arrays:
                self.check(key, np.transpose(flat[name.path], np.argsort(AXES[name.kind])))
                checked += 1
        assert checked


def _place(text):
    if text == "...":
        return Ellipsis
    parts = [int(part) if part else None for part in text.split(":")]
    return slice(*parts)

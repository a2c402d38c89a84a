"""Reference vectors as they lie beside the checkout, or as copies in `tests/golden`."""

import json
from pathlib import Path

import numpy as np

COPIES = Path(__file__).parent / "golden"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden"


def path_of(family, case):
    """Of the copy if there is one, else of the original, whether it is here or not."""
    name = Path(family) / f"{case}.npz"
    copy = COPIES / name
    return copy if copy.is_file() else ORIGINALS / name


def found(family, *cases):
    """Those of the cases that are here."""
    return [case for case in cases if path_of(family, case).is_file()]


class VectorCase:
    """One case: `case["in:x"]`, images and feature maps turned from NCHW to NHWC."""

    def __init__(self, family, name):
        file = path_of(family, name)
        with np.load(file) as vectors:
            self.arrays = dict(vectors)
        self.facts = json.loads(file.with_suffix(".json").read_text())
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

    def check(self, key, got):
        """Whether an output agrees at the tolerance that the case states."""
        np.testing.assert_allclose(
            np.asarray(got), self[key], self.facts["rtol"], self.facts["atol"], err_msg=key
        )

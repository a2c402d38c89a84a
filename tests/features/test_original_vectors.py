"""What `tests/golden` holds of the reference vectors is all of them, bit for bit.

Only where the originals lie beside the checkout; elsewhere there is nothing to compare with.
"""

import numpy as np
import originals
import pytest

GROUPS = ("metrics", "inception", "lpips", "classifiers", "statistics")

if originals.ORIGINALS.is_dir():
    CASES = [
        f"{group}/{path.stem}"
        for group in GROUPS
        for path in sorted((originals.ORIGINALS / group).glob("*.npz"))
    ]

    @pytest.mark.parametrize("case", [case for case in CASES if case not in originals.PARTS])
    def test_copies_are_complete(case):
        for original in originals.ORIGINALS.glob(f"{case}.*"):
            if original.suffix in (".npz", ".safetensors"):
                copy = originals.COPIES / original.relative_to(originals.ORIGINALS)
                assert copy.read_bytes() == original.read_bytes()

    @pytest.mark.parametrize("case", [case for case in CASES if case in originals.PARTS])
    def test_parts_are_of_the_originals(case):
        original = originals.arrays(originals.ORIGINALS / f"{case}.npz")
        parts = originals.arrays(originals.COPIES / f"{originals.PARTS[case]}.npz")
        for name, part in parts.items():
            corner = tuple(slice(side) for side in part.shape)
            np.testing.assert_array_equal(part, original[name][corner], strict=True)

    @pytest.mark.parametrize(
        "copy", sorted((originals.COPIES / "projected").glob("*.npz")), ids=lambda path: path.stem
    )
    def test_copies_of_some_are_equal(copy):
        """Of this group the largest are read beside the checkout alone."""
        assert copy.read_bytes() == (originals.ORIGINALS / "projected" / copy.name).read_bytes()

"""Reference vectors of NVlabs/stylegan2-ada-pytorch in our layouts.

Copies of some lie in `tests/golden/stylegan2`; the others are read where the originals are found
beside the checkout.
"""

from pathlib import Path

import numpy as np

from dermgan_jax.interop import stylegan2_names

COPIES = Path(__file__).parent / "golden" / "stylegan2"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "stylegan2"

# Of the networks of all cases but the losses': 32x32 images from 16 latents.
WIDTHS, STYLE_SIZE = (16, 16, 16, 12), 24


def found(*cases: str) -> list[str]:
    """Those of the cases that are here."""
    return [case for case in cases if _path(case).is_file()]


def load(case: str) -> dict[str, np.ndarray]:
    """Arrays by name; images, feature maps and noise are turned to channels last, weights not."""
    with np.load(_path(case)) as vectors:
        arrays = dict(vectors)
    for name, array in arrays.items():
        is_weight = ":grad:" in name or name.startswith(("w:", "in:w", "in:conv_w"))
        if array.ndim == 4 and not is_weight:
            arrays[name] = array.transpose(0, 2, 3, 1)
    return arrays


def _path(case: str) -> Path:
    copy = COPIES / f"{case}.npz"
    return copy if copy.is_file() else ORIGINALS / f"{case}.npz"


def variables(arrays: dict[str, np.ndarray], prefix: str = "w:") -> dict[str, dict]:
    """Those of the network whose weights have this prefix: "w:", "w:G." or "w:D."."""
    start = len(prefix)
    return stylegan2_names.variables(
        {name[start:]: array for name, array in arrays.items() if name.startswith(prefix)}
    )


def draws(arrays: dict[str, np.ndarray], phase: str) -> list[np.ndarray]:
    """The random numbers of a phase in the order of their drawing; noise has no channels."""
    names = sorted(name for name in arrays if name.startswith(f"in:{phase}draw_"))
    return [a[..., 0] if a.ndim == 4 and a.shape[-1] == 1 else a for a in map(arrays.get, names)]

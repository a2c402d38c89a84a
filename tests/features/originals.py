"""Where the complete reference vectors lie, if they do: beside the checkout, not in it.

Those too large for the repository are in `tests/golden` in parts.
"""

from pathlib import Path

import numpy as np

from dermgan_jax.formats.tensor_files import read_tensors

COPIES = Path(__file__).parents[1] / "golden"
ORIGINALS = Path(__file__).parents[3] / "shared" / "golden"
PARTS = {
    "lpips/lpips_squeeze": "lpips/lpips_squeeze_first_taps",
    "classifiers/vit": "classifiers/vit_embeddings_and_last_block",
}


def found(case: str) -> list[Path]:
    """The original of a case ("group/name"), if it is there."""
    path = ORIGINALS / f"{case}.npz"
    return [path] if path.is_file() else []


def arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of a case, with the weights that lie beside it as "w:NAME"."""
    with np.load(path) as vectors:
        contents = dict(vectors)
    weights = path.with_suffix(".safetensors")
    if weights.is_file():
        contents |= {f"w:{name}": tensor for name, tensor in read_tensors(weights).items()}
    return contents

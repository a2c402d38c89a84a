"""Reference vectors of anomaly detection, and their weights as Flax variables.

Copies of some lie in `tests/golden/anomaly`; the others are read where the originals are found
beside the checkout.
"""

from pathlib import Path

import flax
import numpy as np

COPIES = Path(__file__).parent / "golden" / "anomaly"
ORIGINALS = Path(__file__).parents[2] / "shared" / "golden" / "anomaly"

# The plain convolutional networks: PyTorch's layer -> ours.
CONV_GENERATOR = {
    "l1.0": "input",
    "conv_blocks.0": "norm0",
    "conv_blocks.2": "up1",
    "conv_blocks.3": "norm1",
    "conv_blocks.6": "up2",
    "conv_blocks.7": "norm2",
    "conv_blocks.9": "output",
}
CONV_DISCRIMINATOR = {
    "model.0": "down0",
    "model.3": "down1",
    "model.6": "norm1",
    "model.7": "down2",
    "model.10": "norm2",
    "model.11": "down3",
    "model.14": "norm3",
    "adv_layer.0": "output",
}
_TORCH_LEAVES = {
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
    "bias": ("params", "bias"),
}
_TF_LEAVES = {
    "moving_mean": ("batch_stats", "mean"),
    "moving_variance": ("batch_stats", "var"),
    "gamma": ("params", "scale"),
    "scale": ("params", "scale"),
    "beta": ("params", "bias"),
    "offset": ("params", "bias"),
    "Biases": ("params", "bias"),
    "b": ("params", "bias"),
    "Filters": ("params", "kernel"),
    "W": ("params", "kernel"),
}
_TF_LAYERS = {"BN1": "norm1", "BN2": "norm2", "Conv1": "conv1", "Conv2": "conv2"}


def found(*cases: str) -> list[str]:
    """Those of the cases that are here."""
    return [case for case in cases if _path(case).is_file()]


def load(case: str) -> dict[str, np.ndarray]:
    """Arrays by name, in the layout of the originals."""
    with np.load(_path(case)) as vectors:
        return dict(vectors)


def _path(case: str) -> Path:
    copy = COPIES / f"{case}.npz"
    return copy if copy.is_file() else ORIGINALS / f"{case}.npz"


def nhwc(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, H, W, C)."""
    return images.transpose(0, 2, 3, 1)


def flat_chw(features: np.ndarray, channels: int) -> np.ndarray:
    """Features (N, F), flattened from height, width, channels, in the order of the originals."""
    side = int((features.shape[1] / channels) ** 0.5)
    square = np.asarray(features).reshape(len(features), side, side, channels)
    return square.transpose(0, 3, 1, 2).reshape(len(features), -1)


def conv_variables(
    arrays: dict[str, np.ndarray], layers: dict[str, str], channels: int, prefix: str = "param:"
) -> dict[str, dict]:
    """Variables of a plain convolutional network.

    Args:
      arrays: as from `load`.
      layers: PyTorch's layer -> ours.
      channels: of the features that the dense layer writes or reads.
      prefix: of the network's arrays.
    """
    flat = {}
    for key, array in arrays.items():
        if not key.startswith(prefix) or key.endswith("num_batches_tracked"):
            continue
        layer, _, leaf = key.removeprefix(prefix).rpartition(".")
        name = layers[layer]
        if leaf == "weight":
            collection, ours = "params", "scale" if array.ndim == 1 else "kernel"
            array = _kernel(array, name, channels)
        else:
            collection, ours = _TORCH_LEAVES[leaf]
            array = _rows(array[None], channels)[0] if (name, leaf) == ("input", "bias") else array
        flat[collection, name, ours] = array
    assert flat, prefix
    return flax.traverse_util.unflatten_dict(flat)


def _kernel(array: np.ndarray, name: str, channels: int) -> np.ndarray:
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    if array.ndim == 1:
        return array
    kernel = array.T
    if name == "input":  # onto features
        return _rows(kernel, channels)
    return _rows(kernel.T, channels).T  # from features


def _rows(array: np.ndarray, channels: int) -> np.ndarray:
    """Rows (n, C H W) in the order H, W, C."""
    side = int((array.shape[1] / channels) ** 0.5)
    square = array.reshape(len(array), channels, side, side)
    return square.transpose(0, 2, 3, 1).reshape(len(array), -1)


def residual_variables(arrays: dict[str, np.ndarray], net: str, channels: int) -> dict[str, dict]:
    """Variables of a residual network of the official code, "Generator", for instance."""
    flat = {}
    for key, array in arrays.items():
        if not key.startswith(f"param:{net}/"):
            continue
        # Such as Generator.Res1.Conv1/Generator.Res1.Conv1.Filters, or Discriminator.Res1.BN1.scale
        scope = key.removeprefix(f"param:{net}/")
        layer, _, leaf = scope.replace("/", ".").rpartition(".")
        parts = [part for part in layer.split(".") if part != net]
        parts = list(dict.fromkeys(parts))
        path = [
            part.replace("Res", "block")
            if part.startswith("Res")
            else {"OutputN": "output_norm"}.get(part, _TF_LAYERS.get(part, part.lower()))
            for part in parts
        ]
        collection, ours = _TF_LEAVES[leaf]
        if path == ["input"] and array.ndim == 2:
            array = _rows(array, channels)
        elif path == ["input"] and net == "Generator":
            array = _rows(array[None], channels)[0]
        elif path == ["output"] and array.ndim == 2:
            array = _rows(array.T, channels).T
        flat[(collection, *path, ours)] = array
    return flax.traverse_util.unflatten_dict(flat)

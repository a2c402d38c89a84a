"""Reads the official PGAN code's variables and arrays (TensorFlow layouts) into ours."""

import re
from pathlib import Path

import numpy as np

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.pgan import ProgressiveGan

GOLDEN = Path(__file__).parents[1] / "golden" / "pggan"


def read(case: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{case}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def make_gan(
    resolution=32, channels=3, labels=0, precision="float32", train_batch_size=4, **fields
) -> ProgressiveGan:
    """A model as small as the reference's; `fields` go to config.model."""
    config = configuration.experiment("pgan")
    config.precision = precision
    small = {"fmap_base": 128, "fmap_max": 16, "latent_size": 12, "conditional": labels > 0}
    config.model.update(small | fields)
    config.train.update({"total_kimg": 1.0, "batch_size": train_batch_size})
    data = DataSpec(resolution, resolution, channels, (40,) * labels, 40 * max(labels, 1))
    return ProgressiveGan(configuration.validate(config), data)


def nhwc(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 2, 3, 1)


def layer_names(arrays: dict[str, np.ndarray], resolution: int = 32) -> dict[str, tuple]:
    """Official variable name -> (net, layer, parameter), for every "w:…" in `arrays`."""
    names = {}
    for key in arrays:
        if not key.startswith("w:"):
            continue
        net, _, path = key[2:].lower().partition(".")
        layer, _, kind = path.rpartition("/")
        if rgb := re.fullmatch(r"(to|from)rgb_lod(\d+)", layer):
            side = resolution >> int(rgb[2])
            layer = f"{side}x{side}_{rgb[1]}_rgb"
        elif net == "g" and layer == "4x4/conv":
            layer = "4x4_conv1"
        names[key[2:]] = (net, layer.replace("/", "_"), "bias" if kind == "bias" else "kernel")
    return names


def variables(arrays: dict[str, np.ndarray]) -> dict:
    """{"w:G.4x4/Dense/weight": …} -> {"g": {"params": {"4x4_dense": {"kernel": …}}}}."""
    nets = {}
    for name, (net, layer, kind) in layer_names(arrays).items():
        params = nets.setdefault(net, {"params": {}})["params"].setdefault(layer, {})
        weight = arrays[f"w:{name}"]
        params[kind] = weight if kind == "bias" else kernel(weight, f"{net}/{layer}")
    return nets


def kernel(weight: np.ndarray, layer: str) -> np.ndarray:
    """One weight, or its gradient, in our layout."""
    if layer == "g/4x4_dense":  # to channels first
        return weight.reshape(len(weight), -1, 4, 4).transpose(0, 2, 3, 1)
    if layer == "d/4x4_dense0":  # from channels first
        fan_out = weight.shape[1]
        return weight.reshape(-1, 4, 4, fan_out).transpose(1, 2, 0, 3).reshape(-1, fan_out)
    if layer.endswith("_up"):  # of a transposed convolution
        return weight[::-1, ::-1].transpose(0, 1, 3, 2)
    return weight


def wide_weights() -> dict[str, np.ndarray]:
    """The weights of FACTS.md section 12: 32 feature maps everywhere, 3 labels."""
    conv, bias = (3, 3, 32, 32), (32,)
    rgb = {"ToRGB": ((1, 1, 32, 3), (3,)), "FromRGB": ((1, 1, 3, 32), bias)}
    generator = {"4x4/Dense": ((35, 512), bias), "4x4/Conv": (conv, bias)}
    generator["ToRGB_lod3"] = rgb["ToRGB"]
    for side, lod in ((8, 2), (16, 1), (32, 0)):
        generator[f"{side}x{side}/Conv0_up"] = generator[f"{side}x{side}/Conv1"] = (conv, bias)
        generator[f"ToRGB_lod{lod}"] = rgb["ToRGB"]
    discriminator = {}
    for side, lod in ((32, 0), (16, 1), (8, 2)):
        discriminator[f"FromRGB_lod{lod}"] = rgb["FromRGB"]
        for layer in ("Conv0", "Conv1_down"):
            discriminator[f"{side}x{side}/{layer}"] = (conv, bias)
    discriminator["FromRGB_lod3"] = rgb["FromRGB"]
    discriminator["4x4/Conv"] = ((3, 3, 33, 32), bias)
    discriminator["4x4/Dense0"] = ((512, 32), bias)
    discriminator["4x4/Dense1"] = ((32, 4), (4,))
    weights = {}
    for net, layers in (("G", generator), ("D", discriminator)):
        for index, (layer, (weight, bias)) in enumerate(layers.items()):
            draw = np.random.RandomState(2 * index).randn(*weight)
            weights[f"w:{net}.{layer}/weight"] = draw.astype(np.float32)
            draw = 0.1 * np.random.RandomState(2 * index + 1).randn(*bias)
            weights[f"w:{net}.{layer}/bias"] = draw.astype(np.float32)
    return weights

"""Variables of `inception.InceptionV3` from the two files in which its weights are published."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dermgan_jax.features import torch_layout
from dermgan_jax.features.inception import SIZE, InceptionV3

# Names in NVIDIA's TorchScript file -> names of pytorch-fid.
SCRIPT_LAYERS = {
    "conv": "Conv2d_1a_3x3",
    "conv_1": "Conv2d_2a_3x3",
    "conv_2": "Conv2d_2b_3x3",
    "conv_3": "Conv2d_3b_1x1",
    "conv_4": "Conv2d_4a_3x3",
    "mixed": "Mixed_5b",
    "mixed_1": "Mixed_5c",
    "mixed_2": "Mixed_5d",
    "mixed_3": "Mixed_6a",
    "mixed_4": "Mixed_6b",
    "mixed_5": "Mixed_6c",
    "mixed_6": "Mixed_6d",
    "mixed_7": "Mixed_6e",
    "mixed_8": "Mixed_7a",
    "mixed_9": "Mixed_7b",
    "mixed_10": "Mixed_7c",
}
SCRIPT_BRANCHES = {
    "Mixed_5": {
        "conv": "branch1x1",
        "tower.conv": "branch5x5_1",
        "tower.conv_1": "branch5x5_2",
        "tower_1.conv": "branch3x3dbl_1",
        "tower_1.conv_1": "branch3x3dbl_2",
        "tower_1.conv_2": "branch3x3dbl_3",
        "tower_2.conv": "branch_pool",
    },
    "Mixed_6a": {
        "conv": "branch3x3",
        "tower.conv": "branch3x3dbl_1",
        "tower.conv_1": "branch3x3dbl_2",
        "tower.conv_2": "branch3x3dbl_3",
    },
    "Mixed_6": {
        "conv": "branch1x1",
        "tower.conv": "branch7x7_1",
        "tower.conv_1": "branch7x7_2",
        "tower.conv_2": "branch7x7_3",
        "tower_1.conv": "branch7x7dbl_1",
        "tower_1.conv_1": "branch7x7dbl_2",
        "tower_1.conv_2": "branch7x7dbl_3",
        "tower_1.conv_3": "branch7x7dbl_4",
        "tower_1.conv_4": "branch7x7dbl_5",
        "tower_2.conv": "branch_pool",
    },
    "Mixed_7a": {
        "tower.conv": "branch3x3_1",
        "tower.conv_1": "branch3x3_2",
        "tower_1.conv": "branch7x7x3_1",
        "tower_1.conv_1": "branch7x7x3_2",
        "tower_1.conv_2": "branch7x7x3_3",
        "tower_1.conv_3": "branch7x7x3_4",
    },
    "Mixed_7": {
        "conv": "branch1x1",
        "tower_conv": "branch3x3_1",
        "tower_mixed_conv": "branch3x3_2a",
        "tower_mixed_conv_1": "branch3x3_2b",
        "tower_1_conv": "branch3x3dbl_1",
        "tower_1_conv_1": "branch3x3dbl_2",
        "tower_1_mixed_conv": "branch3x3dbl_3a",
        "tower_1_mixed_conv_1": "branch3x3dbl_3b",
        "tower_2_conv": "branch_pool",
    },
}
SCRIPT_LEAVES = {
    "weight": "conv.weight",
    "beta": "bn.bias",
    "mean": "bn.running_mean",
    "var": "bn.running_var",
}


def from_torch(tensors: Mapping[str, np.ndarray]) -> tuple[InceptionV3, dict[str, Any]]:
    """The network and its variables from the tensors of either published file.

    Args:
      tensors: of pytorch-fid's state dict ("Mixed_5b.branch1x1.conv.weight", …, "fc.weight"), or of
        NVIDIA's TorchScript archive ("net.layers.mixed.conv.weight", …), which has no "fc" and
        whose batch normalisations have no weight.

    Raises:
      UserError: if a tensor is missing or of another shape.
    """
    if any(name.startswith("net.layers.") for name in tensors):
        tensors = _torch_names(tensors)
    network = InceptionV3(logits="fc.weight" in tensors)
    return network, torch_layout.to_flax(network, (*SIZE, 3), tensors)


def _torch_names(script: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {}
    for name, tensor in script.items():
        layer, *branch, leaf = name.removeprefix("net.layers.").split(".")
        path = SCRIPT_LAYERS[layer]
        if branch:
            kind = path if path in SCRIPT_BRANCHES else path[: len("Mixed_5")]
            path += "." + SCRIPT_BRANCHES[kind][".".join(branch)]
        tensors[f"{path}.{SCRIPT_LEAVES[leaf]}"] = tensor
        if leaf == "beta":
            tensors[f"{path}.bn.weight"] = np.ones_like(tensor)
    return tensors

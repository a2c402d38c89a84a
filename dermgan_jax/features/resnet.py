"""ResNets (He et al. 2016) with basic or bottleneck blocks.

As torchvision and Hugging Face have them, and with importers of their files.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import numpy as np
from jax import Array

from dermgan_jax.features import torch_layout
from dermgan_jax.features.stages import Staged


class ResNet(Staged):
    """Parameters are named as torchvision's. The defaults are ResNet-50 v1.5.

    Attributes:
      depths: blocks per stage.
      widths: channels that each stage gives out.
      stem_width: channels of the first convolution.
      bottleneck: blocks of 1×1, 3×3, 1×1 convolutions rather than two of 3×3.
      stride_in_1x1: bottlenecks shrink in their first convolution (v1) rather than the 3×3 (v1.5).
    """

    depths: tuple[int, ...] = (3, 4, 6, 3)
    widths: tuple[int, ...] = (256, 512, 1024, 2048)
    stem_width: int = 64
    bottleneck: bool = True
    stride_in_1x1: bool = False

    @property
    def pyramid(self) -> tuple[int, ...]:
        """After every stage but the stem."""
        return tuple(range(2, self.num_stages + 1))

    @property
    def num_stages(self) -> int:
        """Of the whole network."""
        return 1 + len(self.depths)

    def _stage(self, x: Array, stage: int, train: bool) -> Array:
        if stage == 0:
            x = conv(self.stem_width, 7, "conv1", stride=2)(x)
            x = nn.relu(batch_norm(train, "bn1")(x))
            return nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        for block in range(self.depths[stage - 1]):
            stride = 2 if stage > 1 and block == 0 else 1
            width, name = self.widths[stage - 1], f"layer{stage}_{block}"
            if self.bottleneck:
                layer = Bottleneck(width, stride, self.stride_in_1x1, name=name)
            else:
                layer = BasicBlock(width, stride, name=name)
            x = layer(x, train)
        return x


ResNet50 = ResNet
ResNet18 = functools.partial(
    ResNet, depths=(2, 2, 2, 2), widths=(64, 128, 256, 512), bottleneck=False
)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, the first with the stride, and a shortcut."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        x = conv(self.width, 3, "conv1", self.stride)(inputs)
        x = nn.relu(batch_norm(train, "bn1")(x))
        x = conv(self.width, 3, "conv2")(x)
        x = batch_norm(train, "bn2")(x)
        return nn.relu(x + shortcut(inputs, x, self.stride, train))


class Bottleneck(nn.Module):
    """1×1 to a quarter of the width, 3×3, 1×1 to the width, and a shortcut."""

    width: int
    stride: int
    stride_in_1x1: bool

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        first, second = (self.stride, 1) if self.stride_in_1x1 else (1, self.stride)
        x = conv(self.width // 4, 1, "conv1", first)(inputs)
        x = nn.relu(batch_norm(train, "bn1")(x))
        x = conv(self.width // 4, 3, "conv2", second)(x)
        x = nn.relu(batch_norm(train, "bn2")(x))
        x = conv(self.width, 1, "conv3")(x)
        x = batch_norm(train, "bn3")(x)
        return nn.relu(x + shortcut(inputs, x, self.stride, train))


def shortcut(inputs: Array, outputs: Array, stride: int, train: bool) -> Array:
    """The inputs, projected by a 1×1 convolution if they differ in shape from the outputs."""
    if inputs.shape == outputs.shape:
        return inputs
    x = conv(outputs.shape[-1], 1, "downsample_0", stride)(inputs)
    return batch_norm(train, "downsample_1")(x)


def conv(features: int, size: int, name: str, stride: int = 1) -> nn.Conv:
    return nn.Conv(features, (size, size), stride, padding=size // 2, use_bias=False, name=name)


def batch_norm(train: bool, name: str) -> nn.BatchNorm:
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5, name=name)


def from_torch(module: ResNet, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from a state dict of torchvision or of Hugging Face's ResNetForImageClassification.

    Args:
      module: the architecture of the file.
      tensors: "layer1.0.conv1.weight" or "resnet.encoder.stages.0.layers.0.layer.0.…".

    Raises:
      UserError: if a tensor is missing or of another shape.
    """
    named = {torchvision_name(name): tensor for name, tensor in tensors.items()}
    return torch_layout.to_flax(module, (64, 64, 3), named)


def torchvision_name(name: str) -> str:
    """The torchvision name of a tensor that Hugging Face named; torchvision's own are unchanged."""
    kinds = {"convolution": "conv", "normalization": "bn"}
    name = name.replace("classifier.1.", "fc.")
    if match := re.fullmatch(r"resnet\.embedder\.embedder\.(\w+)\.(\w+)", name):
        return f"{kinds[match[1]]}1.{match[2]}"
    block = r"resnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\."
    if match := re.fullmatch(block + r"shortcut\.(\w+)\.(\w+)", name):
        part = 0 if match[3] == "convolution" else 1
        return f"layer{int(match[1]) + 1}.{match[2]}.downsample.{part}.{match[4]}"
    if match := re.fullmatch(block + r"layer\.(\d+)\.(\w+)\.(\w+)", name):
        part = f"{kinds[match[4]]}{int(match[3]) + 1}"
        return f"layer{int(match[1]) + 1}.{match[2]}.{part}.{match[5]}"
    return name

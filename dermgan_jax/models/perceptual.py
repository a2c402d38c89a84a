"""Perceptual losses: L1 between features of a VGG, of super-resolution and of SPADE.

Sources: BasicSR, basicsr/losses/basic_loss.py, PerceptualLoss; NVlabs/SPADE,
models/networks/loss.py, VGGLoss, which normalises no images. The network is VGG19 where the user
has torchvision's file, else the VGG16 that comes with LPIPS.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.features import lpips_net, torch_layout, weights
from dermgan_jax.features.vgg_features import DEPTHS, VggFeatures, normalized, tap_names
from dermgan_jax.formats.tensor_files import read_tensors

# Network -> name of its published weights.
PUBLISHED = {"vgg16": "lpips_vgg", "vgg19": "vgg19"}


@dataclasses.dataclass(frozen=True)
class Perceptual:
    """A VGG and how much each of its taps weighs.

    Attributes:
      network: "vgg16" or "vgg19".
      taps: names of taps, see `features.vgg_features`.
      tap_weights: as many.
      divisor: of the widths; 1 is the published network.
      imagenet: whether images are normalised as ImageNet's were.
    """

    network: str
    taps: tuple[str, ...]
    tap_weights: tuple[float, ...]
    divisor: int = 1
    imagenet: bool = True

    @property
    def module(self) -> VggFeatures:
        """The network."""
        return VggFeatures(self.network, self.taps, self.divisor)

    def faults(self, side: int) -> list[str]:
        """Why this cannot be computed of images with such a shorter side; empty if it can."""
        if self.network not in DEPTHS:
            return [f"model.perceptual_network is {self.network!r}; expected {' or '.join(DEPTHS)}"]
        known, found = tap_names(self.network), []
        for tap in self.taps:
            if tap not in known:
                found.append(
                    f"model.perceptual_taps names {tap!r}; {self.network} has {', '.join(known)}"
                )
        if len(set(self.taps)) != len(self.taps) or not self.taps:
            found.append("model.perceptual_taps: name at least one tap, and each once")
        if len(self.taps) != len(self.tap_weights):
            found.append(
                f"model.perceptual_tap_weights has {len(self.tap_weights)} numbers for "
                f"{len(self.taps)} taps"
            )
        if not found:
            deepest = max(
                int(tap.removeprefix("conv").removeprefix("relu")[0]) for tap in self.taps
            )
            if side >> (deepest - 1) < 1:
                found.append(
                    f"images of {side} pixels are too small for the tap in block {deepest} of "
                    f"{self.network}: take taps of earlier blocks"
                )
        return found

    def init(self, rng: jax.Array) -> dict[str, Any]:
        """Random variables, before the published ones take their place."""
        side = 1 << (len(DEPTHS[self.network]) - 1)
        return dict(self.module.init(rng, jnp.zeros((1, side, side, 3))))

    def published(self) -> dict[str, Any]:
        """The published variables; read on the host.

        Raises:
          UserError: if the file is not here, or holds another network.
        """
        tensors = read_tensors(weights.find(PUBLISHED[self.network]))
        if self.network == "vgg16":
            tensors, _ = lpips_net.torch_names("vgg", tensors)
        return from_torch(self.module, tensors)

    def distance(
        self, variables: Mapping[str, Any], images: jax.Array, wanted: jax.Array
    ) -> jax.Array:
        """Weighted mean absolute differences of features; no gradient flows into `wanted`.

        Args:
          variables: of the network.
          images, wanted: (N, H, W, C) in [0, 1], C 1 or 3; without `imagenet` in [-1, 1].

        Returns:
          (N,), float32.
        """
        if self.imagenet:
            images, wanted = normalized(images), normalized(wanted)
        else:
            images, wanted = (
                jnp.broadcast_to(side, (*side.shape[:3], 3)) for side in (images, wanted)
            )
        found = self.module.apply(variables, images)
        target = jax.lax.stop_gradient(self.module.apply(variables, wanted))
        return sum(
            weight * jnp.abs(found[tap] - target[tap]).mean((1, 2, 3))
            for tap, weight in zip(self.taps, self.tap_weights, strict=True)
        )


def from_torch(module: VggFeatures, tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables from torchvision's state dict.

    Raises:
      UserError: if a tensor is missing or has another shape.
    """
    return torch_layout.to_flax(module, (16, 16, 3), tensors)

"""What Projected GAN's discriminators look at: frozen feature maps, mixed at random.

Sauer et al., NeurIPS 2021, arXiv:2111.01007, sections 3.1 and 3.2.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from dermgan_jax import registry
from dermgan_jax.features.resize import resize
from dermgan_jax.models import classifier_networks
from dermgan_jax.models.classifier_networks import ARCHITECTURES
from dermgan_jax.nets.random_projection import Mixing, RandomProjection

LEAST_MAP = 4  # pixels; the discriminators end with 4x4 kernels


def networks() -> tuple[str, ...]:
    """Names of the networks that have feature maps of several sizes."""
    return tuple(name for name, known in ARCHITECTURES.items() if pyramid(known.whole))


def pyramid(module: nn.Module) -> tuple[int, ...]:
    """Stages whose feature maps are taken; empty if there are none."""
    return getattr(module, "pyramid", ())


@dataclasses.dataclass(frozen=True)
class FeaturePyramid:
    """A network up to its last map, and the random projection after it. Hashable.

    Attributes:
      name: of the network, one of `networks()`.
      side: images of a shorter side are enlarged to it; those of a longer one are taken as they
        are.
      mixing: of `RandomProjection`.
      width: its channels (cout).
      expand: its widening.
      precision: of the arithmetic, "float32" or "bfloat16".
    """

    name: str
    side: int
    mixing: Mixing = "scales"
    width: int = 64
    expand: bool = True
    precision: str = "float32"

    @property
    def network(self) -> nn.Module:
        whole = ARCHITECTURES[self.name].whole
        return whole.clone(num_classes=0, taps=pyramid(whole))

    @property
    def projection(self) -> RandomProjection:
        return RandomProjection(self.width, self.expand, self.mixing)

    def seen_side(self, side: int) -> int:
        """Of what the network gets to see of images of a side."""
        return max(side, self.side)

    def map_shapes(self, side: int) -> list[tuple[int, ...]]:
        """(H, W, C) of the maps of images of a side, the shallowest first."""
        return _map_shapes(self, side)

    def faults(self, side: int) -> list[str]:
        """What is wrong with these fields of `config.model` for images of a side; empty if none."""
        if self.name not in networks():
            hint = registry.did_you_mean(self.name, networks())
            return [f"model.features is {self.name!r}, which has no pyramid of maps{hint}"]
        seen, levels = self.seen_side(side), len(pyramid(ARCHITECTURES[self.name].whole))
        deepest = 2 << levels
        if seen % deepest:
            return [
                f"model.feature_side is {self.side}, so that {self.name} sees images of side "
                f"{seen}: choose a multiple of {deepest}"
            ]
        least = LEAST_MAP * (deepest // 2 if self.mixing == "scales" else deepest)
        if seen < least:
            return [
                f"model.feature_side is {self.side}: the deepest map needs {LEAST_MAP} pixels, "
                f"which take {least} or more"
            ]
        return []

    def init(self, rng: jax.Array) -> dict[str, Any]:
        """Random variables: those of the network under "network", else under "projection"."""
        network_rng, projection_rng = jax.random.split(rng)
        images = jnp.zeros((1, self.side, self.side, 3))
        network = self.network.init(network_rng, images)
        maps = jax.eval_shape(self.network.apply, network, images)
        drawn = self.projection.init(projection_rng, [jnp.zeros(x.shape) for x in maps])
        variables = {collection: {"network": tree} for collection, tree in network.items()}
        return {
            **variables,
            "params": {**variables["params"], "projection": drawn.get("params", {})},
        }

    def with_published(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Variables with the network's published weights.

        Raises:
          UserError: if the file is not found, saying how to get it.
        """
        source = classifier_networks.published(self.name)
        return {
            collection: {
                **tree,
                "network": classifier_networks.fill({collection: tree["network"]}, source)[
                    collection
                ],
            }
            for collection, tree in variables.items()
        }

    def apply(self, variables: Mapping[str, Any], images: jax.Array) -> list[jax.Array]:
        """Maps (N, H, W, C), the shallowest first, of images (N, S, S, 1 or 3) in [-1, 1].

        Batch normalisation uses the running statistics. Images are enlarged as torch's bilinear
        interpolation with half-pixel centres does.
        """
        mean, deviation = map(jnp.asarray, ARCHITECTURES[self.name].normalisation)
        rgb = jnp.broadcast_to(images, (*images.shape[:3], 3))
        side = self.seen_side(images.shape[1])
        seen = rgb if images.shape[1] == side else resize(rgb, (side, side), "torch")
        prepared = ((seen + 1) / 2 - mean) / deviation
        own = {collection: tree["network"] for collection, tree in variables.items()}
        maps = self.network.apply(*classifier_networks.at_precision(self.precision, own, prepared))
        drawn = {"params": variables["params"]["projection"]}
        return self.projection.apply(drawn, maps)


@functools.lru_cache
def _map_shapes(pyramid: FeaturePyramid, side: int) -> list[tuple[int, ...]]:
    images = jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    variables = jax.eval_shape(pyramid.init, jax.random.key(0))
    return [x.shape[1:] for x in jax.eval_shape(pyramid.apply, variables, images)]

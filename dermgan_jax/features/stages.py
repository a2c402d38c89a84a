"""Convolutional networks as a row of stages, which may be cut anywhere between two."""

from typing import Protocol

import flax.linen as nn
from jax import Array


class Staged(Protocol):
    """A module whose stage `i` is `_stage(x, i, train)`, the last one giving pooled features.

    Attributes:
      num_classes: of the last layer; 0 leaves it out.
      begin, end: only stages `begin` to `end` - 1 are there; `end` None means to the last.
      num_stages: of the whole network.
    """

    num_classes: int
    begin: int
    end: int | None
    num_stages: int

    def _stage(self, x: Array, stage: int, train: bool) -> Array: ...


def run(network: Staged, x: Array, train: bool) -> tuple[Array, Array] | Array:
    """What a part of a network gives out; call it from the module's own compact method.

    Returns:
      Of the last part, features (N, width) and logits (N, classes), without a last layer the
      features alone; of other parts, (N, h, w, C).
    """
    for stage in range(network.num_stages)[network.begin : network.end]:
        x = network._stage(x, stage, train)
    if network.end not in (None, network.num_stages) or not network.num_classes:
        return x
    return x, nn.Dense(network.num_classes, name="fc")(x)

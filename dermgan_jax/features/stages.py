"""Convolutional networks as a row of stages, which may be cut anywhere between two."""

import dataclasses
from typing import ClassVar

import flax.linen as nn
from jax import Array


class Staged(nn.Module):
    """A network whose stage `i` is `_stage(x, i, train)`; after the last comes `_pool(x)`.

    Attributes:
      num_classes: of the last layer; 0 leaves it out.
      begin, end: only stages `begin` to `end` - 1 are there; `end` None means to the last.
      taps: if not empty, the network gives out its feature maps after so many stages each, and
        nothing after the last of them is there.
    """

    num_classes: int = 1000
    begin: int = dataclasses.field(default=0, kw_only=True)
    end: int | None = dataclasses.field(default=None, kw_only=True)
    taps: tuple[int, ...] = dataclasses.field(default=(), kw_only=True)

    # Stages after which the image is a quarter, an eighth, … of its side; empty: there are no maps.
    pyramid: ClassVar[tuple[int, ...]] = ()

    @property
    def num_stages(self) -> int:
        """Of the whole network. Abstract: each network has its own."""
        raise NotImplementedError

    def _stage(self, x: Array, stage: int, train: bool) -> Array:
        """What one stage gives out. Abstract: each network has its own."""
        raise NotImplementedError

    def _pool(self, x: Array) -> Array:
        return x.mean(axis=(1, 2))

    @nn.compact
    def __call__(
        self, images: Array, train: bool = False
    ) -> tuple[Array, Array] | Array | list[Array]:
        """What the part of the network gives out.

        Args:
          images: float (N, H, W, 3), in the range that the network's weights want; for a later
            part, what the part before gives out.
          train: normalise by the batch, and update the running statistics ("batch_stats").

        Returns:
          Of the last part, features (N, width) and logits (N, classes), without a last layer the
          features alone; of other parts, (N, h, w, C); with `taps` a list of such.
        """
        x, maps = images, []
        for stage in range(self.num_stages)[self.begin : max(self.taps) if self.taps else self.end]:
            x = self._stage(x, stage, train)
            maps += [x] * (stage + 1 in self.taps)
        if self.taps:
            return maps
        if self.end not in (None, self.num_stages):
            return x
        if self.begin < self.num_stages:
            x = self._pool(x)
        if not self.num_classes:
            return x
        return x, nn.Dense(self.num_classes, name="fc")(x)

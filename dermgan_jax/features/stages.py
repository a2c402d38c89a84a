"""Convolutional networks as a row of stages, which may be cut anywhere between two."""

import dataclasses

import flax.linen as nn
from jax import Array


class Staged(nn.Module):
    """A network whose stage `i` is `_stage(x, i, train)`, the last one giving pooled features.

    Attributes:
      num_classes: of the last layer; 0 leaves it out.
      begin, end: only stages `begin` to `end` - 1 are there; `end` None means to the last.
    """

    num_classes: int = 1000
    begin: int = dataclasses.field(default=0, kw_only=True)
    end: int | None = dataclasses.field(default=None, kw_only=True)

    @property
    def num_stages(self) -> int:
        """Of the whole network."""
        raise NotImplementedError

    def _stage(self, x: Array, stage: int, train: bool) -> Array:
        raise NotImplementedError

    @nn.compact
    def __call__(self, images: Array, train: bool = False) -> tuple[Array, Array] | Array:
        """What the part of the network gives out.

        Args:
          images: float (N, H, W, 3), in the range that the network's weights want; for a later
            part, what the part before gives out.
          train: normalise by the batch, and update the running statistics ("batch_stats").

        Returns:
          Of the last part, features (N, width) and logits (N, classes), without a last layer the
          features alone; of other parts, (N, h, w, C).
        """
        x = images
        for stage in range(self.num_stages)[self.begin : self.end]:
            x = self._stage(x, stage, train)
        if self.end not in (None, self.num_stages) or not self.num_classes:
            return x
        return x, nn.Dense(self.num_classes, name="fc")(x)

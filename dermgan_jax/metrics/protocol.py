"""What a metric value is, and the yardstick beside it.

Metrics on images, uint8 (N, H, W, C) with C 1 or 3, take `mirror`: it says that the model was
trained on randomly flipped images, so the real ones are flipped here too. Everything random follows
from a seed. `metrics.registered` names the metrics.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import numpy as np

from dermgan_jax.errors import UserError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class MetricValue:
    """One measured number and what is needed to compare it with another.

    Attributes:
      name: of the metric, as registered.
      value: the number.
      protocol: how it was measured; only values of equal protocol and `n` are comparable.
      n: images on each side.
      details: parts of the number by name, such as the distance per resolution.
      better: the direction of better values.
      n_real: real images, where their number may differ from `n`, which then counts the fake ones.
      std: the spread published with this metric (KID: over subsets, Inception Score: over splits);
        the standard error where none is.
      interval: 95 % confidence interval (low, high) for other draws of as many images.
    """

    name: str
    value: float
    protocol: str
    n: int
    details: Mapping[str, float]
    better: Literal["lower", "higher"]
    n_real: int | None = None
    std: float | None = None
    interval: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """The fields as a dict that `json` can write; an infinite value becomes None."""
        value = self.value if math.isfinite(self.value) else None
        return {**dataclasses.asdict(self), "value": value, "details": dict(self.details)}


def choose(images: np.ndarray, n: int, seed: int) -> np.ndarray:
    """`n` of the images at random, without repetition, in their order; all if there are no more."""
    if len(images) <= n:
        return images
    chosen = np.random.default_rng(seed).choice(len(images), n, replace=False)
    return images[np.sort(chosen)]


def mirror_at_random(images: np.ndarray, seed: int) -> np.ndarray:
    """Images (N, H, W, C), each flipped left to right with probability one half."""
    flipped = np.random.default_rng(seed).random(len(images)) < 0.5
    return np.where(flipped[:, None, None, None], images[:, :, ::-1], images)


def lower_bound(
    compute: Callable[..., T], real: np.ndarray, *, n: int, seed: int, mirror: bool
) -> T:
    """A metric between two disjoint random sets of real images: what a perfect model would get.

    Args:
      compute: a metric on images or features, with the arguments `seed` and `mirror`.
      real: images uint8 (N, H, W, C) or features (N, D).
      n: images on each side of the value this is a yardstick for. With fewer than 2n real images
        the halves are used, which makes the bound somewhat too large; its own `n` tells.

    Raises:
      UserError: if there are fewer than two images.
    """
    if len(real) < 2:
        raise UserError(f"{len(real)} real images: comparing real with real needs at least two")
    n = min(n, len(real) // 2)
    order = np.random.default_rng(seed).permutation(len(real))
    first, second = real[np.sort(order[:n])], real[np.sort(order[n : 2 * n])]
    if mirror:
        second = mirror_at_random(second, seed + 1)  # `compute` flips the first
    return compute(first, second, seed=seed, mirror=mirror)

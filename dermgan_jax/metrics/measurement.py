"""What a metric value is.

Metrics on images, uint8 (N, H, W, C) with C 1 or 3, take `mirror`: it says that the model was
trained on randomly flipped images, so the real ones are flipped here too. Everything random follows
from a seed. `metrics.registered` names the metrics, `metrics.yardstick` says what values mean.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal


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

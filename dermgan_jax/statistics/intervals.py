"""95 % confidence intervals."""

import dataclasses

import numpy as np
from scipy.special import betaincinv, ndtri

TAIL = 0.025
Z = float(ndtri(1 - TAIL))


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


def normal(value: float, standard_error: float) -> tuple[float, float]:
    """value ± 1.96 standard errors."""
    return value - Z * standard_error, value + Z * standard_error


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's score interval of a share, within [0, 1] and sensible at 0 and n of n (1927)."""
    share, weight = successes / n, Z**2 / n
    centre = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * np.sqrt(share * (1 - share) / n + weight / (4 * n))
    low, high = centre - half, centre + half
    return (float(low) if successes > 0 else 0.0), (float(high) if successes < n else 1.0)


def clopper_pearson(successes: int, n: int) -> tuple[float, float]:
    """The exact ("beta") interval of a share: covers at least 95 % whatever the share (1934)."""
    low = betaincinv(successes, n - successes + 1, TAIL) if successes > 0 else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - TAIL) if successes < n else 1.0
    return float(low), float(high)

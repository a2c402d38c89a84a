"""Do classifiers judged on the same images differ?

McNemar's test (1947) is for two, Cochran's (1950) for more.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats


class PairedTest(NamedTuple):
    """Test statistic and two-sided p-value."""

    statistic: float
    p: float


def paired_table(correct_a: np.ndarray, correct_b: np.ndarray) -> np.ndarray:
    """Counts (2, 2) of images by A right or wrong (rows) and B right or wrong (columns).

    Args:
      correct_a, correct_b: bool or 0 and 1, (n,).
    """
    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    return np.array([[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]])


def exact(table: np.ndarray) -> PairedTest:
    """Binomial test of the discordant counts of a `paired_table`; right for any size."""
    b, c = int(table[0, 1]), int(table[1, 0])
    return PairedTest(min(b, c), min(1.0, 2 * float(stats.binom.cdf(min(b, c), b + c, 0.5))))


def chi_square(table: np.ndarray, *, correction: bool = True) -> PairedTest:
    """χ² with one degree of freedom, by default with (|b − c| − 1)²; for b + c of 25 and more.

    Without discordant images the statistic is 0 and p is 1.
    """
    b, c = int(table[0, 1]), int(table[1, 0])
    if b + c == 0:
        return PairedTest(0.0, 1.0)
    statistic = (abs(b - c) - correction) ** 2 / (b + c)
    return PairedTest(statistic, float(stats.chi2.sf(statistic, 1)))


def cochran_q(correct: np.ndarray) -> PairedTest:
    """Cochran's Q of several classifiers: 0 and 1, (images, classifiers).

    If all classifiers agree on every image the statistic is 0 and p is 1.
    """
    correct = np.asarray(correct, np.int64)
    k = correct.shape[1]
    per_image, per_classifier = correct.sum(axis=1), correct.sum(axis=0)
    scatter = (per_image * (k - per_image)).sum()
    if scatter == 0:
        return PairedTest(0.0, 1.0)
    statistic = k * (k - 1) * np.square(per_classifier - per_classifier.mean()).sum() / scatter
    return PairedTest(float(statistic), float(stats.chi2.sf(statistic, k - 1)))

"""p-values that stay honest when several questions are asked at once."""

import numpy as np


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (1979) of p-values (m,): the chance of one false alarm or more.

    It needs no assumption on how the tests depend on each other, and finds whatever Bonferroni's
    correction finds.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def bonferroni(p: np.ndarray) -> np.ndarray:
    """p-values (m,) times their number, at most 1."""
    p = np.asarray(p, np.float64)
    return np.minimum(p * len(p), 1.0)

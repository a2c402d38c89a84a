"""Do a classifier's probabilities mean what they say?"""

from typing import NamedTuple

import numpy as np

BINS = 15


class Reliability(NamedTuple):
    """A reliability diagram; each (bins,), NaN for accuracy and confidence of an empty bin.

    Attributes:
      edges: upper ends of the bins, the last one 1; a bin holds its upper end, not its lower one.
      confidence: mean probability of the predicted class.
      accuracy: share of right answers.
      share: of the images.
    """

    edges: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    share: np.ndarray


def expected_calibration_error(
    true: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    bins: int = BINS,
) -> float | np.ndarray:
    """Mean |accuracy − confidence| over equal-width bins of top-label confidence (Guo et al. 2017).

    It is biased upwards where bins hold few images: even perfect probabilities have a positive one.

    Args:
      true: int (n,).
      probabilities: (n, k).
      weights: how often each image counts, >= 0: (n,), or (r, n) for r errors at once.
      bins: how many.

    Returns:
      A float in [0, 1], or (r,).
    """
    confidence, right, member = _binned(true, probabilities, bins)
    weights = np.ones(len(true)) if weights is None else weights
    gaps = weights @ (member * (right - confidence)[:, None])
    error = np.abs(gaps).sum(axis=-1) / weights.sum(axis=-1)
    return float(error) if weights.ndim == 1 else error


def reliability(
    true: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    bins: int = BINS,
) -> Reliability:
    """What `expected_calibration_error` averages; `weights` (n,)."""
    confidence, right, member = _binned(true, probabilities, bins)
    weights = np.ones(len(true)) if weights is None else weights
    in_bin = weights @ member
    with np.errstate(invalid="ignore"):
        return Reliability(
            edges=np.arange(1, bins + 1) / bins,
            confidence=(weights * confidence) @ member / in_bin,
            accuracy=(weights * right) @ member / in_bin,
            share=in_bin / weights.sum(),
        )


def _binned(
    true: np.ndarray, probabilities: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence (n,), whether right (n,), and which bin, one-hot (n, bins)."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    # As scikit-learn does: against edges, since confidence × bins may round across one.
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    member = np.searchsorted(edges, confidence)[:, None] == np.arange(bins)
    return confidence, (predicted == true).astype(np.float64), member.astype(np.float64)

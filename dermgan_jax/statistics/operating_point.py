"""What a classifier finds when it may raise only so many false alarms."""

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.classification import RocCurve, roc_curve

ROUNDING = 1e-9  # of the negatives' weight: sums of weights are not exact


def sensitivity_at_specificity(
    positive: np.ndarray,
    scores: np.ndarray,
    weights: np.ndarray | None = None,
    *,
    specificity: float = 0.95,
) -> float | np.ndarray:
    """The highest sensitivity among thresholds whose specificity is at least the given one.

    An image is called positive if its score reaches the threshold, so equal scores fall together,
    and nothing is interpolated between thresholds that the data allow. Calling nothing positive is
    always one of them: the result is at least 0.

    Args:
      positive: bool (n,).
      scores: (n,), higher for positives.
      weights: how often each image counts, >= 0: (n,), or (r, n) for r sensitivities at once, NaN
        where the weights leave only positives or only negatives.
      specificity: share of negatives that must be called negative, 0 to 1.

    Raises:
      UserError: if there are only positives or only negatives.
    """
    num = int(positive.sum())
    if num in (0, len(positive)):
        raise UserError(
            f"sensitivity at a fixed specificity: {num} of {len(positive)} images are positive; it "
            "needs both kinds"
        )
    weights = np.ones(len(scores)) if weights is None else weights
    found = at_specificity(roc_curve(positive, scores, weights), specificity)
    return float(found) if weights.ndim == 1 else found


def at_specificity(curve: RocCurve, specificity: float) -> np.ndarray:
    """`sensitivity_at_specificity` of a `roc_curve`, () or (r,)."""
    positives, negatives = curve.true[-1], curve.false[-1]
    allowed = curve.false <= (1 - specificity + ROUNDING) * negatives
    last = np.asarray(allowed.sum(axis=0) - 1)
    highest = np.take_along_axis(curve.true, last[None], axis=0)[0]
    out = np.full(np.shape(highest), np.nan)
    return np.divide(highest, positives, out=out, where=(positives > 0) & (negatives > 0))

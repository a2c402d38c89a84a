"""Inception Score (Salimans et al. 2016) from logits, as torch-fidelity computes it.

exp of the mean divergence between the class probabilities of an image and those of its split,
averaged over splits. The published protocol takes the softmax over all 1008 outputs of the
Inception network of 2015-12-05 without their bias ("unbiased logits").
"""

import numpy as np
from scipy.special import log_softmax

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.feature_arrays import check_one
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.statistics import intervals

SPLITS = 10


def compute(real: np.ndarray | None, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """The score of the fake images; `std` is the published one, over splits.

    The interval is by the delta method: the standard error of each split's mean divergence, given
    the split's own mean of probabilities.

    Args:
      real: not used; the score knows no real images.
      fake: logits (n, classes).
      seed: of the order in which images fall into splits; torch-fidelity's is 2020.

    Raises:
      UserError: if there are fewer images than twice the splits, or logits are not finite.
    """
    check_one("inception score", fake, side="fake", at_least=2 * SPLITS)
    order = np.random.RandomState(seed).permutation(len(fake))
    scores, errors = split_scores(fake[order])
    value = float(scores.mean())
    error = float(np.sqrt(np.square(errors).sum()) / SPLITS)
    return (
        MetricValue(
            name="inception_score",
            value=value,
            protocol=f"is:splits{SPLITS}",
            n=len(fake),
            details={},
            better="higher",
            std=float(scores.std()),
            interval=intervals.normal(value, error),
        ),
    )


def split_scores(logits: np.ndarray, splits: int = SPLITS) -> tuple[np.ndarray, np.ndarray]:
    """Score of each split and its standard error, (splits,) each.

    Args:
      logits: (n, classes); split i is rows i·n//splits to (i + 1)·n//splits, n >= 2·splits.

    Raises:
      UserError: if there are too few images.
    """
    if len(logits) < 2 * splits:
        raise UserError(f"inception score: {len(logits)} images for {splits} splits, two each")
    log_p = log_softmax(np.asarray(logits, np.float64), axis=1)
    scores, errors = [], []
    for i in range(splits):
        part = log_p[i * len(log_p) // splits : (i + 1) * len(log_p) // splits]
        p = np.exp(part)
        divergence = (p * (part - np.log(p.mean(axis=0)))).sum(axis=1)
        scores.append(np.exp(divergence.mean()))
        errors.append(scores[-1] * divergence.std(ddof=1) / np.sqrt(len(part)))
    return np.array(scores), np.array(errors)

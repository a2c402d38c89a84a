"""A linear probe: regularised logistic regression on the features of a frozen network.

Classes count equally, however many images they have, so that the probability of a rare class is not
small for its rarity. Features are standardised by the training images.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

PENALTIES = (1.0, 0.1, 0.01, 0.001, 0.0001)  # of the squared weights, strongest first
MOST_ITERATIONS = 500


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A fitted probe.

    Attributes:
      mean, scale: float64 (D,), of the training features.
      weights: float64 (D + 1, K), the last row being the biases.
      penalty: that it was fitted with.
      loss: mean cross-entropy of the validation images, classes counting equally.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    penalty: float
    loss: float

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Class probabilities float64 (N, K) of features (N, D)."""
        return softmax(_logits(self.weights, (features - self.mean) / self.scale), axis=1)


def fit(
    train: tuple[np.ndarray, np.ndarray],
    val: tuple[np.ndarray, np.ndarray],
    num_classes: int,
    penalties: Sequence[float] = PENALTIES,
) -> LinearProbe:
    """Fits by L-BFGS, once per penalty, and keeps the fit of the least validation loss.

    Args:
      train, val: features (N, D) and labels int (N,), 0 to num_classes − 1. Classes without an
        image do no harm.
      num_classes: K.
      penalties: to choose among, strongest first: each fit starts from the one before.
    """
    features, labels = train
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0).astype(np.float64)
    standardised = (features - mean) / scale
    val_standardised = (val[0] - mean) / scale
    importance, val_importance = _importance(labels), _importance(val[1])
    weights = np.zeros((features.shape[1] + 1, num_classes))
    fitted = []
    for penalty in penalties:
        found = minimize(
            _objective,
            weights.ravel(),
            (standardised, labels, importance, penalty),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MOST_ITERATIONS},
        )
        weights = found.x.reshape(weights.shape)
        loss, _ = _cross_entropy(weights, val_standardised, val[1], val_importance)
        fitted.append(LinearProbe(mean, scale, weights, penalty, loss))
    return min(fitted, key=lambda probe: probe.loss)


def _importance(labels: np.ndarray) -> np.ndarray:
    """Weights (N,) that add up to 1, and to the same over each class that has images."""
    _, positions, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return 1 / (len(counts) * counts[positions])


def _logits(weights: np.ndarray, standardised: np.ndarray) -> np.ndarray:
    return standardised @ weights[:-1] + weights[-1]


def _cross_entropy(
    weights: np.ndarray, standardised: np.ndarray, labels: np.ndarray, importance: np.ndarray
) -> tuple[float, np.ndarray]:
    """The weighted loss, and its derivative by the logits (N, K)."""
    log_shares = log_softmax(_logits(weights, standardised), axis=1)
    rows = np.arange(len(labels))
    derivative = np.exp(log_shares)
    derivative[rows, labels] -= 1
    return float(-(importance @ log_shares[rows, labels])), derivative * importance[:, None]


def _objective(
    flat: np.ndarray,
    standardised: np.ndarray,
    labels: np.ndarray,
    importance: np.ndarray,
    penalty: float,
) -> tuple[float, np.ndarray]:
    weights = flat.reshape(standardised.shape[1] + 1, -1)
    loss, derivative = _cross_entropy(weights, standardised, labels, importance)
    slope = np.vstack([standardised.T @ derivative, derivative.sum(axis=0)])
    slope[:-1] += penalty * weights[:-1]
    return loss + 0.5 * penalty * np.square(weights[:-1]).sum(), slope.ravel()

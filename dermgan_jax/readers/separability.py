"""Can real and synthetic images be told apart by some numbers? Logistic regression, held out."""

import dataclasses

import numpy as np

from dermgan_jax.statistics import classification, group_bootstrap
from dermgan_jax.synthesis import linear_probe

FOLDS = 5
RESAMPLINGS = 1000
PENALTY = 0.1  # of the probe; features are standardised
ALPHA = 0.025  # at either end of the interval


@dataclasses.dataclass(frozen=True)
class Separability:
    """How well a probe tells real from synthetic images that it was not fitted to.

    Attributes:
      auc: 0.5 is chance.
      low, high: its 95 % interval over images.
      names: the features.
      single: AUC of each feature alone, 0.5 … 1 whichever way it points.
      varying: names of the features that are not the same for all images.
      scores: probability of being real, of each image, by a probe fitted to others.
    """

    auc: float
    low: float
    high: float
    names: tuple[str, ...]
    single: tuple[float, ...]
    varying: tuple[str, ...]
    scores: np.ndarray

    @property
    def beats_chance(self) -> bool:
        """Whether the interval lies above one half."""
        return self.low > 0.5

    def strongest(self, num: int = 3) -> list[tuple[str, float]]:
        """The features that tell most alone."""
        ranked = sorted(zip(self.names, self.single, strict=True), key=lambda pair: -pair[1])
        return [pair for pair in ranked if pair[1] > 0.5][:num]


def separability(
    features: np.ndarray, names: list[str], real: np.ndarray, seed: int
) -> Separability:
    """Fits a probe to four fifths of the images and judges the rest, five times over.

    Args:
      features: float (N, K).
      names: K.
      real: bool (N,), with both kinds.
      seed: of the folds and resamplings.
    """
    folds = _folds(real, seed)
    scores = np.full(len(real), 0.5)
    for fold in range(FOLDS):
        test = folds == fold
        train = features[~test], real[~test].astype(int)
        if test.any() and len(np.unique(train[1])) == 2:
            probe = linear_probe.fit(train, train, 2, (PENALTY,))
            scores[test] = probe.probabilities(features[test])[:, 1]
    # Folds differ in their mean score where there is nothing to learn, which is no knowledge.
    scores = np.round(scores, 9)
    weights = group_bootstrap.image_weights(
        real.astype(int), [str(i) for i in range(len(real))], RESAMPLINGS, seed
    )
    low, high = np.quantile(classification.auc(real, scores, weights), (ALPHA, 1 - ALPHA))
    alone = [float(classification.auc(real, column)) for column in features.T]
    return Separability(
        float(classification.auc(real, scores)),
        float(low),
        float(high),
        tuple(names),
        tuple(max(area, 1 - area) for area in alone),
        tuple(name for name, column in zip(names, features.T, strict=True) if np.ptp(column) > 0),
        scores,
    )


def _folds(real: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each image, each fold with its share of both kinds."""
    rng = np.random.default_rng(seed)
    folds = np.empty(len(real), int)
    for kind in (True, False):
        members = rng.permutation(np.flatnonzero(real == kind))
        folds[members] = np.arange(len(members)) % FOLDS
    return folds

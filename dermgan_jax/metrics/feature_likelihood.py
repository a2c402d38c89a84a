"""Feature likelihood divergence (Jiralerspong et al. 2023), and how it differs for seen images.

A mixture of Gaussians sits on the fake images, of equal weights; their widths are fitted to the
training images. A fake image that copies a training image thereby gets a tiny width, which gives
unseen images no likelihood. With NLL the mean negative log-likelihood per dimension,

    FLD = 100 (NLL of held-out images − baseline)
    gap = 100 (NLL of training images − NLL of held-out images)

where the baseline's mixture sits on half of the training images and is fitted to the others.
Features are standardised by the held-out images. Optimisation as in fld's code: Adam, rate 0.5, 50
steps or until the loss rests, beside a Gaussian at the mean that keeps far points from infinity.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.feature_arrays import check

MOST = 10_000  # fake images, and training images of one step
STEPS = 50
RATE = 0.5
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
RESTS = 5e-4  # change of the loss over the last five steps
FIRST = 5  # steps that are always taken, and compared
TOWARDS_MEAN = 0.9**2  # squared: distances to the mean are taken that much shorter
WIDEST = 40.0  # logarithm of a width, either way
PROTOCOL = "fld"


class FeatureLikelihood(NamedTuple):
    """FLD, its training counterpart, and their difference; lower FLD is better.

    Attributes:
      held_out: FLD, of the held-out images.
      train: the same of the training images.
      gap: train − held_out: far below 0, training images are far likelier than unseen ones.
      baseline: NLL per dimension of half of the training images as fake ones.
      interval: 95 % of `gap`, from the scatter of single images.
    """

    held_out: float
    train: float
    gap: float
    baseline: float
    interval: tuple[float, float]


def feature_likelihood(
    train: np.ndarray,
    held_out: np.ndarray,
    fake: np.ndarray,
    *,
    seed: int,
    groups: Sequence[str] | np.ndarray | None = None,
) -> FeatureLikelihood:
    """FLD of features (n, d), of which the three numbers may differ.

    Args:
      train, held_out, fake: features; of more than 10,000 fake images a random choice.
      seed: of that choice and of the halves.
      groups: of the training images, so that no group is in both halves of the baseline.

    Raises:
      UserError: see `feature_arrays.check`; at least four training images are needed, of two
        groups, which differ, and held-out images that do.
    """
    check("fld", train, held_out)
    check("fld", train, fake, at_least=4)
    names = np.arange(len(train)) if groups is None else np.asarray(groups)
    kinds, of = np.unique(names, return_inverse=True)
    if len(kinds) < 2:
        raise UserError("fld: all training images are of one group, which cannot be halved")
    if not np.ptp(train, axis=0).any():
        raise UserError("fld: the training images are all alike")
    generator = np.random.default_rng(seed)
    if len(fake) > MOST:
        fake = fake[np.sort(generator.choice(len(fake), MOST, replace=False))]
    train, held_out, fake = standardised(train, held_out, fake)
    widths = fit(fake, train)
    of_train, of_held_out = (nlls(fake, widths, side) for side in (train, held_out))
    first = np.isin(of, generator.permutation(len(kinds))[: len(kinds) // 2])
    centres = train[first][:MOST]
    baseline = float(nlls(centres, fit(centres, train[~first]), held_out).mean())
    gap = of_train.mean() - of_held_out.mean()
    error = np.sqrt(sum(side.var(ddof=1) / len(side) for side in (of_train, of_held_out)))
    low, high = gap - 1.96 * error, gap + 1.96 * error
    return FeatureLikelihood(
        held_out=100 * float(of_held_out.mean() - baseline),
        train=100 * float(of_train.mean() - baseline),
        gap=100 * float(gap),
        baseline=baseline,
        interval=(100 * float(low), 100 * float(high)),
    )


def standardised(
    train: np.ndarray, held_out: np.ndarray, fake: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All sides less the mean of the held-out images, over their deviation; float64.

    Numbers in which the held-out images do not differ are left out: they have no scale.

    Raises:
      UserError: if they differ in none.
    """
    scale = np.asarray(held_out, np.float64)
    mean, deviation = scale.mean(axis=0), scale.std(axis=0, ddof=1)
    kept = deviation > 0
    if not kept.any():
        raise UserError("fld: the held-out images are all alike, which tells no scale")
    return tuple(
        (np.asarray(side, np.float64)[:, kept] - mean[kept]) / deviation[kept]
        for side in (train, held_out, fake)
    )


def fit(centres: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Logarithms (m,) of variances of Gaussians at `centres` (m, d), fitted to points (n, d)."""
    dim = points.shape[1]
    squares = _squares(points, centres)
    to_mean = TOWARDS_MEAN * np.square(points - points.mean(axis=0)).sum(axis=1)[:, None]
    squares = np.concatenate([squares, to_mean], axis=1)
    widths = np.append(np.log((squares[:, :-1].min(axis=0) + 1e-3) / dim), 0.0)
    weights = np.append(np.full(len(centres), -np.log(len(centres))), 0.0)
    first, second, losses, step = np.zeros_like(widths), np.zeros_like(widths), [], 0
    for epoch in range(STEPS):
        parts = []
        for start in range(0, len(points), MOST):
            step += 1
            loss, gradient = _loss(squares[start : start + MOST], widths, weights, dim)
            first = BETA1 * first + (1 - BETA1) * gradient
            second = BETA2 * second + (1 - BETA2) * gradient**2
            scaled = first / (1 - BETA1**step)
            widths = widths - RATE * scaled / (np.sqrt(second / (1 - BETA2**step)) + EPSILON)
            widths[:-1] = widths[:-1].clip(-WIDEST, WIDEST)
            parts.append(loss)
        losses.append(float(np.mean(parts)))
        before = losses[-1 - FIRST : -1]
        if epoch > FIRST and max(abs(losses[-1] - each) for each in before) < RESTS:
            break
    return widths[:-1]


def nlls(centres: np.ndarray, widths: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Negative log-likelihoods per dimension (n,) of points under the mixture."""
    dim = points.shape[1]
    pairwise = _log_densities(_squares(points, centres), widths, dim)
    return -logsumexp(pairwise - np.log(len(centres)), axis=1) / dim


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    lengths = np.square(points).sum(axis=1)[:, None] + np.square(centres).sum(axis=1)
    return np.maximum(lengths - 2 * points @ centres.T, 0)


def _log_densities(squares: np.ndarray, widths: np.ndarray, dim: int) -> np.ndarray:
    return -0.5 * squares * np.exp(-widths) - dim / 2 * (widths + np.log(2 * np.pi))


def _loss(
    squares: np.ndarray, widths: np.ndarray, weights: np.ndarray, dim: int
) -> tuple[float, np.ndarray]:
    """Mean negative log-likelihood per dimension, and its gradient by the widths (m + 1,)."""
    pairwise = _log_densities(squares, widths, dim) + weights
    likelihoods = logsumexp(pairwise, axis=1)
    shares = np.exp(pairwise - likelihoods[:, None])
    gradient = shares * (0.5 * squares * np.exp(-widths) - dim / 2)
    return float(-likelihoods.mean() / dim), -gradient.mean(axis=0) / dim

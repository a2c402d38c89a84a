"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017); FID on Inception's.

    FD = |μ1 − μ2|² + Tr Σ1 + Tr Σ2 − 2 Tr (Σ1 Σ2)^½

in float64 with covariances over n − 1, as pytorch-fid. Where that takes a general matrix square
root, here Σ1 = L Lᵀ by Cholesky decomposition with pivoting, and the eigenvalues of the symmetric
Lᵀ Σ2 L are those of Σ1 Σ2. L has as many columns as Σ1 has rank, so fewer images than features, or
features that are always zero, need no ε on the diagonal and make it faster.

The standard error is the infinitesimal jackknife: how the distance moves with the weight of each
image, which for this distance is known in closed form (Rippl, Munk and Sturm 2016, theorem 2.3).
It costs one more eigen-decomposition and no resampling. It is about the scatter between draws of as
many images, not about the bias of small sets, which is why values of different n are never
comparable.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.feature_arrays import check, check_one
from dermgan_jax.metrics.measurement import Influence, MetricValue
from dermgan_jax.statistics import intervals

PROTOCOL = "frechet"


class Moments(NamedTuple):
    """Of n feature vectors: the mean (d,) and the scatter Σ (x − mean)(x − mean)ᵀ, (d, d)."""

    n: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """(d, d), unbiased."""
        return self.scatter / (self.n - 1)


class Distance(NamedTuple):
    """The distance and its two parts: between means, and between covariances."""

    value: float
    of_means: float
    of_covariances: float


class _Transport(NamedTuple):
    """Lᵀ Σ2 L = V diag(γ) Vᵀ, with P Σ1 Pᵀ = L Lᵀ of rank r: all that the distance needs."""

    factor: np.ndarray  # L, (d, r), rows in the order of `pivots`
    pivots: np.ndarray  # (d,)
    eigenvalues: np.ndarray  # γ, (r,), none negative
    eigenvectors: np.ndarray | None  # V, (r, r)


def compute(real: np.ndarray, fake: np.ndarray, *, seed: int) -> tuple[MetricValue]:
    """The Fréchet distance with its standard error and interval.

    Args:
      real, fake: features (n, d); the numbers of images may differ.
      seed: not used, nothing here is random.

    Raises:
      UserError: see `feature_arrays.check`.
    """
    check("frechet", real, fake)
    of_real, of_fake = moments(real), moments(fake)
    transport = _transport(of_real.covariance, of_fake.covariance, vectors=True)
    distance = _distance(of_real, of_fake, transport)
    influence = _influence(real, fake, of_real, of_fake, transport)
    return (_value(distance, influence, of_fake.n, of_real.n),)


def compute_against(reference: Moments, fake: np.ndarray) -> MetricValue:
    """The Fréchet distance to given moments, which are taken as they are: the standard error and
    the interval are those of other fake images.

    Args:
      reference: of features of d numbers.
      fake: features (n, d).

    Raises:
      UserError: see `feature_arrays.check_one`; or if the numbers differ.
    """
    check_one("frechet", fake, side="fake")
    if fake.shape[1] != len(reference.mean):
        raise UserError(
            f"frechet: the reference has {len(reference.mean)} numbers per image, fake features "
            f"{fake.shape[1]}: they are of another network"
        )
    of_fake = moments(fake)
    transport = _transport(reference.covariance, of_fake.covariance, vectors=True)
    distance = _distance(reference, of_fake, transport)
    none = np.zeros((2, fake.shape[1]))  # images of the reference: no scatter
    own = _influence(none + reference.mean, fake, reference, of_fake, transport)
    influence = own._replace(real=np.zeros(2))
    return _value(distance, influence, of_fake.n, None)


def _value(distance: Distance, influence: Influence, n: int, n_real: int | None) -> MetricValue:
    low, high = intervals.normal(distance.value, influence.standard_error)
    return MetricValue(
        name="frechet",
        value=distance.value,
        protocol=PROTOCOL,
        n=n,
        details={"means": distance.of_means, "covariances": distance.of_covariances},
        better="lower",
        n_real=n_real,
        std=influence.standard_error,
        interval=(max(low, 0.0), high),
        influence=influence,
    )


def moments(features: np.ndarray) -> Moments:
    """Moments of features (n, d), summed in float64."""
    features = np.asarray(features, np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return Moments(len(features), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of both sets together (Chan, Golub and LeVeque 1983), to take them batch by batch."""
    n = a.n + b.n
    gap = b.mean - a.mean
    mean = a.mean + gap * (b.n / n)
    return Moments(n, mean, a.scatter + b.scatter + np.outer(gap, gap) * (a.n * b.n / n))


def from_covariance(n: int, mean: np.ndarray, covariance: np.ndarray) -> Moments:
    """Moments from stored statistics: mean (d,) and unbiased covariance (d, d) of n images."""
    return Moments(n, np.asarray(mean, np.float64), np.asarray(covariance, np.float64) * (n - 1))


def distance(a: Moments, b: Moments) -> Distance:
    """The Fréchet distance between two sets of features, each of at least two."""
    return _distance(a, b, _transport(a.covariance, b.covariance, vectors=False))


def _transport(first: np.ndarray, second: np.ndarray, *, vectors: bool) -> _Transport:
    factor, pivots, rank, _ = scipy.linalg.lapack.dpstrf(first, lower=1)
    factor, pivots = np.tril(factor)[:, :rank], pivots - 1
    product = factor.T @ second[np.ix_(pivots, pivots)] @ factor
    if vectors:
        eigenvalues, eigenvectors = np.linalg.eigh(product)
    else:
        eigenvalues, eigenvectors = np.linalg.eigvalsh(product), None
    return _Transport(factor, pivots, np.maximum(eigenvalues, 0), eigenvectors)


def _distance(a: Moments, b: Moments, transport: _Transport) -> Distance:
    gap = a.mean - b.mean
    of_means = float(gap @ gap)
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    # Never negative but by rounding, which MiFID would divide by next to nothing.
    of_covariances = max(float(traces - 2 * np.sqrt(transport.eigenvalues).sum()), 0.0)
    return Distance(of_means + of_covariances, of_means, of_covariances)


def _influence(
    first: np.ndarray, second: np.ndarray, a: Moments, b: Moments, transport: _Transport
) -> Influence:
    """The influence 2 (μ1 − μ2)ᵀ x + xᵀ (I − T) x of each centred x, where T Σ1 T = Σ2.

    T is the optimal transport map between the Gaussians; its inverse is that of the second set.
    """
    factor, pivots, eigenvalues, eigenvectors = transport
    tiny = eigenvalues <= len(pivots) * np.finfo(float).eps * eigenvalues.max(initial=0)
    fourth_roots = eigenvalues**0.25
    inverse_fourth_roots = np.divide(1, fourth_roots, where=~tiny, out=np.zeros_like(fourth_roots))
    forward, backward = np.zeros_like(factor), np.zeros_like(factor)  # x -> |T^½ x|, |T^-½ x|
    # Each x of the first set lies in the range of Σ1, so that r coordinates determine L⁻¹ x.
    rank = factor.shape[1]
    forward[pivots[:rank]] = scipy.linalg.solve_triangular(
        factor[:rank], eigenvectors * fourth_roots, lower=True, trans="T"
    )
    backward[pivots] = factor @ (eigenvectors * inverse_fourth_roots)

    gap = 2 * (a.mean - b.mean)
    first, second = first - a.mean, second - b.mean
    of_first = first @ gap + _squared_norms(first) - _squared_norms(first @ forward)
    of_second = -second @ gap + _squared_norms(second) - _squared_norms(second @ backward)
    return Influence(of_first - of_first.mean(), of_second - of_second.mean())


def _squared_norms(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)

"""Seconds of the arithmetic of FID, KID and precision/recall against NumPy, SciPy and sklearn.

    python benchmarks/metric_arithmetic.py [--num=10000 --features=2048 --rounds=1]

The rivals are transcriptions of what people run: pytorch-fid (`np.cov`, `scipy.linalg.sqrtm`),
torch-fidelity's KID (100 subsets of at most 1000, NumPy) and prdc's precision and recall (full
matrices of scikit-learn's distances, `np.argpartition`). Both get the same random features and take
turns; the best of the rounds counts, without compilation. At the default size the rivals need
about 4 GB. Where other programs run, OPENBLAS_NUM_THREADS=1 keeps the Fréchet lines meaningful:
eigen-decompositions with as many threads as cores then mostly wait.
"""

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
import scipy.linalg
from sklearn.metrics import pairwise_distances

from dermgan_jax.metrics import frechet, kid, precision_recall

SEED = 2020
K = 3


def reference_distance(real: frechet.Moments, fake: frechet.Moments) -> float:
    """The distance of pytorch-fid, given mean and covariance."""
    root = scipy.linalg.sqrtm(real.covariance @ fake.covariance)
    gap = real.mean - fake.mean
    traces = np.trace(real.covariance) + np.trace(fake.covariance)
    return float(gap @ gap + traces - 2 * np.trace(root.real))


def reference_fid(real: np.ndarray, fake: np.ndarray) -> float:
    """All of pytorch-fid that comes after the network."""
    moments = [
        frechet.from_covariance(len(side), side.mean(axis=0), np.cov(side, rowvar=False))
        for side in (real.astype(np.float64), fake.astype(np.float64))
    ]
    return reference_distance(*moments)


def reference_kid(real: np.ndarray, fake: np.ndarray) -> float:
    """KID of torch-fidelity; its first set is the fake one."""
    random = np.random.RandomState(SEED)
    size = min(kid.SUBSET_SIZE, len(real), len(fake))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (np.matmul(a, b.T) / a.shape[1] + 1) ** 3

    values = []
    for _ in range(kid.SUBSETS):
        x = fake[random.choice(len(fake), size, replace=False)]
        y = real[random.choice(len(real), size, replace=False)]
        own = [kernel(side, side) for side in (x, y)]
        within = sum(k.sum() - np.trace(k) for k in own) / (size * (size - 1))
        values.append(within - 2 * kernel(x, y).sum() / size**2)
    return float(np.mean(values))


def reference_precision_recall(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Precision and recall of prdc, k = 3."""
    radii = []
    for side in (real, fake):
        distances = pairwise_distances(side, metric="euclidean", n_jobs=8)
        nearest = np.argpartition(distances, K + 1, axis=-1)[..., : K + 1]
        radii.append(np.take_along_axis(distances, nearest, axis=-1).max(axis=-1))
    distances = pairwise_distances(real, fake, metric="euclidean", n_jobs=8)
    precision = (distances < radii[0][:, None]).any(axis=0).mean()
    return float(precision), float((distances < radii[1]).any(axis=1).mean())


def our_precision_recall(real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Precision and recall without their intervals."""
    precision, recall = precision_recall.compute(real, fake, seed=SEED)
    return precision.value, recall.value


def race(
    name: str, ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> None:
    """Prints seconds, ratio and results of two functions that take turns."""
    ours()
    best = {ours: float("inf"), reference: float("inf")}
    results = {}
    for _ in range(rounds):
        for function in best:
            start = time.perf_counter()
            results[function] = function()
            best[function] = min(best[function], time.perf_counter() - start)
    print(
        f"{name:22s} {best[ours]:8.2f} s  {best[reference]:8.2f} s  "
        f"{best[reference] / best[ours]:6.1f}×   {results[ours]} | {results[reference]}",
        flush=True,
    )


def main() -> None:
    """Prints a line per metric: our seconds, the others', the ratio, both results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=10_000, help="images on each side")
    parser.add_argument("--features", type=int, default=2048, help="numbers per image")
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    # As Inception's: not negative, correlated, on about 50 directions.
    mixing = random.normal(size=(50, arguments.features)).astype(np.float32) / 7
    real, fake = (
        np.maximum(
            random.normal(size=(arguments.num, 50), scale=scale).astype(np.float32) @ mixing
            + 0.3 * random.normal(size=(arguments.num, arguments.features)).astype(np.float32),
            0,
        )
        for scale in (1, 0.9)
    )
    moments = frechet.moments(real), frechet.moments(fake)
    print(f"n = {arguments.num}, d = {arguments.features}, {jax.default_backend()}")
    print(f"{'':22s} {'ours':>10s}  {'reference':>10s}   ratio   ours | reference")
    for name, ours, reference in (
        (
            "Fréchet, given moments",
            lambda: frechet.distance(*moments).value,
            lambda: reference_distance(*moments),
        ),
        (
            "Fréchet with interval",
            lambda: frechet.compute(real, fake, seed=SEED)[0].value,
            lambda: reference_fid(real, fake),
        ),
        (
            "KID with interval",
            lambda: kid.compute(real, fake, seed=SEED)[0].value,
            lambda: reference_kid(real, fake),
        ),
        (
            "precision, recall",
            lambda: our_precision_recall(real, fake),
            lambda: reference_precision_recall(real, fake),
        ),
    ):
        race(name, ours, reference, arguments.rounds)


if __name__ == "__main__":
    main()

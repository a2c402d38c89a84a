"""Seconds of the arithmetic of FID, KID and precision/recall against NumPy, SciPy and sklearn.

    python benchmarks/metric_arithmetic.py [--num=10000 --features=2048 --rounds=1 --cores=1]

The rivals are transcriptions of what people run: pytorch-fid (`np.cov`, `scipy.linalg.sqrtm`),
torch-fidelity's KID (100 subsets of at most 1000, NumPy) and prdc's precision and recall (full
matrices of scikit-learn's distances, `np.argpartition`). Both get the same random features and take
turns; the best of the rounds counts, without compilation. Ours include standard errors and
intervals where the row says so, theirs have none. At the default size the rivals need about 4 GB.

Both sides may use the same cores: all, or those of --cores, which ties the process to the first N
and gives every BLAS as many threads. With other programs on those cores BLAS threads wait for each
other more than they work, eigen-decompositions most of all: --cores=1 is the fair measurement then,
and CPU seconds, of all threads together, tell more than those on the clock.

The second table says where our time goes, each part run by itself. KID is all scalar products. At
10,000 images a side, 100 subsets of 1000 hold as many pairs as the sets themselves, and NumPy takes
half for the product of a matrix with itself on both sides of the race, so that nothing can be won
but what is beside the products; below, pairs are in many subsets and ours computes each once.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator

import jax
import numpy as np
import scipy.linalg
import threadpoolctl
from sklearn.metrics import pairwise_distances

from dermgan_jax.metrics import frechet, kid, neighbours, precision_recall

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


def timed(function: Callable[[], object]) -> tuple[float, float, object]:
    """(seconds, CPU seconds of all threads, result)."""
    began, cpu_began = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - began, time.process_time() - cpu_began, result


def race(
    name: str, ours: Callable[[], object], reference: Callable[[], object], rounds: int
) -> None:
    """Prints seconds, CPU seconds, ratios and results of two functions that take turns."""
    ours()
    turns = [(timed(ours), timed(reference)) for _ in range(rounds)]
    best = [
        tuple(min(turn[side][clock] for turn in turns) for clock in range(2)) for side in range(2)
    ]
    (our_time, our_cpu), (their_time, their_cpu) = best
    results = [measured[2] for measured in turns[-1]]
    print(
        f"{name:24s}{our_time:8.2f} s{their_time:8.2f} s{their_time / our_time:7.1f}×"
        f"{our_cpu:10.2f} s{their_cpu:8.2f} s{their_cpu / our_cpu:7.1f}×   "
        + " | ".join(map(_rounded, results)),
        flush=True,
    )


def _rounded(result: object) -> str:
    numbers = result if isinstance(result, tuple) else (result,)
    return ", ".join(f"{number:.5g}" for number in numbers)


def exhausted(tiles: Iterator[object]) -> None:
    """Goes through all of them."""
    for _ in tiles:
        pass


def print_parts(real: np.ndarray, fake: np.ndarray) -> None:
    """What the rows of the first table consist of, each timed by itself after compilation."""
    of_real, of_fake = frechet.moments(real), frechet.moments(fake)
    first, second = of_real.covariance, of_fake.covariance
    points = neighbours.centred(real, fake)[0]

    print(f"\n{'where our time goes':42s}{'seconds':>10s}{'CPU':>10s}")
    for name, part in (
        ("Fréchet: mean and covariance of one side", lambda: frechet.moments(real)),
        ("Fréchet: one matrix product in float64", lambda: first @ second),
        ("Fréchet: Cholesky decomposition", lambda: scipy.linalg.lapack.dpstrf(first, lower=1)),
        ("Fréchet: eigenvalues", lambda: np.linalg.eigvalsh(second)),
        ("Fréchet: with vectors, for the interval", lambda: np.linalg.eigh(second)),
        (
            "KID: kernel values of all pairs",
            lambda: exhausted(kid.kernel_tiles(real, fake, kid._cubic)),
        ),
        (
            "precision, recall: radii of one side",
            lambda: jax.block_until_ready(neighbours.squared_radii(points, K)),
        ),
    ):
        part()
        seconds, cpu, _ = timed(part)
        print(f"{name:42s}{seconds:8.2f} s{cpu:8.2f} s", flush=True)


def draw(num: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets (num, features), as Inception's: not negative, correlated, on some 50 directions."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(50, features)).astype(np.float32) / 7
    return tuple(
        np.maximum(
            random.normal(size=(num, 50), scale=scale).astype(np.float32) @ mixing
            + 0.3 * random.normal(size=(num, features)).astype(np.float32),
            0,
        )
        for scale in (1, 0.9)
    )


def print_threads() -> None:
    """How many threads either side may use, and what else the machine does."""
    pools = {
        f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpoolctl.threadpool_info()
    }
    print(
        f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores for both; threads of NumPy's "
        f"and SciPy's BLAS, used by both: {', '.join(sorted(pools))}; load average "
        f"{os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Prints a line per metric: our seconds, the others', the ratio, both results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=10_000, help="images on each side")
    parser.add_argument("--features", type=int, default=2048, help="numbers per image")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, help="use only so many")
    arguments = parser.parse_args()
    if arguments.cores:
        # Before JAX starts its threads.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
        threadpoolctl.threadpool_limits(arguments.cores)
    real, fake = draw(arguments.num, arguments.features)
    moments = frechet.moments(real), frechet.moments(fake)
    print(f"n = {arguments.num}, d = {arguments.features}, {jax.default_backend()}")
    print_threads()
    print(
        f"{'':24s}{'ours':>10s}{'theirs':>10s}{'ratio':>8s}{'CPU: ours':>12s}{'theirs':>10s}"
        f"{'ratio':>8s}   ours | theirs"
    )
    for name, ours, reference in (
        (
            "Fréchet, given moments",
            lambda: frechet.distance(*moments).value,
            lambda: reference_distance(*moments),
        ),
        (
            "Fréchet from features",
            lambda: frechet.distance(frechet.moments(real), frechet.moments(fake)).value,
            lambda: reference_fid(real, fake),
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
    print_parts(real, fake)
    print(f"load average at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

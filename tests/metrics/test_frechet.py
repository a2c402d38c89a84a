"""Fréchet distance against pytorch-fid, and its standard error against repeated draws."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import frechet

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics"
TOLERANCES = {
    "fid_full_rank": {"rtol": 1e-9},
    "fid_dead_features": {"rtol": 0, "atol": 1e-7},
    "fid_rank_deficient": {"rtol": 0, "atol": 1e-6},
    "fid_identical": {"rtol": 0, "atol": 1e-12},
}


def facts() -> tuple[np.ndarray, np.ndarray]:
    """The two sets of FACTS section 12."""
    x = np.random.RandomState(0).randn(500, 16)
    return x, np.random.RandomState(1).randn(500, 16) * 1.2 + 0.5


@pytest.mark.parametrize("case", TOLERANCES)
@pytest.mark.parametrize("swap", [False, True])
def test_equals_pytorch_fid(case, swap):
    golden = np.load(GOLDEN / f"{case}.npz")
    sides = (golden["in:feat1"], golden["in:feat2"])
    (value,) = frechet.compute(*(sides[::-1] if swap else sides), seed=0)
    np.testing.assert_allclose(value.value, golden["out:fid_pytorch_fid"], **TOLERANCES[case])
    np.testing.assert_allclose(value.value, golden["out:fid_clean_fid"], **TOLERANCES[case])
    # torch-fidelity takes means in float32.
    np.testing.assert_allclose(value.value, golden["out:fid_torch_fidelity"], rtol=0, atol=1e-6)
    assert golden["out:eps_path_taken"] == 0  # nothing was added to the diagonals
    assert 0 <= value.interval[0] <= value.interval[1]
    for number, side in enumerate(sides, 1):
        own = frechet.moments(side)
        np.testing.assert_allclose(own.mean, golden[f"out:mu{number}"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            own.covariance.diagonal(), golden[f"out:sigma{number}_diag"], rtol=1e-12, atol=1e-15
        )


def test_fact_sheet():
    (value,) = frechet.compute(*facts(), seed=0)
    assert value.value == pytest.approx(5.422578640, abs=1e-9)
    assert value.value == pytest.approx(sum(value.details.values()))


def test_of_stored_statistics_and_of_batches():
    real, fake = facts()
    batches = [frechet.moments(part) for part in (fake[:7], fake[7:100], fake[100:])]
    merged = frechet.merge(frechet.merge(*batches[:2]), batches[2])
    np.testing.assert_allclose(merged.covariance, np.cov(fake, rowvar=False), rtol=0, atol=1e-14)
    stored = frechet.from_covariance(500, real.mean(axis=0), np.cov(real, rowvar=False))
    assert frechet.distance(stored, merged).value == pytest.approx(5.422578640, abs=1e-9)


def test_a_single_image_can_be_merged():
    real, _ = facts()
    ones = [frechet.moments(real[i : i + 1]) for i in range(3)]
    merged = frechet.merge(frechet.merge(*ones[:2]), ones[2])
    np.testing.assert_allclose(merged.covariance, np.cov(real[:3], rowvar=False), atol=1e-14)


def test_many_features_of_few_images_against_the_square_root():
    random = np.random.default_rng(0)
    real, fake = random.gamma(2, size=(40, 90)), random.gamma(3, size=(35, 90))
    covariances = [np.cov(side, rowvar=False) for side in (real, fake)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.square(real.mean(axis=0) - fake.mean(axis=0)).sum()
    expected += np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)
    assert frechet.compute(real, fake, seed=0)[0].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("images", "features", "most"), [(300, 8, 1.2), (24, 40, 1.6)])
def test_standard_error_is_the_scatter_of_repeated_draws(images, features, most):
    """Exact for many images; for fewer images than features it errs on the wide side."""
    random = np.random.default_rng(0)
    scales = np.linspace(0.2, 2, features)
    values, errors = [], []
    for _ in range(100):
        real = np.maximum(random.normal(size=(images, features)) * scales, -0.5)
        fake = np.maximum(random.normal(size=(images // 2, features)) * scales * 1.3, -0.5) + 0.2
        (value,) = frechet.compute(real, fake, seed=0)
        values.append(value.value)
        errors.append(value.std)
    assert 0.85 < np.mean(errors) / np.std(values) < most


@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_images_without_any_difference(constant):
    (value,) = frechet.compute(np.zeros((5, 3)), np.full((4, 3), constant), seed=0)
    assert value.value == 3 * constant
    assert value.std == 0


def test_refuses_what_it_cannot_measure():
    real, fake = facts()
    with pytest.raises(UserError, match="1 fake images are too few"):
        frechet.compute(real, fake[:1], seed=0)

"""KID against torch-fidelity and clean-fid, and its standard error against repeated draws."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dermgan_jax.metrics import kid

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics" / "kid.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


def exact_mmd(real: np.ndarray, fake: np.ndarray) -> float:
    """Unbiased MMD² written out, float64."""
    both = np.concatenate([real, fake]).astype(np.float64)
    kernel = (both @ both.T / both.shape[1] + 1) ** 3
    n, m = len(real), len(fake)
    own = [kernel[:n, :n], kernel[n:, n:]]
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in own)
    return within - 2 * kernel[:n, n:].sum() / (n * m)


def test_equals_torch_fidelity(golden):
    fake, real = golden["in:feat1"], golden["in:feat2"]
    of_real, of_fake = kid.draw(400, 400, 20, 50, seed=2020)
    np.testing.assert_array_equal(golden["out:subset_indices"][:, 0], of_fake)
    np.testing.assert_array_equal(golden["out:subset_indices"][:, 1], of_real)
    values = kid.subset_values(real, fake, of_real, of_fake).values
    np.testing.assert_allclose(values, golden["out:subset_mmd2"], rtol=0, atol=1e-5)
    (value,) = kid.compute(real, fake, seed=2020, subsets=20, subset_size=50)
    assert value.value == pytest.approx(float(golden["out:kid_mean"]), abs=1e-6)
    assert value.std == pytest.approx(float(golden["out:kid_std"]), abs=1e-6)
    assert value.protocol == "kid:poly3:20x50"


def test_equals_clean_fid_which_draws_from_its_second_set_first(golden):
    first, second = golden["in:feat1"], golden["in:feat2"]
    (value,) = kid.compute(first, second, seed=2020, subsets=20, subset_size=50)
    assert value.value == pytest.approx(float(golden["out:kid_clean_fid_seeded"]), abs=1e-6)


def test_whole_sets(golden):
    fake, real = golden["in:feat1"], golden["in:feat2"]
    (value,) = kid.compute(real, fake, seed=0)
    assert value.value == pytest.approx(float(golden["out:mmd2_full_unbiased"]), abs=1e-7)
    assert value.protocol == "kid:poly3:1x400"
    assert value.std > 0
    assert value.interval[0] < value.value < value.interval[1]


def test_kernel_values_give_the_other_estimators(golden, monkeypatch):
    monkeypatch.setattr(kid, "TILE", 150)
    fake, real = golden["in:feat1"], golden["in:feat2"]
    both = np.concatenate([fake, real])
    sums = np.zeros((2, 2))
    for first, second, values in kid.kernel_tiles(fake, real, kid._cubic):
        times = 2 if first.side == second.side and first != second else 1
        sums[first.side, second.side] += times * values.sum(dtype=np.float64)
    own = sums[0, 0] + sums[1, 1]
    diagonal = ((np.square(both.astype(np.float64)).sum(axis=1) / 32 + 1) ** 3 - 1).sum()
    biased = (own + diagonal - 2 * sums[0, 1]) / 400**2
    assert biased == pytest.approx(float(golden["out:mmd2_full_biased"]), abs=1e-7)
    pairs = ((fake.astype(np.float64) * real).sum(axis=1) / 32 + 1) ** 3 - 1
    u_statistic = (own - 2 * (sums[0, 1] - pairs.sum())) / (400 * 399)
    assert u_statistic == pytest.approx(float(golden["out:mmd2_full_u-statistic"]), abs=1e-7)


def test_gaussian_kernel(golden):
    fake, real = golden["in:feat1"], golden["in:feat2"]
    found = kid.gaussian_mmd(real, fake, sigma=3)
    assert found == pytest.approx(float(golden["out:mmd2_full_rbf_unbiased"]), abs=1e-7)


def test_gaussian_kernel_of_sets_of_unequal_size_over_several_tiles():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(700, 3)) + 90, random.normal(size=(400, 3)) * 1.2 + 90
    kernels = [
        np.exp(-cdist(a, b, "sqeuclidean") / (2 * 1.5**2))
        for a, b in ((real, real), (fake, fake), (real, fake))
    ]
    own = [(k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in kernels[:2]]
    expected = sum(own) - 2 * kernels[2].mean()
    assert kid.gaussian_mmd(real, fake, sigma=1.5) == pytest.approx(expected, abs=1e-7)


def test_fact_sheet():
    x = np.random.RandomState(0).randn(500, 16)
    y = np.random.RandomState(1).randn(500, 16) * 1.2 + 0.5
    assert kid.compute(x, y, seed=0)[0].value == pytest.approx(1.257824842, abs=1e-6)


@pytest.mark.parametrize("subset_size", [300, 20])
def test_subsets_over_several_tiles(subset_size):
    """600 and 700 images make three tiles; subsets of 20 are visited one by one."""
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(700, 8)), random.normal(size=(600, 8)) * 1.1
    of_real, of_fake = kid.draw(700, 600, 10, subset_size, seed=1)
    values = kid.subset_values(real, fake, of_real, of_fake).values
    expected = [exact_mmd(real[i], fake[j]) for i, j in zip(of_real, of_fake, strict=True)]
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-6)


def test_subsets_larger_than_a_set_are_cut_and_recorded():
    random = np.random.default_rng(0)
    (value,) = kid.compute(random.normal(size=(80, 4)), random.normal(size=(30, 4)), seed=0)
    assert value.protocol == "kid:poly3:100x30"
    assert (value.n, value.n_real) == (30, 80)


def test_seed_chooses_the_subsets():
    random = np.random.default_rng(0)
    sides = random.normal(size=(80, 4)), random.normal(size=(90, 4))
    values = [kid.compute(*sides, seed=s, subset_size=20)[0].value for s in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("subset_size", [10, 120])
def test_standard_error_is_the_scatter_of_repeated_draws(subset_size):
    random = np.random.default_rng(0)
    values, errors = [], []
    for seed in range(100):
        real, fake = random.normal(size=(160, 6)), random.normal(size=(140, 6)) * 1.3 + 0.3
        of_real, of_fake = kid.draw(160, 140, 10, subset_size, seed)
        found = kid.subset_values(real, fake, of_real, of_fake)
        values.append(found.values.mean())
        errors.append(found.standard_error)
    assert 0.85 < np.mean(errors) / np.std(values) < 1.3

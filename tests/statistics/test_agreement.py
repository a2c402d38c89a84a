"""Kappas against statsmodels and scikit-learn."""

from pathlib import Path

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import agreement

GOLDEN = Path(__file__).parents[1] / "golden" / "statistics" / "fleiss_kappa.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.mark.parametrize(("categories", "suffix"), [(4, ""), (5, "_ncat")])
def test_equals_statsmodels(golden, categories, suffix):
    table = agreement.count_ratings(golden["in:ratings"], categories)
    np.testing.assert_array_equal(table, golden[f"out:table{suffix}"])
    kappa = agreement.fleiss_kappa(table).kappa
    assert kappa == pytest.approx(float(golden[f"out:kappa_fleiss{suffix}"]), abs=1e-12)
    randolph = agreement.randolph_kappa(table)
    assert randolph == pytest.approx(float(golden[f"out:kappa_randolph{suffix}"]), abs=1e-12)


def test_categories_without_a_number_are_those_chosen(golden):
    np.testing.assert_array_equal(np.unique(golden["in:ratings"]), golden["out:categories"])


def test_ready_table(golden):
    kappa = agreement.fleiss_kappa(golden["in:table2"]).kappa
    assert kappa == pytest.approx(float(golden["out:kappa_fleiss_table2"]), abs=1e-12)


@pytest.mark.parametrize(
    ("weights", "key"),
    [
        ("none", "sklearn"),
        ("none", "statsmodels"),
        ("linear", "linear"),
        ("quadratic", "quadratic"),
    ],
)
def test_cohen(golden, weights, key):
    first, second = golden["in:ratings"][:, 0], golden["in:ratings"][:, 1]
    kappa = agreement.cohen_kappa(first, second, 4, weights)
    assert kappa == pytest.approx(float(golden[f"out:cohen_01_{key}"]), abs=1e-12)


def test_fact_sheet():
    """Fleiss's own example, with category kappas and standard errors (FACTS section 10)."""
    rows = "00004 02642 00356 03920 22811 77000 32630 25322 65210 02237"
    table = np.array([[int(digit) for digit in row] for row in rows.split()])
    table[0, 4] = 14
    found = agreement.fleiss_kappa(table)
    assert found.kappa == pytest.approx(0.209931, abs=1e-6)
    assert found.standard_error == pytest.approx(0.016965, abs=1e-6)
    expected = [0.201282, 0.079670, 0.171598, 0.030381, 0.507657]
    np.testing.assert_allclose(found.per_category, expected, rtol=0, atol=1e-6)
    assert found.per_category_standard_error == pytest.approx(0.033150, abs=1e-6)


def test_one_category_only_is_undefined():
    assert np.isnan(agreement.fleiss_kappa(np.array([[3, 0], [3, 0]])).kappa)


def test_different_numbers_of_raters():
    with pytest.raises(UserError, match="subjects have 2 to 3 ratings"):
        agreement.fleiss_kappa(np.array([[3, 0], [1, 1]]))


def test_ac1_of_a_published_example():
    """Gwet's 12 units and 4 raters, some ratings missing (`cac.raw4raters` of irrCC)."""
    units = "11.1 2232 3333 3333 2222 1234 4444 1121 2222 .555 ..11 ..3."
    table = np.array([[unit.count(category) for category in "12345"] for unit in units.split()])
    found = agreement.gwet_ac1(table)
    assert found.ac1 == pytest.approx(0.77544, abs=5e-6)
    assert found.standard_error == pytest.approx(0.14295, abs=5e-6)
    assert (found.low, found.high) == pytest.approx((0.461, 1.0), abs=5e-4)


def test_ac1_stays_high_where_kappa_falls():
    table = np.array([[4, 0]] * 28 + [[3, 1]] * 2)
    assert agreement.fleiss_kappa(table).kappa < 0
    assert agreement.gwet_ac1(table).ac1 > 0.95
    assert agreement.gwet_ac1(np.array([[4, 0]] * 5)).ac1 == 1.0


def test_ac1_needs_two_ratings_of_something():
    with pytest.raises(UserError, match="no subject has two"):
        agreement.gwet_ac1(np.eye(2, dtype=int))


def test_kappa_of_some_is_fleiss_where_all_rated():
    table = np.array([[3, 1], [0, 4], [2, 2], [4, 0], [1, 3]])
    full, some = agreement.fleiss_kappa(table), agreement.fleiss_kappa_of_some(table)
    assert some.kappa == pytest.approx(full.kappa)
    assert some.standard_error == pytest.approx(full.standard_error)
    np.testing.assert_allclose(some.per_category, full.per_category)


def test_kappa_of_some_by_hand():
    """Agreement 1, 0 and 1/3 on three subjects; a subject with one rating tells of shares only."""
    found = agreement.fleiss_kappa_of_some(np.array([[2, 0], [1, 1], [1, 2], [0, 1], [0, 0]]))
    p = (1 + 1 / 2 + 1 / 3 + 0) / 4
    chance = p**2 + (1 - p) ** 2
    assert found.kappa == pytest.approx((4 / 9 - chance) / (1 - chance))


def test_kappa_of_some_without_pairs():
    with pytest.raises(UserError, match="no subject has two ratings"):
        agreement.fleiss_kappa_of_some(np.array([[1, 0], [0, 1]]))

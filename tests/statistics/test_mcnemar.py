"""McNemar's and Cochran's tests against statsmodels."""

from pathlib import Path

import numpy as np
import pytest

from dermgan_jax.statistics import mcnemar

GOLDEN = Path(__file__).parents[1] / "golden" / "statistics" / "mcnemar.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


@pytest.mark.parametrize(
    ("name", "test"),
    [
        ("exact", mcnemar.exact),
        ("chi2_corr", mcnemar.chi_square),
        ("chi2_nocorr", lambda table: mcnemar.chi_square(table, correction=False)),
    ],
)
def test_equals_statsmodels(golden, name, test):
    found = [test(table) for table in golden["in:tables"]]
    statistics, p_values = np.transpose(found)
    np.testing.assert_allclose(statistics, golden[f"out:{name}_statistic"], rtol=1e-12)
    np.testing.assert_allclose(p_values, golden[f"out:{name}_p"], rtol=0, atol=1e-12)


def test_from_predictions(golden):
    table = mcnemar.paired_table(golden["in:correct_a"], golden["in:correct_b"])
    np.testing.assert_array_equal(table, golden["out:table_from_predictions"])
    p = mcnemar.exact(table).p
    assert p == pytest.approx(float(golden["out:p_exact_from_predictions"]), abs=1e-12)


def test_cochran(golden):
    found = mcnemar.cochran_q(golden["in:correct_multi"])
    np.testing.assert_allclose(found, golden["out:cochran_q"], rtol=1e-10)


def test_equal_classifiers():
    same = np.array([[7, 0], [0, 5]])
    assert mcnemar.exact(same).p == 1
    assert mcnemar.chi_square(same) == (0, 1)
    assert mcnemar.cochran_q(np.array([[1, 1, 1], [0, 0, 0]])) == (0, 1)

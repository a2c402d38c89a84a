"""Shares of subgroups before and after a choice."""

import numpy as np
import pytest
from scipy.stats import fisher_exact, hypergeom

from dermgan_jax.statistics.acceptance import acceptance


def test_a_choice_that_leaves_out_dark_images_is_found():
    tones = np.array(["dark"] * 34 + ["light"] * 166)
    chosen = np.zeros(200, bool)
    chosen[34:94] = True
    dark, light = acceptance(chosen, {"tone": tones}, {"tone": np.array(["dark", "light"])})
    assert (dark.n, dark.chosen, dark.by_chance) == (34, 0, 34 * 0.3)
    assert dark.p == pytest.approx(light.p)
    assert hypergeom.pmf(0, 200, 34, 60) <= dark.p < 1e-4
    assert dark.p == fisher_exact([[0, 34], [60, 106]]).pvalue  # one question, asked once
    assert dark.disfavoured
    assert not light.disfavoured
    assert (dark.reference, dark.share, dark.share_chosen) == (0.5, 0.17, 0.0)


def test_choices_by_chance_are_rarely_called_unfair():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        columns = {
            "tone": rng.choice(["a", "b", "c"], 120, p=[0.1, 0.3, 0.6]),
            "sex": rng.choice(["f", "m"], 120),
        }
        rows = acceptance(rng.random(120) < 0.3, columns)
        alarms += any(row.p < 0.05 for row in rows)
    assert alarms <= 17  # of 200, 10 expected at most


def test_values_that_only_the_reference_has_are_missing():
    columns = {"tone": np.array(["light"] * 7), "sex": np.array(["f"] * 7)}
    reference = {"tone": np.array(["light", "dark"] * 40), "sex": np.array(["f"])}
    light, dark = acceptance(np.ones(7, bool), columns, reference, order=("light",))
    assert (dark.value, dark.missing, dark.p, dark.low, dark.high) == ("dark", True, 1.0, 0.0, 1.0)
    assert not light.missing
    few = {"tone": np.array(["light"] * 4), "sex": np.array(["f"] * 4)}
    dark, _ = acceptance(np.ones(4, bool), few, reference)
    assert not dark.missing  # one of 16 such draws has none


@pytest.mark.parametrize(
    ("shares", "num", "num_reference"),
    [([1 / 40] * 40, 120, 300), ([0.005] * 20 + [0.9], 150, 40)],
    ids=["many values", "a small reference"],
)
def test_values_are_rarely_called_missing_by_chance(shares, num, num_reference):
    rng = np.random.default_rng(0)
    names = np.arange(len(shares)).astype(str)
    alarms = 0
    for _ in range(100):
        columns = {"class": rng.choice(names, num, p=shares)}
        reference = {"class": rng.choice(names, num_reference, p=shares)}
        rows = acceptance(np.ones(num, bool), columns, reference)
        alarms += any(row.missing for row in rows)
    assert alarms <= 10  # of 100, 5 expected at most


def test_nothing_chosen_and_nothing_to_compare():
    rows = acceptance(np.zeros(4, bool), {"tone": np.array(list("abab"))})
    assert [(row.p, row.share_chosen) for row in rows] == [(1.0, 0.0)] * 2
    assert acceptance(np.ones(4, bool), {"tone": np.array(["a"] * 4)}) == []

"""The figure of several fake sides."""

import dataclasses
import itertools

import numpy as np
import pytest

from dermgan_jax import evaluation
from dermgan_jax.report.ranking_figure import NOTES, legend, ranking_figure

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (60, 16, 16, 3), np.uint8)


@pytest.fixture(scope="module")
def several():
    sides = {"a": REAL // 2 * 2, "b": REAL // 4 * 3, "c": REAL[:5]}
    found = evaluation.evaluate(REAL, sides, "kd:pixels", by="tone")
    return found.several


def _small(evaluated):
    one = evaluated.measured["kd:pixels"]
    value = dataclasses.replace(one.value, value=1.04e-4, interval=(4.2e-5, 1.66e-4))
    bound = dataclasses.replace(one.real_against_real, value=-5.7e-6)
    one = dataclasses.replace(one, value=value, real_against_real=bound)
    return dataclasses.replace(evaluated, measured={"kd:pixels": one})


def test_numbers_below_the_axis_do_not_run_into_each_other():
    """Long ones, as of kernel distances: 0.000025, 0.000050 and so on."""
    found = evaluation.evaluate(REAL, {"a": REAL // 2, "b": REAL // 3}, "kd:pixels").several
    found = dataclasses.replace(
        found, evaluations={k: _small(v) for k, v in found.evaluations.items()}
    )
    figure = ranking_figure(found)
    figure.draw_without_rendering()
    boxes = [
        label.get_window_extent()
        for label in figure.axes[0].get_xticklabels()
        if label.get_text() and 0 <= label.get_window_extent().x0 <= figure.bbox.x1
    ]
    assert len(boxes) >= 2
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_the_legend_tells_numbers_marks_and_warnings(several):
    text = " ".join(legend(several, 3).split())
    assert "Against real; 5 to 60 synthetic images of each side." in text
    assert "Dotted: real images against real ones." in text
    assert "c: warning: 5 images are too few" in text
    narrow = legend(several, 1)
    assert max(map(len, narrow.splitlines())) < 70
    told = [note for each in several.evaluations.values() for note in each.warnings]
    assert len(told) > NOTES
    assert f"and {len(set(told)) - NOTES} more" in text

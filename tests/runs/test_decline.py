"""Collapse and decline are found where they were planted, and nowhere else."""

import pytest

from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.runs import decline


def value(name, number, interval=None):
    better = "higher" if name in decline.DIVERSITIES else "lower"
    return Measurement(MetricValue(name, number, "p", 8, {}, better, interval=interval))


def evaluations(**series):
    """Rows at 0, 1, 2, … kimg."""
    steps = range(len(next(iter(series.values()))))
    return [
        {
            "kind": "eval",
            "step": 10 * step,
            "images": 1000 * step,
            "metrics": by_key(*(value(name, numbers[step]) for name, numbers in series.items())),
        }
        for step in steps
    ]


def test_a_planted_collapse_is_named_with_its_moment():
    rows = evaluations(diversity=[0.01, 0.8, 1.0, 0.9, 0.3, 0.2])
    fell = decline.collapse(rows)
    assert (fell.name, fell.images, fell.before, fell.after) == ("diversity", 3000, 1.0, 0.2)
    (warning,) = decline.warnings("", rows)[:1]
    assert warning.startswith("Collapsed after 3 kimg")


@pytest.mark.parametrize(
    "numbers",
    [
        [0.01, 0.8, 1.0, 0.9, 0.7],  # varies
        [0.01, 0.8, 0.3, 0.9, 0.8],  # recovers
        [0.9, 0.3, 0.4, 0.5],  # noise of an untrained generator varies more than it will ever do
    ],
)
def test_what_is_no_collapse(numbers):
    assert decline.collapse(evaluations(diversity=numbers)) is None
    assert decline.collapse(evaluations(swd=numbers)) is None


def test_the_first_measured_diversity_decides():
    rows = evaluations(recall=[0, 0.5, 0.1], lpips_diversity=[0.1, 0.4, 0.4])
    assert decline.collapse(rows) is None


def test_a_collapse_is_seen_in_any_feature_space():
    rows = evaluations(**{"recall:lite0": [0, 0.5, 0.1], "vendi:lite0": [1, 9, 9]})
    assert decline.collapse(rows).name == "recall:lite0"
    assert decline.collapse(evaluations(**{"vendi:lite0": [1, 9, 3]})).name == "vendi:lite0"


def test_a_later_checkpoint_that_is_worse_is_named():
    rows = evaluations(kid=[0.5, 0.03, 0.02, 0.08])
    worse = decline.decline(rows, "kid")
    assert (worse.best_step, worse.best_images, worse.latest) == (20, 2000, 0.08)
    (warning,) = decline.warnings("", rows)
    assert "2 kimg (0.02)" in warning
    assert "3 kimg, is worse (0.08)" in warning
    assert "--checkpoint=best" in warning


def test_the_untrained_model_is_no_checkpoint():
    assert decline.decline(evaluations(kid=[0.01, 0.5]), "kid") is None
    assert decline.decline(evaluations(kid=[0.01, 0.5, 0.9]), "kid").best_images == 1000


def test_chance_is_no_decline():
    assert decline.decline(evaluations(kid=[0.5, 0.020, 0.023]), "kid") is None
    assert decline.decline(evaluations(kid=[0.5, 0.02]), "kid") is None
    assert decline.decline(evaluations(kid=[0.5]), "swd") is None
    rows = evaluations(kid=[0.5, 0.02, 0.08])
    rows[1]["metrics"] = by_key(value("kid", 0.02, (0.01, 0.05)))
    rows[2]["metrics"] = by_key(value("kid", 0.08, (0.04, 0.12)))
    assert decline.decline(rows, "kid") is None
    rows[2]["metrics"] = by_key(value("kid", 0.08, (0.06, 0.12)))
    assert decline.decline(rows, "kid").latest == 0.08

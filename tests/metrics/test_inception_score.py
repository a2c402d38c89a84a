"""Inception Score against torch-fidelity."""

from pathlib import Path

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import inception_score

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics" / "inception_score.npz"


@pytest.mark.parametrize("splits", [1, 7, 10])
@pytest.mark.parametrize("shuffle", [0, 1])
def test_equals_torch_fidelity(splits, shuffle):
    golden = np.load(GOLDEN)
    logits = golden["in:logits"]
    if shuffle:
        logits = logits[golden["out:permutation_used"]]
    scores, _ = inception_score.split_scores(logits, splits)
    suffix = f"splits{splits}_shuffle{shuffle}"
    assert scores.mean() == pytest.approx(float(golden[f"out:is_mean_{suffix}"]), rel=1e-9)
    assert scores.std() == pytest.approx(float(golden[f"out:is_std_{suffix}"]), rel=1e-9)


def test_default_is_torch_fidelitys_with_its_seed():
    golden = np.load(GOLDEN)
    (value,) = inception_score.compute(None, golden["in:logits"], seed=2020)
    assert value.value == pytest.approx(float(golden["out:is_mean_splits10_shuffle1"]), rel=1e-9)
    assert value.std == pytest.approx(float(golden["out:is_std_splits10_shuffle1"]), rel=1e-9)


def test_fact_sheet():
    scores, _ = inception_score.split_scores(np.random.RandomState(2).randn(100, 1008) * 3)
    assert scores.mean() == pytest.approx(6.954241105, rel=1e-9)
    assert scores.std() == pytest.approx(0.287269282, rel=1e-8)


def test_certain_and_clueless_classifiers():
    certain = np.repeat(1e3 * np.eye(4), 5, axis=0)
    assert inception_score.split_scores(certain, 1)[0] == pytest.approx(4)
    assert inception_score.split_scores(np.zeros((20, 4)), 1)[0] == pytest.approx(1)


def test_interval_is_the_scatter_of_repeated_draws():
    random = np.random.default_rng(0)
    draws = [
        inception_score.compute(None, random.normal(size=(400, 6)) * 2, seed=0)[0]
        for _ in range(200)
    ]
    errors = [(value.interval[1] - value.value) / 1.96 for value in draws]
    assert np.mean(errors) / np.std([v.value for v in draws]) == pytest.approx(1, abs=0.2)


def test_too_few_images_for_the_splits():
    with pytest.raises(UserError, match="at least 20"):
        inception_score.compute(None, np.zeros((19, 5)), seed=0)
    with pytest.raises(UserError, match="5 images for 3 splits"):
        inception_score.split_scores(np.zeros((5, 5)), 3)

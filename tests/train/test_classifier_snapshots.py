"""Scores of validation images against values by hand, and what the report shows of them."""

import json

import numpy as np
import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.metrics.measurement_json import value_to_json
from dermgan_jax.report import metric_texts
from dermgan_jax.report.run import build
from dermgan_jax.train import loop

CLASSES = ("mel", "nv", "vasc")
TRUE = np.array([0, 0, 0, 0, 1, 1])
FOUND = np.float32(
    [[0.5, 0.3, 0.2], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.2, 0.7, 0.1], [1, 0, 0]]
)


def score(name):
    return registry.load("classifier_metric", name)(TRUE, FOUND, CLASSES)


def test_accuracies_by_hand():
    """Three of four and one of two are right; no image is of the third class."""
    accuracy, balanced = score("accuracy"), score("balanced_accuracy")
    assert accuracy.value == pytest.approx(4 / 6)
    assert accuracy.interval[0] < 4 / 6 < accuracy.interval[1]
    assert balanced.value == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert balanced.details == {"mel": 0.75, "nv": 0.5}


def test_auc_by_hand():
    """Of 8 pairs each: mel .5 .6 .1 .4 against .2 1, nv .7 0 against .3 .3 .8 .3."""
    found = score("auc")
    assert found.details == {"mel": 3 / 8, "nv": 3 / 8}
    assert found.value == pytest.approx(3 / 8)


def test_auc_of_one_class_is_no_number():
    found = registry.load("classifier_metric", "auc")(TRUE[:4], FOUND[:4], CLASSES)
    assert not found.is_finite
    assert found.lower_is_better == np.inf
    assert value_to_json(found)["value"] is None


def test_loss_by_hand_and_an_impossible_truth_is_not_infinite():
    of_truth = np.array([0.5, 0.6, 0.1, 0.4, 0.7, np.finfo(float).eps])
    assert score("loss").value == pytest.approx(-np.log(of_truth).mean(), rel=1e-5)
    assert score("loss").better == "lower"


@pytest.mark.parametrize("name", registry.names("classifier_metric"))
def test_every_metric_is_explained_and_can_be_written(name):
    assert score(name).protocol.startswith("val:")
    json.dumps(value_to_json(score(name)), allow_nan=False)
    assert metric_texts.of(name).meaning.endswith(".")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    config = tiny_configs.classifier()
    config.data.prepared_dir = str(folder / "prepared")
    config.model.trained_stages = 0
    loop.train(config_schema.validate(config), folder / "run")
    return build(folder / "run").read_text()


def test_report_shows_scores_confusions_and_both_losses(report):
    for text in ("Balanced accuracy", "Confusions at the end", "validation images", "Loss"):
        assert text in report
    assert report.count("taken for") == 1


def test_report_calls_no_validation_image_synthetic(report):
    assert "Least understood" in report
    assert "Drawn phantoms, not real skin, of the validation split." in report
    assert "ynthetic images</span>" not in report
    assert "latents" not in report.partition("<h2>The run</h2>")[0]

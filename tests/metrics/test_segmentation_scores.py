"""Dice, intersection over union and pixels, against counting by hand."""

import numpy as np
import pytest

from dermgan_jax.metrics import segmenter_metrics
from dermgan_jax.metrics.segmentation_scores import dice, iou, pixel_accuracy

TRUE = np.array([[[0, 0, 1, 1]], [[0, 1, 2, 2]], [[0, 0, 0, 0]], [[0, 0, 0, 0]]])
FOUND = np.array([[[0, 1, 1, 1]], [[0, 1, 1, 2]], [[0, 0, 0, 0]], [[0, 0, 0, 1]]])


def test_each_image_by_hand():
    # Of the second image class 1 overlaps by 1 of 1 and 2 pixels, class 2 by 1 of 2 and 1.
    expected = [2 * 2 / 5, (2 * 1 / 3 + 2 * 1 / 3) / 2, 1.0, 0.0]
    np.testing.assert_allclose(dice(TRUE, FOUND, 3), expected)
    np.testing.assert_allclose(iou(TRUE, FOUND, 3), [2 / 3, (1 / 2 + 1 / 2) / 2, 1.0, 0.0])
    np.testing.assert_allclose(pixel_accuracy(TRUE, FOUND, 3), [0.75, 0.75, 1.0, 0.75])


def test_dice_and_iou_of_one_class_follow_from_each_other():
    rng = np.random.default_rng(0)
    true, found = rng.integers(0, 2, (2, 20, 8, 8))
    overlap = iou(true, found, 2)
    np.testing.assert_allclose(dice(true, found, 2), 2 * overlap / (1 + overlap))


def test_agreement_is_1_and_sides_can_be_exchanged():
    rng = np.random.default_rng(1)
    true, found = rng.integers(0, 4, (2, 10, 8, 8))
    for score in (dice, iou, pixel_accuracy):
        np.testing.assert_array_equal(score(true, true, 4), 1)
        np.testing.assert_allclose(score(true, found, 4), score(found, true, 4))


@pytest.mark.parametrize("name", ["dice", "iou", "pixel_accuracy"])
def test_metrics_are_means_over_images(name):
    value = getattr(segmenter_metrics, name)(TRUE, FOUND, 3)
    score = {"dice": dice, "iou": iou, "pixel_accuracy": pixel_accuracy}[name]
    assert value.value == pytest.approx(score(TRUE, FOUND, 3).mean())
    assert (value.name, value.n, value.better) == (name, 4, "higher")
    low, high = value.interval
    assert low < value.value < high

"""The metrics of a segmenter that `eval.metrics` names, on validation images with masks.

Each is a function of the true and the found classes of pixels, int (N, H, W), and their number.
"""

import functools

import numpy as np

from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics import segmentation_scores
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.named_metrics import of_summary
from dermgan_jax.metrics.paired import summarise


def _mean(name, score, true: np.ndarray, found: np.ndarray, num_classes: int) -> MetricValue:
    """The mean over images; its interval treats these as independent."""
    summary = summarise(score(true, found, num_classes))
    return of_summary(name, f"{VAL}:mean_of_images", summary, "higher")


dice = functools.partial(_mean, "dice", segmentation_scores.dice)
iou = functools.partial(_mean, "iou", segmentation_scores.iou)
pixel_accuracy = functools.partial(_mean, "pixel_accuracy", segmentation_scores.pixel_accuracy)

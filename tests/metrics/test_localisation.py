"""Pixel AUROC and exact AUPRO against their vectors and a threshold-by-threshold computation."""

import anomaly_vectors
import numpy as np
import pytest
from scipy import ndimage

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import localisation
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling


def test_vectors():
    golden = anomaly_vectors.load("metrics")
    maps, masks = golden["in:maps"], golden["in:masks"] > 0
    assert localisation.pixel_auroc(maps, masks) == pytest.approx(
        golden["out:sk_pixel_auroc"], abs=1e-9
    )
    assert localisation.pixel_average_precision(maps, masks) == pytest.approx(
        golden["out:sk_pixel_average_precision"], abs=1e-9
    )
    for limit in (0.3, 0.05, 1.0):
        found = localisation.aupro(maps, masks, limit)
        assert found == pytest.approx(golden[f"out:aupro_exact_{limit}"], abs=1e-6)
        assert found == pytest.approx(golden[f"out:aupro_anomalib_{limit}"], abs=2e-2)


def test_touching_corners_are_one_region_and_ties_fall_together():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 3, 3] = True
    assert localisation._coverage(masks)[1].tolist() == [2]
    maps = np.zeros((1, 4, 4))
    maps[0, 0, 0] = maps[0, 1, 1] = 1
    maps[0, 3, 0] = 1
    # At the highest score one of two regions is whole and 1 of 13 normal pixels is called.
    first = (1 / 13, 0.5)
    inside = 0.5 + 0.5 * (0.3 - first[0]) / (1 - first[0])
    expected = (first[0] * 0.5 / 2 + (0.3 - first[0]) * (0.5 + inside) / 2) / 0.3
    assert localisation.aupro(maps, masks) == pytest.approx(expected)


def test_every_threshold_by_itself():
    rng = np.random.default_rng(0)
    masks = ndimage.binary_dilation(rng.random((3, 12, 10)) < 0.02, iterations=1)
    maps = np.round(masks + rng.normal(size=masks.shape), 1)
    regions = []
    for i, mask in enumerate(masks):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        regions += [(i, labels == r) for r in range(1, count + 1)]
    points = [(0.0, 0.0)]
    for t in np.unique(maps)[::-1]:
        overlap = np.mean([(maps[i][region] >= t).mean() for i, region in regions])
        points.append(((maps[~masks] >= t).mean(), overlap))
    false, overlap = np.array(points).T
    fine = np.linspace(0, 0.3, 200_001)
    expected = np.trapezoid(np.interp(fine, false, overlap), fine) / 0.3
    assert localisation.aupro(maps, masks) == pytest.approx(expected, abs=1e-4)


def test_intervals_hold_the_exact_value():
    rng = np.random.default_rng(1)
    masks = np.zeros((20, 16, 16), bool)
    masks[10:, 4:9, 4:9] = True
    maps = masks + rng.normal(size=masks.shape)
    labels = np.repeat([0, 1], 10)
    test = HeldOutImages(labels, [f"g{i // 2}" for i in range(20)], ("nv", "mel"))
    found = localisation.localise(maps, masks, test, Resampling(200))
    assert (found.images, found.regions) == (20, 10)
    for name in ("pixel_auroc", "aupro"):
        estimate = getattr(found, name)
        assert estimate.value == getattr(localisation, name)(maps, masks)
        assert estimate.low < estimate.value < estimate.high
    # Binned curves are close to the exact ones.
    once = localisation._resampled(maps, masks, np.ones((1, 20)))
    assert once["aupro"][0] == pytest.approx(found.aupro.value, abs=5e-3)
    assert once["pixel_auroc"][0] == pytest.approx(found.pixel_auroc.value, abs=5e-3)


def test_masks_without_an_abnormal_pixel_are_named():
    with pytest.raises(UserError, match="no pixel is marked as abnormal"):
        localisation.aupro(np.zeros((2, 4, 4)), np.zeros((2, 4, 4), bool))
    with pytest.raises(UserError, match=r"maps are \(2, 4, 4\), masks \(2, 4, 5\)"):
        localisation.pixel_auroc(np.zeros((2, 4, 4)), np.zeros((2, 4, 5), bool))

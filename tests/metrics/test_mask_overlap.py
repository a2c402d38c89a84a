"""Overlap of the dark part of an image with a mask."""

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.mask_overlap import against_masks, dark_part, otsu_threshold


def discs(num=4, size=64, channels=3):
    """Dark discs of several sizes on light noise, and their masks."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    centres, radii = generator.uniform(24, 40, (num, 2)), generator.uniform(8, 18, num)
    masks = np.stack(
        [
            (rows - y) ** 2 + (columns - x) ** 2 < r**2
            for (y, x), r in zip(centres, radii, strict=True)
        ]
    )
    light = generator.integers(170, 230, (num, size, size, channels))
    return np.where(masks[..., None], light - 110, light).astype(np.uint8), masks


@pytest.mark.parametrize("channels", [1, 3])
def test_a_dark_lesion_is_found(channels):
    images, masks = discs(channels=channels)
    summary = against_masks(images, masks)
    assert summary.values.min() > 0.9
    assert summary.interval[0] < summary.mean < summary.interval[1]


def test_a_lesion_moved_away_is_not():
    images, masks = discs()
    assert against_masks(np.roll(images, 32, axis=2), masks).mean < 0.3


def test_otsu_separates_two_groups_in_the_middle():
    values = np.array([10.0] * 30 + [200.0] * 10)
    assert otsu_threshold(values) == pytest.approx(105, abs=2)
    assert dark_part(np.full((16, 16, 3), 80, np.uint8)).all()


def test_sizes_have_to_agree():
    images, masks = discs()
    with pytest.raises(UserError, match="mask IoU"):
        against_masks(images, masks[:, :32])

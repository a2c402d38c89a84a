"""Sheets and values of a model that enlarges, whose result is known."""

import dataclasses

import numpy as np
import tiny_configs

from dermgan_jax.config import validate
from dermgan_jax.data import matlab_resize
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import GUTTER
from dermgan_jax.files import to_path
from dermgan_jax.models.superres import SuperResolution
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.upscaler_snapshots import COLUMNS, UpscalerSnapshots, difference


@dataclasses.dataclass(frozen=True)
class Bicubic(SuperResolution):
    def upscale(self, variables, images):
        return matlab_resize.enlarge(images, self.scale).clip(-1, 1)


def snapshots(tmp_path, **fields):
    config = tiny_configs.superres()
    config.data.prepared_dir = str(tmp_path)
    with config.unlocked():
        config.update_from_flattened_dict(fields)
    config = validate(config)
    data = catalogue(config.data)
    model = Bicubic(config, data.spec("train", config.data))
    return UpscalerSnapshots(model, data, WorkDir(to_path(str(tmp_path / "run"))))


def test_bicubic_stands_beside_what_is_measured(tmp_path):
    shots = snapshots(tmp_path, **{"eval.metrics": ("psnr_y", "consistency")})
    for _ in range(2):  # the second time the yardsticks are known
        measured = shots.evaluate({}, None)
        assert [one.published for one in measured.values()] == [
            *shots.published(shots.model, shots.data)
        ]
        for one in measured.values():
            assert one.split == "val"
            assert one.value == one.identity
            assert one.value.interval[0] < one.value.value < one.value.interval[1]


def test_sheet_has_a_row_per_image(tmp_path):
    shots = snapshots(tmp_path)
    sheet = shots.draw({}, None)
    assert sheet.shape == (2 * 16 + GUTTER, len(COLUMNS) * (16 + GUTTER) - GUTTER, 3)
    columns = [sheet[:16, i * 18 : i * 18 + 16].astype(int) for i in range(len(COLUMNS))]
    small, bicubic, enlarged, true, apart = columns
    np.testing.assert_array_equal(bicubic, enlarged)
    np.testing.assert_array_equal(small[::2, ::2], small[1::2, 1::2])
    np.testing.assert_array_equal(apart, np.minimum(4 * np.abs(enlarged - true), 255))


def test_without_validation_images_those_trained_on_are_measured(tmp_path):
    shots = snapshots(tmp_path, **{"data.split_fractions": (1.0, 0.0, 0.0)})
    assert {one.split for one in shots.published(shots.model, shots.data)} == {"train"}


def test_metrics_that_need_larger_images_are_a_fault(tmp_path):
    shots = snapshots(tmp_path, **{"eval.metrics": ("ssim",), "data.resolution": 8})
    (fault,) = shots.faults(shots.model, shots.data)
    assert "ssim, which needs images of 11 pixels; these have 8" in fault


def test_difference_is_amplified_and_bounded():
    large, true = np.full((1, 2, 2, 3), 10, np.uint8), np.zeros((1, 2, 2, 3), np.uint8)
    assert (difference(large, true) == 40).all()
    assert (difference(large * 25, true) == 255).all()

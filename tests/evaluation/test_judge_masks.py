"""A segmenter as judge, one that is known to find what is brighter than the middle."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.config import experiment
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import judge_masks as judging
from dermgan_jax.evaluation.judge_masks import judge_masks, overlaps
from dermgan_jax.models.contract import Stage
from dermgan_jax.models.segmenter import Segmenter
from dermgan_jax.runs.restore import Restored

SIDE = 16


@dataclasses.dataclass(frozen=True)
class Threshold(Segmenter):
    """Dark pixels are lesion."""

    @staticmethod
    def default_config():
        raise AssertionError("never trained")

    def init(self, rng):
        raise AssertionError("never trained")

    def phases(self):
        raise AssertionError("never trained")

    @property
    def multiple(self):
        return 1

    def probabilities(self, variables, images):
        lesion = jnp.float32(images.mean(-1) < 0)
        return jnp.stack([1 - lesion, lesion], -1)


@pytest.fixture
def judge(tmp_path, monkeypatch):
    """judge(folder) with phantoms as the segmenter's own data."""
    config = experiment("segmenter")
    config.train.total_kimg = 1.0
    config.data.update({"num_images": 60, "resolution": SIDE, "dataset": "phantom"})
    config.data.prepared_dir = str(tmp_path / "prepared")
    config = config_schema.validate(config)
    model = Threshold(config, DataSpec(SIDE, SIDE, 3, (), 40, mask_classes=2))
    restored = Restored(model, {}, Stage((SIDE, SIDE), 4, {}), 7, "run", ())

    class Data:
        def __init__(self, workdir):
            self.config, self.catalogue = config.data, catalogue(config.data)

    monkeypatch.setattr(judging, "restore", lambda *_: restored)
    monkeypatch.setattr(judging, "TrainingData", Data)
    return lambda folder: judge_masks(tmp_path / "run", folder)


def paint(folder, name, shown, asked):
    """An image that is dark in the first rows, and a mask of the first rows."""
    for kind, rows, dark in (("images", shown, 0), ("masks", asked, 255)):
        pixels = np.full((SIDE, SIDE, 3), 255 - dark, np.uint8)
        pixels[:rows] = dark
        path = folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels if kind == "images" else pixels[..., 0]).save(path)


def test_painted_images_beside_real_ones(judge, tmp_path):
    for i, (label, shown) in enumerate((("mel", 8), ("mel", 4), ("nv", 8))):
        paint(tmp_path / "out", f"{label}/{i}.png", shown, 8)
    found = judge(tmp_path / "out")
    assert list(found.synthetic) == ["all", "mel", "nv"]
    assert found.synthetic["nv"].dice == 1
    assert found.synthetic["mel"].dice == pytest.approx((1 + 2 * 4 / 12) / 2)
    assert found.synthetic["mel"].iou == pytest.approx((1 + 4 / 8) / 2)
    assert 0.3 < found.real["all"].dice < 1
    low, high = found.real["all"].dice_interval
    assert low < found.real["all"].dice < high
    assert found.of_ceiling == found.synthetic["all"].dice / found.real["all"].dice
    assert found.phantom
    # Three pictures for each of the three images, enlarged, on one row.
    assert found.sheet.shape[1] > 9 * 128
    assert found.sheet.shape[2] == 3
    assert "sheet" not in found.to_json()
    text = found.text()
    assert "drawings of a program" in text
    assert f"is {found.of_ceiling:.2f} of what" in text
    assert json.loads(json.dumps(found.to_json()))["synthetic"]["nv"]["n"] == 1


def test_what_cannot_be_judged_is_said(judge, tmp_path):
    with pytest.raises(UserError, match="has no folder images"):
        judge(tmp_path / "nothing")
    paint(tmp_path / "out", "0.png", 8, 8)
    (tmp_path / "out" / "masks" / "0.png").unlink()
    with pytest.raises(UserError, match=r"0.png has no mask"):
        judge(tmp_path / "out")
    Image.new("RGB", (8, 8)).save(tmp_path / "out" / "images" / "0.png")
    with pytest.raises(UserError, match="8x8 pixels, the segmenter learned from 16x16"):
        judge(tmp_path / "out")


def test_one_image_has_no_interval():
    masks = np.ones((1, 4, 4), int)
    (only,) = overlaps(masks, masks, [""], ["a"], 2).values()
    assert (only.n, only.dice, only.dice_interval) == (1, 1.0, None)

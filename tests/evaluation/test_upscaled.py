"""The table of an upscaler beside bicubic, with a model whose result is known."""

import dataclasses

import numpy as np
import pytest

from dermgan_jax.config import experiment, validate
from dermgan_jax.data import matlab_resize
from dermgan_jax.data.image_files import write_pngs
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import upscaled
from dermgan_jax.evaluation.upscaled import Question, evaluate_upscaler
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.models.contract import Stage
from dermgan_jax.models.superres import SuperResolution
from dermgan_jax.runs.restore import Restored
from dermgan_jax.statistics import group_mean

METRICS = ("psnr_y", "ssim_y", "consistency", "mask_agreement")


@dataclasses.dataclass(frozen=True)
class Known(SuperResolution):
    """Bicubic, darkened."""

    darker: float = 0.0

    def upscale(self, variables, images):
        return matlab_resize.enlarge(images, self.scale).clip(-1, 1) - self.darker


@pytest.fixture
def folder(tmp_path):
    """Images of 43x51, of which 42x50 are kept: dark discs on a bright ground."""
    rows, columns = np.mgrid[:43, :51]
    discs = [np.hypot(rows - 20, columns - 22 - i) < 9 + i for i in range(5)]
    rng = np.random.default_rng(0)
    images = np.stack([np.where(disc, 70, 190) for disc in discs])[..., None].repeat(3, -1)
    write_pngs(np.uint8(images + rng.integers(-9, 10, images.shape)), tmp_path / "images")
    return tmp_path / "images"


def trained(monkeypatch, darker):
    config = experiment("superres")
    config.model.update({"generator": "msrresnet", "scale": 2})
    model = Known(validate(config), DataSpec(64, 64, 3, (), num_examples=1), darker)
    restored = Restored(model, {}, Stage((64, 64), 1, {}), 0, "known", ())
    monkeypatch.setattr(upscaled, "restore_upscaler", lambda workdir, checkpoint: restored)


def lines(table):
    return {line.model.name: line for line in table.lines}


def test_a_model_that_is_bicubic_is_as_bicubic(monkeypatch, folder):
    trained(monkeypatch, 0.0)
    table = evaluate_upscaler(Question(folder, METRICS, source=folder))
    for line in table.lines:
        assert line.model.value == line.bicubic.value
        assert line.verdict == "not told apart"
    assert "cut to 42x50" in table.text()
    assert "must not be read as a finding" in table.text()
    assert table.sheet.shape == (5 * 42 + 4 * 2, 5 * 50 + 4 * 2, 3)


def test_a_darker_model_is_worse_and_inconsistent(monkeypatch, folder):
    trained(monkeypatch, 0.1)
    table = evaluate_upscaler(Question(folder, METRICS, source=folder))
    found = lines(table)
    assert found["psnr_y"].verdict == "worse"
    assert found["psnr_y"].gain < 0
    assert found["consistency"].verdict == "worse"
    np.testing.assert_allclose(found["consistency"].model.value, 0.05, atol=0.01)
    plain = table.to_json()
    assert set(plain["gains"]) == set(METRICS)
    identity = plain["metrics"]["psnr_y"]["yardsticks"]["identity"]["value"]
    assert identity == found["psnr_y"].bicubic.value


def test_classifier_is_asked_what_images_show(monkeypatch, folder):
    trained(monkeypatch, 1.5)

    def probabilities(classifier, images):
        """By brightness, so that a dark image is taken for another class."""
        dark = np.stack([images[i : i + 1][0].mean() < 60 for i in range(len(images))])
        return np.stack([dark, ~dark], 1).astype(np.float32)

    classifier = Restored(None, {}, None, 0, "judge", ("a", "b"))
    monkeypatch.setattr(upscaled, "restore_classifier", lambda workdir, checkpoint: classifier)
    monkeypatch.setattr(upscaled, "probabilities_of", probabilities)
    table = evaluate_upscaler(Question(folder, ("psnr_y",), source=folder, classifier=folder))
    agreement = lines(table)["class_agreement"]
    assert (agreement.model.value, agreement.bicubic.value) == (0.0, 1.0)


def test_images_that_are_too_small_are_named(monkeypatch, tmp_path):
    trained(monkeypatch, 0.0)
    write_pngs(np.zeros((2, 12, 12, 3), np.uint8), tmp_path / "images")
    with pytest.raises(UserError, match="ssim_y needs images of 15 pixels; these have 12"):
        evaluate_upscaler(Question(tmp_path, ("ssim_y",), source=tmp_path / "images"))


def test_interval_of_a_mean_is_over_groups():
    """Copies of an image within its group tell nothing new."""
    values = np.random.default_rng(0).normal(size=40)
    groups = [str(i) for i in range(40)]
    low, high = group_mean.interval(values, groups)
    half = 2.02 * values.std(ddof=1) / np.sqrt(40)
    np.testing.assert_allclose(high - low, 2 * half, rtol=0.07)
    np.testing.assert_allclose((high + low) / 2, values.mean(), atol=1e-9)
    copied = group_mean.interval(values.repeat(3), np.repeat(groups, 3))
    np.testing.assert_allclose(copied, (low, high), rtol=1e-9)
    assert group_mean.interval(values, ["one"] * 40) is None


def test_verdict_depends_on_the_direction_of_the_metric():
    value = MetricValue("lpips", 0.2, "p", 5, {}, "lower")
    line = upscaled.Line(value, value, gain=-0.1, interval=(-0.2, -0.01))
    assert line.verdict == "better"
    assert dataclasses.replace(line, interval=(-0.2, 0.01)).verdict == "not told apart"

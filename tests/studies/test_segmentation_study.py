"""A segmentation study with a toy painter, from beginning to end, on phantoms."""

import csv
import dataclasses

import numpy as np
import pytest
import tiny_configs

from dermgan_jax import registry
from dermgan_jax.config import experiment
from dermgan_jax.data.image_sets import FolderImages
from dermgan_jax.errors import UserError
from dermgan_jax.report import segmentation as report
from dermgan_jax.report.run import build
from dermgan_jax.studies import segmentation, segmentation_result
from dermgan_jax.studies.segmentation_config import (
    ARMS,
    BOTH,
    ONLY,
    REAL,
    experiments,
    segmenter_experiment,
)
from dermgan_jax.studies.segmentation_config import segmentation as configured
from dermgan_jax.studies.segmentation_result import Arm, sentence
from dermgan_jax.synthesis import manifest
from dermgan_jax.synthesis.verify import verify
from dermgan_jax.train import loop


@pytest.fixture(scope="module", autouse=True)
def _registered():
    """The toy is a model while this file is tested."""
    registry.REGISTRY["model"]["toy_painter"] = "toy_painter:ToyPainter"
    yield
    del registry.REGISTRY["model"]["toy_painter"]


def study(cache_dir, **fields):
    """16x16, two seeds, a dozen steps each."""
    segmenter = tiny_configs.segmenter()
    segmenter.data.prepared_dir = str(cache_dir)
    painter = experiment("toy_painter")
    painter.train.total_kimg = 0.064
    painter.eval.update({"num_images": 8, "grid": (1, 3)})
    config = configured("Tiny", segmenter, painter)
    config.update({"seeds": (0, 1), "bootstrap": 100})
    config.update(fields)
    return config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    cache_dir = tmp_path_factory.mktemp("prepared")
    path = tmp_path_factory.mktemp("study") / "run"
    assert segmentation.run(study(cache_dir), path, build) == loop.FINISHED
    return cache_dir, path


def test_arms_differ_in_what_they_see_and_in_nothing_else(tmp_path):
    config = study(tmp_path)
    seen = {arm: segmenter_experiment(config, arm, 3, "images", "masks") for arm in ARMS}
    assert {arm: one.data.synthetic for arm, one in seen.items()} == {
        REAL: "",
        BOTH: "images",
        ONLY: "images",
    }
    assert [one.data.only_synthetic for one in seen.values()] == [False, False, True]
    for one in seen.values():
        one.data.update({"synthetic": "", "synthetic_masks": "", "only_synthetic": False})
        one.title = ""
        assert one.to_dict() == {**seen[REAL].to_dict(), "title": ""}


def test_every_image_is_painted_from_a_mask_of_its_own(finished):
    _, path = finished
    images = FolderImages(path / "painted" / "images", 3)
    masks = FolderImages(path / "painted" / "masks", 1)
    names = [p.relative_to(path / "painted" / "images") for p in images.paths]
    assert names == [p.relative_to(path / "painted" / "masks") for p in masks.paths]
    found = verify(path / "painted")
    assert {one.state for one in found.images} == {"unaltered"}
    assert len(found.images) == 2 * len(manifest.read(path / "painted" / "images")) > 0
    result = segmentation_result.read(path)
    assert len(images) == result.painted_images == result.train_images
    assert set(np.unique(masks[:])) == {0, 255}
    shapes = {mask.tobytes() for mask in masks[:]}
    assert len(shapes) > 0.9 * len(masks)
    # The toy paints each class of pixels in one colour.
    for image, mask in zip(images[:4], masks[:4], strict=True):
        for value in (0, 255):
            assert len(np.unique(image[mask[..., 0] == value], axis=0)) == 1


def test_result_table_and_report(finished):
    _, path = finished
    result = segmentation_result.read(path)
    assert list(result.arms) == list(ARMS)
    for name, arm in result.arms.items():
        low, high = arm.interval
        assert low <= arm.dice <= high
        assert np.mean(arm.seeds) == pytest.approx(arm.dice)
        assert (arm.difference is None) == (name == REAL)
        if name != REAL:
            assert arm.difference == pytest.approx(arm.dice - result.arms[REAL].dice)
    rows = list(csv.reader((path / "table.csv").open()))
    assert [row[0] for row in rows[1:]] == list(ARMS)
    text = report.build(path).read_text()
    assert "drawn phantoms, not real skin" in text
    assert sentence(result).split(".")[0] in text


def test_a_finished_study_trains_nothing_again(finished, monkeypatch):
    cache_dir, path = finished

    def train(*_):
        raise AssertionError("trained again")

    monkeypatch.setattr(segmentation, "train", train)
    assert segmentation.run(study(cache_dir), path, build) == loop.FINISHED
    with pytest.raises(AssertionError, match="trained again"):
        segmentation.run(study(cache_dir, seeds=(0, 1, 2)), path, build)


def test_another_configuration_needs_another_folder(finished):
    cache_dir, path = finished
    config = study(cache_dir)
    config.synthesis.per_real = 2.0
    with pytest.raises(UserError, match=r"synthesis.per_real: 1.0 -> 2.0"):
        segmentation.run(config, path, build)


def test_every_fault_is_named(tmp_path):
    config = study(tmp_path, arms=("painted",), seeds=(1, 1), bootstrap=10)
    config.synthesis.per_real = 0.0
    config.segmenter.train.total_epochs = 2.0
    config.painter.train.batch_size = 0
    with pytest.raises(UserError) as error:
        experiments(config)
    for part in (
        "unknown arm 'painted'; did you mean 'painted_only'",
        "real, and at least one other",
        "seeds is (1, 1)",
        "per_real is 0.0",
        "bootstrap is 10",
        "set total_kimg, not total_epochs",
        "painter: train.batch_size",
    ):
        assert part in str(error.value)


def test_the_sentence_says_what_intervals_say(finished):
    result = segmentation_result.read(finished[1])

    def said(difference, interval):
        arm = Arm(0.8, (0.7, 0.9), (0.8,), {}, difference, interval, 0.1)
        arms = {REAL: dataclasses.replace(arm, difference=None), ONLY: arm}
        return sentence(dataclasses.replace(result, arms=arms))

    assert "painted images only they reach 0.800, worse (-0.100" in said(-0.1, (-0.15, -0.05))
    assert "better (+0.100" in said(0.1, (0.05, 0.15))
    assert "not told apart from that (+0.010" in said(0.01, (-0.05, 0.06))

"""Evaluation from Python: arrays, folders, batches and functions give the same numbers."""

import json

import numpy as np
import pytest
from PIL import Image

from dermgan_jax import evaluation
from dermgan_jax.errors import UserError

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (80, 16, 16, 3), np.uint8)
FAKE = RANDOM.integers(0, 200, (60, 16, 16, 3), np.uint8)
METRICS = ("kd:pixels", "prdc:pixels", "swd")


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))


def write(images, folder, names=None):
    for i, image in enumerate(images):
        path = folder / (names[i] if names else "") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def values(result, side=None):
    found = result.of(side) if side else result.of(next(iter(result.several.evaluations)))
    return {name: value.value for name, value in found.items()}


def test_however_images_are_given(tmp_path):
    expected = values(evaluation.evaluate(REAL, FAKE, METRICS))
    assert list(expected) == [
        *("kd:pixels", "precision:pixels", "recall:pixels", "density:pixels", "coverage:pixels"),
        "swd",
    ]
    folders = write(REAL, tmp_path / "real"), str(write(FAKE, tmp_path / "fake"))
    for real, fake in (
        folders,
        (iter([REAL[:50], REAL[50:]]), lambda num: FAKE[:num]),
        (REAL, FAKE.astype(np.float32) / 127.5 - 1),
    ):
        assert values(evaluation.evaluate(real, fake, METRICS)) == pytest.approx(expected)
    unsigned = evaluation.evaluate(REAL, FAKE / 255, METRICS, value_range=(0, 1))
    assert values(unsigned) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (FAKE / 255, r"may be in \[0, 1\] or in \[-1, 1\]"),
        (FAKE.astype(np.float32), "floats from 0 to 199"),
        (FAKE.astype(np.int64), "an array of int64"),
        (FAKE.transpose(0, 3, 1, 2), "channels come last"),
        (FAKE[:, :8], "bring both to one size"),
        (FAKE[:0], r"an array \(0, 16, 16, 3\)"),
        ({}, "fake is empty"),
        ("nowhere", "'nowhere' is no folder of images"),
    ],
)
def test_what_cannot_be_meant_is_refused(fake, message):
    with pytest.raises(UserError, match=message):
        evaluation.evaluate(REAL, fake, ("swd",))


def test_several_sides_are_ranked():
    sides = {"near": REAL[:60] // 2 * 2, "far": FAKE // 4}
    found = evaluation.evaluate(REAL, sides, ("kd:pixels", "prdc:pixels"))
    with pytest.raises(KeyError, match="several fake sides"):
        found["kd:pixels"]
    assert found.several.ranks[0].rank == {"near": 1, "far": 2}
    rows = found.difference_rows()
    assert {row["metric"] for row in rows} >= {"kd:pixels", "recall:pixels"}
    assert "order survives" in str(found)
    assert "< 0.0001" in str(found)
    json.dumps(found.several.to_json())


def test_rows_are_for_data_frames():
    found = evaluation.evaluate(REAL, FAKE, ("kd:pixels",))
    (row,) = found.rows()
    assert row["metric"] == "kd:pixels"
    assert row["low"] <= row["value"] <= row["high"]
    assert (row["n"], row["n_real"]) == (60, 80)
    assert found["kd:pixels"].value == row["value"]
    assert "kd:pixels" in str(found)
    assert repr(found) == str(found)
    with pytest.raises(KeyError, match="'kid' was not measured, but kd:pixels"):
        found["kid"]
    assert found.warnings == ()


def test_within_classes(tmp_path):
    """Class folders on both sides; a class of few images says so."""
    names = ["mel"] * 55 + ["nv"] * 25
    real, fake = (
        write(images, tmp_path / side, names[: len(images)])
        for side, images in (("real", REAL), ("fake", FAKE))
    )
    found = evaluation.evaluate(real, fake, ("kd:pixels", "fd:pixels"), by=("class", "brightness"))
    rows = {(row["column"], row["subgroup"], row["metric"]): row for row in found.subgroup_rows()}
    mel = rows["class", "mel", "kd:pixels"]
    assert (mel["n_real"], mel["n"]) == (55, 55)
    alone = evaluation.evaluate(REAL[:55], FAKE[:55], ("kd:pixels",))
    assert mel["value"] == pytest.approx(alone["kd:pixels"].value)
    assert rows["class", "nv", "kd:pixels"]["reason"] == "too few: 5, needs 50"
    assert rows["class", "mel", "fd:pixels"]["reason"] == "n 55, needs more than 768"
    assert rows["brightness", "darkest third", "kd:pixels"]["value"] is None
    assert "class mel" in str(found)
    with pytest.raises(UserError, match=r"--by=sex: .* does not tell it"):
        evaluation.evaluate(real, fake, ("kd:pixels",), by=("sex",))


def test_images_are_read_once_for_all_networks(monkeypatch):
    class Counted:
        shape, dtype, reads = REAL.shape, REAL.dtype, 0

        def __len__(self):
            return len(REAL)

        def __getitem__(self, rows):
            found = REAL[rows]
            type(self).reads += len(found)
            return found

    from dermgan_jax.features import feature_cache, pixel_extractor

    extractors = [pixel_extractor.load() for _ in range(3)]
    images = Counted()
    found = feature_cache.features_of_all(extractors, images, keep=False)
    assert Counted.reads == len(REAL)
    alone = feature_cache.features_of(extractors[0], REAL, keep=False)
    for extractor in extractors:
        np.testing.assert_array_equal(found[extractor]["pixels"], alone["pixels"])

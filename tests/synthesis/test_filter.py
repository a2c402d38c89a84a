"""Keeping the better synthetic images, of a toy model that learned ramps in two directions."""

import csv
import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_configs
from PIL import Image
from scipy.spatial.distance import cdist
from toy_model import ToyModel

from dermgan_jax import config as config_schema
from dermgan_jax.data.image_files import write_npz, write_pngs
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.errors import UserError
from dermgan_jax.runs import training_data
from dermgan_jax.runs.restore import restore
from dermgan_jax.synthesis import filter as filtering
from dermgan_jax.synthesis import made_by, manifest, quality_rules
from dermgan_jax.synthesis.candidates import Candidates, read_candidates, write_kept
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.filter import Criterion, filter_images, keep_best
from dermgan_jax.synthesis.generate import generate
from dermgan_jax.synthesis.verify import verify
from dermgan_jax.train import loop

CLASSES = ("across", "down")
NOISE = 60.0
REALISM, CONFIDENCE = (Criterion(rule, features="pixels") for rule in ("realism", "confidence"))


def ramps(num, seed, noise=10.0):
    """uint8 (num, 16, 16, 3) and labels: brighter towards the right or the bottom, each its way."""
    random = np.random.default_rng(seed)
    labels = np.arange(num) % 2
    slopes = np.linspace(-1, 1, 16) * random.uniform(0.6, 1.2, (num, 1))
    slopes += np.square(np.linspace(-1, 1, 16)) * random.uniform(-0.5, 0.5, (num, 1))
    images = np.where(labels[:, None, None] == 0, slopes[:, None, :], slopes[:, :, None])[..., None]
    images = 128 + 60 * images + random.normal(0, noise, (num, 16, 16, 3))
    return np.clip(images, 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains for one step in a new work directory, with fields of the configuration changed."""
    root = tmp_path_factory.mktemp("filter")
    images, labels = ramps(120, 0)
    write_pngs(images, root / "data", labels, CLASSES)

    def train(name, **fields):
        config = tiny_configs.toy()
        config.data.update(dataset="image_folder", dir=str(root / "data"), num_images=0)
        config.data.prepared_dir = str(root / "prepared")
        config.train.total_kimg = 0.016
        config.eval.metrics = ()
        config.update_from_flattened_dict(fields)
        loop.train(config_schema.validate(config), root / name)
        return root / name

    return train


@pytest.fixture(scope="module")
def workdir(train):
    """With checkpoints after the first step and the second."""
    return train("run", **{"train.total_kimg": 0.032, "checkpoint.every_kimg": 0.016})


@pytest.fixture
def drawn(workdir, tmp_path):
    """drawn(checkpoint) -> a folder of samples that say what made them."""

    def drawn(checkpoint):
        generate(workdir, tmp_path / "drawn", 8, Drawing(checkpoint=checkpoint))
        return tmp_path / "drawn"

    return drawn


@pytest.fixture
def edited(workdir, tmp_path):
    """A copy of the work directory whose configuration says something else of the data."""

    def edited(**fields):
        copy = tmp_path / "edited"
        shutil.copytree(workdir, copy)
        stored = json.loads((copy / "config.json").read_text())
        stored["data"] |= fields
        (copy / "config.json").write_text(json.dumps(stored))
        return copy

    return edited


@pytest.fixture
def kept_features(tmp_path, monkeypatch):
    """Features of real images are kept in a folder of this test."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def half_noisy(tmp_path):
    """An .npz of 20 ramps like the real ones and then 20 under noise; labels of both."""
    (clean, labels), (noisy, _) = ramps(20, 1), ramps(20, 2, NOISE)
    path = tmp_path / "fake.npz"
    write_npz(np.concatenate([clean, noisy]), path, labels=np.tile(labels, 2).astype(np.int32))
    return path


def scores_of(out):
    path = out / "scores.csv" if out.is_dir() else out.with_name(f"{out.stem}_scores.csv")
    with open(path) as file:
        rows = list(csv.DictReader(file))
    return rows, np.array([float(row["score"]) for row in rows])


def test_realism_equals_brute_force():
    random = np.random.default_rng(0)
    real, fake = random.normal(3, 1, (61, 6)), random.normal(3.5, 1.2, (17, 6))
    radii = np.sort(cdist(real, real), axis=1)[:, 3]
    trusted = radii <= np.median(radii)
    expected = (radii[trusted] / cdist(fake, real[trusted])).max(axis=1)
    np.testing.assert_allclose(quality_rules.realism_scores(real, fake), expected, rtol=1e-4)
    whole = (radii / cdist(fake, real)).max(axis=1)
    assert not np.allclose(whole, expected)
    assert np.isfinite(quality_rules.realism_scores(real, real)).all()
    with pytest.raises(UserError, match="3 real images are too few"):
        quality_rules.realism_scores(real[:3], fake)


@pytest.mark.parametrize("rule", ["realism", "confidence"])
def test_noisy_images_score_lower(rule, workdir, half_noisy, kept_features, tmp_path):
    out = tmp_path / "kept.npz"
    result = filter_images(workdir, half_noisy, out, Criterion(rule, 0.5, features="pixels"))
    rows, scores = scores_of(out)
    better = scores[:20, None] > scores[20:]
    assert better.mean() > 0.9
    assert result["classes"]["down"] == {"n": 20, "kept": 10, "accept_rate": 0.5}
    assert [row["kept"] for row in rows].count("1") == 20
    with np.load(out) as found:
        assert found["images"].dtype == np.float32
        np.testing.assert_array_equal(np.bincount(found["labels"]), [10, 10])


def test_confidence_is_in_the_intended_class(workdir, half_noisy, kept_features, tmp_path):
    """Of images with turned labels it is what is left of that of the right ones."""
    scores = []
    for name, turn in (("right", 0), ("wrong", 1)):
        images, labels = ramps(20, 3)
        write_npz(images, tmp_path / f"{name}.npz", labels=np.int32(labels ^ turn))
        out = tmp_path / f"{name}_kept"
        result = filter_images(workdir, tmp_path / f"{name}.npz", out, CONFIDENCE)
        scores.append(scores_of(out)[1])
    np.testing.assert_allclose(scores[0] + scores[1], 1, atol=1e-5)
    assert np.median(scores[0]) > 0.8
    assert result["details"]["validation_balanced_accuracy"] > 0.8


def test_without_labels_confidence_is_the_likeliest_class(workdir, kept_features, tmp_path):
    images, labels = ramps(20, 3)
    write_npz(images, tmp_path / "fake.npz")
    write_npz(images, tmp_path / "labelled.npz", labels=np.int32(labels))
    for name in ("fake", "labelled"):
        filter_images(workdir, tmp_path / f"{name}.npz", tmp_path / name, CONFIDENCE)
    unlabelled, labelled = (scores_of(tmp_path / name)[1] for name in ("fake", "labelled"))
    np.testing.assert_allclose(unlabelled, np.maximum(labelled, 1 - labelled), atol=1e-5)


def test_a_model_of_one_class_is_judged_against_the_others(edited, kept_features, tmp_path):
    workdir = edited(classes=["down"])
    images, labels = ramps(20, 4)
    write_npz(images, tmp_path / "fake.npz")
    filter_images(workdir, tmp_path / "fake.npz", tmp_path / "out", CONFIDENCE)
    scores = scores_of(tmp_path / "out")[1]
    assert scores[labels == 1].min() > scores[labels == 0].max()


def test_discriminator_scores_what_the_model_scores(workdir, half_noisy, tmp_path):
    out = tmp_path / "kept.npz"
    result = filter_images(workdir, half_noisy, out, Criterion())
    images = open_images(half_noisy)[:]
    restored = restore(workdir)
    expected = restored.model.score(restored.variables, images / np.float32(127.5) - 1, None)
    _, scores = scores_of(out)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert (result["kept"], result["n"]) == (12, 40)
    best = np.sort(np.concatenate([np.argsort(-scores[i::2])[:6] * 2 + i for i in (0, 1)]))
    with np.load(out) as found:
        np.testing.assert_allclose(found["images"], images[best] / 127.5 - 1, atol=1e-6)


def test_images_are_judged_in_several_companies(workdir):
    """A score that is the mean of the batch evens out when batches are put together anew."""

    @dataclasses.dataclass(frozen=True)
    class Companionable(ToyModel):
        def score(self, variables, images, stage):
            return images.mean() + 0 * images[:, 0, 0, 0]

    restored = restore(workdir)
    model = Companionable(restored.model.config, restored.model.data)
    judging = quality_rules.Judging(dataclasses.replace(restored, model=model), workdir)
    rule = quality_rules.discriminator(judging)
    images = np.zeros((64, 16, 16, 3), np.uint8)
    images[32:] = 255
    scores = rule.score(images, ("",) * 64)
    assert np.abs(scores).max() < 0.35
    assert len(np.unique(scores.round(6))) > 8


def test_folder_keeps_names_classes_and_bytes(workdir, tmp_path):
    images, labels = ramps(20, 5)
    write_pngs(images, tmp_path / "in", labels, CLASSES)
    Image.fromarray(images[0]).save(tmp_path / "in" / "across" / "photo.jpg")
    out = tmp_path / "out"
    result = filter_images(workdir, tmp_path / "in", out, Criterion(keep=0.4))
    rows, _ = scores_of(out)
    kept = {row["name"] for row in rows if row["kept"] == "1"}
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    assert written == kept | {"scores.csv", "scores.json", "written_by.json"}
    assert result["classes"]["across"]["kept"] == result["classes"]["down"]["kept"] == 4
    for name in kept:
        assert (out / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    for row in rows:
        assert row["name"].split("/")[0] == row["class"]
    assert json.loads((out / "scores.json").read_text()) == result
    for name in ("best", "worst"):
        with Image.open(tmp_path / f"out_{name}.png") as sheet:
            assert sheet.size == (8 * 130 - 2, 3 * (128 + 16 + 2) - 2)


def test_floats_are_kept_as_they_are(workdir, tmp_path):
    floats = ramps(20, 6)[0].astype(np.float32) / 127.5 - 1.001
    write_npz(floats, tmp_path / "in.npz")
    filter_images(workdir, tmp_path / "in.npz", tmp_path / "out.npz", Criterion(keep=1.0))
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["images"], floats)
        assert "labels" not in found


def test_floats_of_a_range_that_is_told_are_kept_signed(workdir, tmp_path):
    floats = ramps(20, 6)[0].astype(np.float32) / 255
    np.savez(tmp_path / "in.npz", images=floats)
    out, keep = tmp_path / "out.npz", Criterion(keep=1.0)
    with pytest.raises(UserError, match="say it with --range=0,1"):
        filter_images(workdir, tmp_path / "in.npz", out, keep)
    filter_images(workdir, tmp_path / "in.npz", out, keep, value_range=(0.0, 1.0))
    with np.load(out) as found:
        np.testing.assert_allclose(found["images"], 2 * floats - 1, atol=1e-6)


def test_auto_threshold_passes_95_percent_of_validation_reals(workdir, kept_features, tmp_path):
    """Test images, and their scores, are never looked at: asking for one is an error."""
    real = training_data.TrainingData(workdir).validation("this test").images[:]
    write_npz(real, tmp_path / "real.npz")
    auto = Criterion(threshold="auto")
    result = filter_images(workdir, tmp_path / "real.npz", tmp_path / "out", auto)
    assert result["accept_rate"] == pytest.approx(0.95, abs=0.06)
    assert result["chosen_by"] == f"5% of {len(real)} validation images score below"
    given = Criterion(threshold=str(result["threshold"]))
    number = filter_images(workdir, tmp_path / "real.npz", tmp_path / "again", given)
    assert number["kept"] == result["kept"]


@pytest.mark.parametrize("rule", quality_rules.RULES)
def test_test_images_are_never_read(
    rule, workdir, half_noisy, kept_features, tmp_path, monkeypatch
):
    asked = []

    class Trap:
        def __init__(self, images, forbidden):
            self.images, self.forbidden = images, forbidden
            self.shape, self.dtype = images.shape, images.dtype

        def __getitem__(self, rows):
            asked.append(np.arange(len(self.images))[rows])
            assert not np.isin(asked[-1], self.forbidden).any(), "a test image was read"
            return self.images[rows]

    prepare = training_data.prepare

    def prepare_with_trap(listed, data_config):
        prepared = prepare(listed, data_config)
        forbidden = np.flatnonzero(listed.splits == "test")
        assert len(forbidden) > 5
        return dataclasses.replace(prepared, images=Trap(prepared.images, forbidden))

    monkeypatch.setattr(training_data, "prepare", prepare_with_trap)
    features = None if rule == "discriminator" else "pixels"
    criterion = Criterion(rule, threshold="auto", features=features)
    filter_images(workdir, half_noisy, tmp_path / "out", criterion)
    assert sum(map(len, asked)) >= 15


@pytest.mark.parametrize("checkpoint", ["1", "2"])
def test_images_are_judged_by_the_checkpoint_that_made_them(checkpoint, workdir, drawn, tmp_path):
    source = drawn(checkpoint)
    result = filter_images(workdir, source, tmp_path / "out", Criterion())
    assert (result["checkpoint"], result["notes"]) == (int(checkpoint), [])
    assert result["made_by"]["checkpoint"] == int(checkpoint)
    for sheet in ("out_best.png", "out_worst.png"):
        with Image.open(tmp_path / sheet) as image:
            assert json.loads(image.text["dermgan_jax"])["checkpoint"] == int(checkpoint)
    found = verify(tmp_path / "out", [workdir])
    assert {one.state for one in found.images} == {"unaltered"}
    assert len(manifest.read(tmp_path / "out")) == len(found.images)
    assert made_by.read(tmp_path / "out") == made_by.read(source)


def test_another_checkpoint_as_the_judge_is_warned_of(workdir, drawn, tmp_path, capsys):
    filter_images(workdir, drawn("1"), tmp_path / "out", Criterion(), checkpoint="latest")
    warning = "was drawn from checkpoint 1 of this run, but checkpoint 2 judges it; --checkpoint=1"
    assert warning in capsys.readouterr().out


def test_checkpoint_that_was_not_kept_is_warned_of(workdir, drawn, tmp_path):
    told = drawn("2") / "made_by.json"
    told.write_text(json.dumps(json.loads(told.read_text()) | {"checkpoint": 99}))
    result = filter_images(workdir, told.parent, tmp_path / "out", Criterion())
    assert result["checkpoint"] == 2
    assert "drawn from checkpoint 99 of this run, but checkpoint 2" in result["notes"][0]


def test_images_of_another_run_are_warned_of(edited, drawn, tmp_path):
    result = filter_images(edited(mirror=False), drawn("1"), tmp_path / "out", Criterion())
    assert result["checkpoint"] == 2
    assert "warning: " in result["notes"][0]
    assert "was made by another run" in result["notes"][0]


def test_images_of_unknown_origin_are_noted(workdir, half_noisy, tmp_path):
    result = filter_images(workdir, half_noisy, tmp_path / "out.npz", Criterion())
    assert result["notes"] == [
        f"note: nothing beside {half_noisy} says which model made these images"
    ]
    assert not (tmp_path / "out_made_by.json").exists()


def test_another_choice_takes_the_place_of_the_first_if_asked(workdir, half_noisy, tmp_path):
    out = tmp_path / "kept"
    for _ in range(2):
        filter_images(workdir, half_noisy, out, Criterion(keep=0.5))
    assert len(list(out.rglob("*.png"))) == 20
    with pytest.raises(UserError, match="made otherwise"):
        filter_images(workdir, half_noisy, out, Criterion(keep=0.1))
    filter_images(workdir, half_noisy, out, Criterion(keep=0.1), overwrite=True)
    assert len(list(out.rglob("*.png"))) == 4
    assert json.loads((out / "scores.json").read_text())["kept"] == 4


def test_best_share_of_each_class_and_of_equal_scores():
    choice = keep_best(np.array([1.0, 2, 3, 4, 5, 6]), ["a", "a", "a", "a", "b", ""], 0.5)
    np.testing.assert_array_equal(choice.kept, [False, False, True, True, True, True])
    assert choice.threshold == {"": 6.0, "a": 3.0, "b": 5.0}
    assert choice.chosen_by == "the best 0.5 of each class"
    few = keep_best(np.arange(12.0), ["a"] * 10 + ["b", "c"], 0.3)
    assert few.kept.sum() == 5
    assert few.chosen_by.endswith("class; 2 of 3 are too small for that and keep one image each")
    repeated = keep_best(np.zeros(12), [""] * 12, 0.3)
    assert repeated.kept.sum() == 4
    assert keep_best(np.zeros(1), [""], 0.01).kept.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "realsim"}, "unknown rule 'realsim'; did you mean 'realism'"),
        ({"keep": 0.3, "threshold": "auto"}, "give one of them"),
        ({"keep": 0.0}, "--keep=0.0 is no share"),
        ({"features": "pixels"}, "--features=pixels is for --rule=realism or confidence"),
        ({"threshold": "automatic"}, "neither a number nor auto"),
        ({"source": "empty"}, "empty holds no images"),
        ({"source": "nowhere"}, "neither a folder of images nor an .npz"),
        ({"source": "small.npz"}, r"8x16 pixels, those of the model 16x16"),
        ({"source": "bad_labels.npz"}, "are no 4 whole numbers from 0 to 1"),
        ({"out": "full"}, "full holds 4 images that were made otherwise"),
        ({"rule": "realism", "features": "lite1"}, "unknown feature space 'lite1'; did you mean"),
    ],
)
def test_bad_arguments_are_named(arguments, message, workdir, tmp_path):
    images, _ = ramps(4, 0)
    (tmp_path / "empty").mkdir()
    write_npz(images[:, :, :8], tmp_path / "small.npz")
    write_npz(images, tmp_path / "bad_labels.npz", labels=np.array([0, 1, 2, 0]))
    write_pngs(images, tmp_path / "full")
    places = {"source": "full", "out": "out", **arguments}
    criterion = {key: places.pop(key) for key in {*places} - {"source", "out"}}
    places = {key: tmp_path / place for key, place in places.items()}
    with pytest.raises(UserError, match=message):
        filter_images(workdir, **places, criterion=Criterion(**criterion))
    assert not (tmp_path / "out").exists()


def test_a_conditional_model_needs_classes(workdir, tmp_path, monkeypatch):
    class Conditional(ToyModel):
        conditional = True

    restored = restore(workdir)
    model = Conditional(restored.model.config, restored.model.data)
    monkeypatch.setattr(filtering, "restore", lambda *_: dataclasses.replace(restored, model=model))
    images, labels = ramps(4, 0)
    write_pngs(images, tmp_path / "plain")
    with pytest.raises(UserError, match=r"needs the classes of .*plain"):
        filter_images(workdir, tmp_path / "plain", tmp_path / "out", CONFIDENCE)
    write_pngs(images, tmp_path / "other", labels, ("across", "dwon"))
    with pytest.raises(UserError, match="'dwon' is no class of the model; did you mean 'down'"):
        filter_images(workdir, tmp_path / "other", tmp_path / "out", Criterion())


def test_without_validation_images_only_shares_can_be_kept(train, half_noisy, tmp_path):
    workdir = train("no_val", **{"data.split_fractions": (1.0, 0.0, 0.0)})
    out = tmp_path / "out"
    with pytest.raises(UserError, match="--threshold=auto needs validation images"):
        filter_images(workdir, half_noisy, out, Criterion(threshold="auto"))
    with pytest.raises(UserError, match="--rule=confidence needs validation images"):
        filter_images(workdir, half_noisy, out, CONFIDENCE)
    assert filter_images(workdir, half_noisy, out, Criterion(keep=0.1))["kept"] == 4


def test_a_split_that_changed_is_refused(edited, half_noisy, tmp_path):
    with pytest.raises(UserError, match=r"trained on split .* but the data now give"):
        filter_images(edited(split_seed=5), half_noisy, tmp_path / "out", REALISM)


def test_a_model_that_saw_test_images_is_no_reference(edited, half_noisy, tmp_path):
    with pytest.raises(UserError, match="which holds test images"):
        filter_images(edited(split="all"), half_noisy, tmp_path / "out", REALISM)


def test_class_that_is_no_name_of_a_folder_stays_inside(tmp_path):
    images, classes = np.zeros((2, 8, 8, 3), np.uint8), ("../x", "SCC/AK")
    given = Candidates(tmp_path / "in.npz", images, ("0", "1"), classes)
    size = SimpleNamespace(channels=3, height=8, width=8)
    restored = SimpleNamespace(classes=classes, model=SimpleNamespace(data=size, conditional=True))
    write_kept(given, np.array([True, True]), restored, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert set(read_candidates(tmp_path / "out", restored).classes) == set(classes)

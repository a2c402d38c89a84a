"""The memorisation audit: planted copies are found, fresh draws of the phantom are not."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
import random_lpips
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.image_files import write_npz, write_pngs
from dermgan_jax.data.prepare import prepare
from dermgan_jax.errors import GateError, UserError
from dermgan_jax.evaluation import audit as auditing
from dermgan_jax.evaluation.audit import Audit, audit
from dermgan_jax.evaluation.copy_detection import (
    EXACT,
    NEAR_COPY,
    Compared,
    examine,
    second_distances,
)
from dermgan_jax.evaluation.image_sources import ImageSource, Opening
from dermgan_jax.features import lpips_net
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.metrics import lpips
from dermgan_jax.synthesis.drawing import Drawing

SIDE = 64
EACH = 6  # copies of a kind


def drawn(seed, num):
    """(images uint8 (num, 64, 64, 3), lesions (num,)), none of which another seed draws."""
    phantoms = [phantom.draw(seed, index, SIDE) for index in range(num)]
    return np.stack([each.image for each in phantoms]), np.array([each.group for each in phantoms])


@pytest.fixture(scope="module")
def train():
    return drawn(1, 200)


@pytest.fixture(scope="module")
def held_out():
    return drawn(2, 200)[0]


@pytest.fixture(scope="module")
def fresh():
    return drawn(3, 240)[0]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DERMGAN_WEIGHTS", raising=False)


def jpeg(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file))


def shifted(image):
    return np.pad(image, ((3, 0), (0, 2), (0, 0)), "edge")[:SIDE, 2:]


COPIES = {
    "exact": lambda image: image,
    "flipped": lambda image: image[:, ::-1],
    "jpeg": jpeg,
    "flipped jpeg": lambda image: jpeg(np.ascontiguousarray(image[:, ::-1])),
    "shifted": shifted,
    "brighter": lambda image: np.clip(image * 1.1 + 5, 0, 255).astype(np.uint8),
}


def source(name, images, groups=None):
    names = tuple(f"{name} {i}" for i in range(len(images)))
    return Compared(ImageSource(name, images), names, groups)


def look(train, fake, held_out, groups=None):
    """Findings and notes with features and distances of pixels."""
    space, second = open_space("pixels"), second_distances("pixels", train, None)
    unseen = None if held_out is None else source("unseen", held_out)
    sources = source("train", train, groups), source("fake", fake), unseen
    return examine(*sources, space, second, 0)


@pytest.fixture(scope="module")
def planted(train, fresh):
    """120 fresh draws and then 6 copies of each kind; and which images were copied."""
    originals = np.arange(0, 180, 5)[: EACH * len(COPIES)].reshape(len(COPIES), EACH)
    copies = [
        np.stack([make(train[0][i]) for i in rows])
        for make, rows in zip(COPIES.values(), originals, strict=True)
    ]
    return np.concatenate([fresh[:120], *copies]), originals.ravel()


@pytest.mark.parametrize("unseen", ["held out", "other lesions"])
def test_every_kind_of_copy_is_found_and_its_original_named(train, planted, held_out, unseen):
    images, originals = planted
    found, _ = look(train[0], images, held_out if unseen == "held out" else None, train[1])
    verdicts = np.array(found.verdicts)
    assert len(found.distinct) == len(images)
    assert not np.isin(verdicts[:120], [EXACT, NEAR_COPY]).any()
    by_kind = verdicts[120:].reshape(len(COPIES), EACH)
    assert (by_kind[:2] == EXACT).all()
    assert (by_kind[2:] == NEAR_COPY).all()
    matches = [found.match(found.fake, 120 + i) for i in range(len(originals))]
    np.testing.assert_array_equal([index for index, _, _ in matches], originals)
    mirrored = np.array([flag for _, flag, _ in matches]).reshape(by_kind.shape)
    np.testing.assert_array_equal(mirrored.all(axis=1), ["flipped" in kind for kind in COPIES])
    assert found.refusal.startswith("12 exact copies of training images among 156; 24 near copies")


def test_fresh_draws_pass(train, held_out, fresh):
    """Four models that draw what the training images were drawn from."""
    for fake in np.split(fresh, 4):
        found, notes = look(train[0], fake, held_out)
        assert found.refusal is None
        assert found.ratio[1][0] < 1 < found.ratio[1][1]
        assert not notes


def test_images_too_near_are_refused_without_a_copy(train, held_out):
    """Each is halfway between a training image and another picture."""
    fake = (train[0][:60] * 0.6 + held_out[:60] * 0.4).astype(np.uint8)
    found, _ = look(train[0], fake, held_out)
    assert found.share.p_value < 1e-4
    assert found.share.share > 0.2
    assert found.ratio[1][1] < 1
    assert "closer to the training images than 1.0% of unseen real ones" in found.refusal


def test_images_of_one_lesion_are_not_compared(train):
    """Views of a lesion look alike: taken for unseen images, they would set too low a standard."""
    images, groups = train
    twins = np.concatenate([images, images[:40, :, ::-1]])
    same = np.concatenate([groups, groups[:40]])
    found, notes = look(twins, images[:1], None, same)
    assert found.held_out.nearest.min() > 0.1
    assert any("of other groups" in note for note in notes)
    others, notes = look(twins, images[:1], None, None)
    assert any("no groups are known" in note for note in notes)
    assert any("80 held-out images equal training images" in note for note in notes)
    assert len(others.held_out_rows) == 160


def test_held_out_images_of_unknown_groups_are_warned_of(train, held_out, fresh):
    sources = source("fake", fresh), source("unseen", held_out)
    space, second = open_space("pixels"), second_distances("pixels", train[0], None)
    for unknown in (False, True):
        learned = dataclasses.replace(source("train", train[0]), grouping_unknown=unknown)
        _, notes = examine(learned, *sources, space, second, 0)
        warned = any(note.startswith("warning: grouping unknown: if held") for note in notes)
        assert warned == unknown


def test_training_images_among_the_held_out_do_not_count(train, held_out, fresh):
    leaky = np.concatenate([held_out, train[0][:50, :, ::-1]])
    clean, _ = look(train[0], fresh[:60], held_out)
    found, notes = look(train[0], fresh[:60], leaky)
    assert notes == ["warning: 50 held-out images equal training images and were left out"]
    assert found.share == clean.share


def test_one_image_repeated_counts_once(train, held_out, fresh):
    found, notes = look(train[0], np.repeat(fresh[:1], 30, axis=0), held_out)
    assert found.verdicts == ("",)
    assert notes == ["warning: only 1 of 30 synthetic images are distinct; each was counted once"]
    found, _ = look(train[0], np.repeat(train[0][:1], 30, axis=0), held_out)
    assert found.refusal.startswith("1 exact copy of training images among 1")


def test_twelve_images(train, held_out, fresh):
    found, notes = look(train[0][:12], fresh[:12], held_out[:12])
    assert found.refusal is None
    assert found.share.nominal == pytest.approx(1 / 13)
    assert "12 held-out images" in notes[0]


def test_identical_training_images_cannot_stand_in_for_unseen_ones(train, fresh):
    same = np.repeat(train[0][:1], 12, axis=0)
    with pytest.raises(UserError, match=r"no image of train can serve .* give --held_out"):
        look(same, fresh[:5], None)
    with pytest.raises(UserError, match="can serve"):
        look(train[0][:12], fresh[:5], None, np.array(["one"] * 12))


def test_blank_images_cannot_be_audited():
    blank = np.arange(24, dtype=np.uint8)[:, None, None, None] * np.full(
        (1, 16, 16, 3), 9, np.uint8
    )
    with pytest.raises(UserError, match="at no distance from the training images"):
        look(blank[:8], blank[8:16], blank[16:])


def test_images_many_of_which_are_at_no_distance_cannot_be_audited(train, held_out):
    """The median is that of the others, but not in every bootstrap sample."""
    levels = np.arange(16, dtype=np.uint8)[:, None, None, None]
    blank = np.broadcast_to(levels, (16, SIDE, SIDE, 3))
    learned = np.concatenate([train[0][:20], blank[:8]])
    with pytest.raises(UserError, match="many images of unseen are at no distance"):
        look(learned, train[0][30:40], np.concatenate([held_out[:9], blank[8:]]))


def test_command_writes_everything_before_it_says_no(train, held_out, planted, tmp_path, capsys):
    write_pngs(train[0], tmp_path / "train")
    write_npz(planted[0][100:130], tmp_path / "fake.npz")
    write_npz(held_out, tmp_path / "unseen.npz")
    train, fake, unseen = (str(tmp_path / name) for name in ("train", "fake.npz", "unseen.npz"))
    out = tmp_path / "new" / "audit"
    with pytest.raises(GateError, match="10 exact copies of training images among 30"):
        audit(Audit(train, fake, unseen, features="pixels"), out)
    printed = capsys.readouterr().out
    assert "exact copies: 10; near copies: 0" in printed
    result = json.loads((out / "audit.json").read_text())
    assert (result["num_train"], result["num_fake"], result["num_held_out"]) == (200, 30, 200)
    with open(out / "pairs.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows[20:]] == [EXACT] * 10
    assert rows[21]["original"] == "000005.png"
    assert float(rows[21]["ratio"]) < 0.01
    with Image.open(out / "pairs.png") as sheet:
        assert sheet.text["Comment"].startswith("synthetic images, each beside the real one")
        assert sheet.size == (4 * 130 - 2, 8 * (128 + 2 * 14 + 4) - 2)


def test_clean_images_are_called_clean(train, held_out, fresh, tmp_path, capsys):
    for name, images in (("train", train[0]), ("unseen", held_out), ("fake", fresh[:60])):
        write_npz(images, tmp_path / f"{name}.npz")
    train_side, fake, unseen = (
        str(tmp_path / f"{name}.npz") for name in ("train", "fake", "unseen")
    )
    asked = Audit(train_side, fake, unseen, features="pixels")
    result = audit(asked)
    assert result["refusal"] is None
    printed = capsys.readouterr().out
    assert "60 images are too few to reassure: none is a copy, but up to 6.0%" in printed
    assert result["grouping_unknown"]  # an .npz has no groups
    assert "against_own_images" not in result
    assert printed.count("warning") == 1
    noise = np.random.default_rng(0).integers(0, 256, (9, SIDE, SIDE, 3), np.uint8)
    write_npz(noise, tmp_path / "fake.npz")
    audit(asked)
    assert "warning: the synthetic images are unlike any real one" in capsys.readouterr().out


def test_a_work_directory_stands_for_what_it_learned_from(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.REGISTRY["model"], "toy", "toy_model:ToyModel")
    config = config_schema.experiment("toy")
    config.train.total_kimg = 1.0
    config.data.update(num_images=60, resolution=16, prepared_dir=str(tmp_path / "prepared"))
    config = config_schema.validate(config)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(config_schema.to_json(config))
    listed = catalogue(config.data)
    found = auditing.read_real(str(tmp_path / "run"), Opening(9, Drawing()))
    rows = listed.indices("train")
    np.testing.assert_array_equal(found.images[:], prepare(listed, config.data).images[rows])
    assert found.names == tuple(listed.records[row].id for row in rows)
    assert list(found.groups) == [listed.records[row].group for row in rows]
    of_class = auditing.read_real("phantom:all:nv", Opening(9, Drawing(), config))
    labels = {listed.labels[listed.indices("all")[i]] for i in range(60)}
    assert listed.classes.index("nv") in labels
    assert (
        len(of_class.images)
        == len(of_class.groups)
        == listed.class_counts("all")[listed.classes.index("nv")]
    )


def test_lpips_judges_too_where_its_weights_are(train, held_out, fresh, monkeypatch):
    """A small random network stands for AlexNet; what matters is which pairs it is shown."""
    params = random_lpips.params()
    monkeypatch.setattr("dermgan_jax.features.weights.available", lambda *_: True)
    monkeypatch.setattr(lpips_net, "load", lambda *_: params)
    second = second_distances("lite0", train[0], None)
    assert [judge.protocol for judge in second][1:] == ["sqrt_lpips:0.1:alex"]
    fake = np.concatenate([fresh[:2], train[0][7:8, :, ::-1]])
    found, _ = examine(
        source("train", train[0][:16]),
        source("fake", fake),
        source("unseen", held_out[:12]),
        open_space("pixels"),
        second,
        0,
    )
    assert found.fake.judged[1, 2].min() == 0
    index, mirrored = found.fake.indices[0, 1], found.fake.mirrored[0, 1]
    first = fake[:1, :, ::-1] if mirrored else fake[:1]
    expected = lpips.paired(first, train[0][index : index + 1], "alex", params).mean
    assert found.fake.judged[1, 0, 1] == pytest.approx(np.sqrt(expected), rel=1e-3)
    lowest = found.held_out.judged.min(axis=(1, 2))
    np.testing.assert_allclose(found.thresholds, 0.7 * lowest)
    assert len(second_distances("lite0", train[0][:, :16, :16], None)) == 1
    assert len(second_distances("pixels", train[0], None)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fake": "empty"}, "empty holds no images"),
        ({"fake": "nowhere"}, "is no folder of images"),
        ({"fake": "small.npz"}, r"train\.npz are 64x64x3, those of .*small\.npz 32x64x3"),
        ({"held_out": "small.npz"}, r"small\.npz 32x64x3"),
        ({"features": "pixel"}, "unknown feature space 'pixel'; did you mean 'pixels'"),
        ({"features": "lite0"}, "is not in .*; or choose --features=pixels"),
        ({"features": "inception"}, "is not in .*; or choose --features=pixels"),
    ],
)
def test_bad_arguments_are_named(arguments, message, train, tmp_path):
    (tmp_path / "empty").mkdir()
    write_npz(train[0][:6], tmp_path / "train.npz")
    write_npz(train[0][:6, :32], tmp_path / "small.npz")
    arguments = {"train": "train.npz", "fake": "train.npz", "features": "pixels", **arguments}
    for key in {"train", "fake", "held_out"} & set(arguments):
        arguments[key] = str(tmp_path / arguments[key])
    with pytest.raises(UserError, match=message):
        audit(Audit(**arguments))


def test_sheet_enlarges_small_images_and_writes_below_them():
    images = [np.full((16, 16, 1), value, np.uint8) for value in (10, 200, 90)]
    sheet = contact_sheet(images, ["one", "two\nlines", ""], columns=2)
    assert sheet.shape == (2 * (128 + 30 + 2) - 2, 2 * 130 - 2, 3)
    assert (sheet[:128, :128] == 10).all()
    assert (sheet[:128, 130:258] == 200).all()
    assert sheet[128:158, :128].min() < 100
    assert sheet[160 + 128 : 160 + 158, :128].min() == 255

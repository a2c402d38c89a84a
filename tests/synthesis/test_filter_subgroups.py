"""Who a filter keeps: skin tone, brightness, predicted columns, and strata."""

from types import SimpleNamespace

import numpy as np
import pytest

from dermgan_jax.data.image_files import write_npz
from dermgan_jax.errors import UserError
from dermgan_jax.runs.training_data import RealImages
from dermgan_jax.statistics.acceptance import acceptance
from dermgan_jax.synthesis import filter as filtering
from dermgan_jax.synthesis import filter_subgroups, subgroup_columns
from dermgan_jax.synthesis.filter import Criterion, filter_images
from dermgan_jax.synthesis.quality_rules import Rule
from dermgan_jax.synthesis.subgroup_columns import Classed

LIGHT, DARK = (224, 186, 160), (92, 58, 42)


def skins(num, num_dark, seed=0):
    """uint8 (num, 16, 16, 3): the first ones dark, with a lesion in the middle."""
    rng = np.random.default_rng(seed)
    colours = np.array([DARK] * num_dark + [LIGHT] * (num - num_dark))
    images = np.repeat(np.repeat(colours[:, None, None], 16, 1), 16, 2)
    images[:, 5:11, 5:11] //= 2
    return np.clip(images + rng.integers(-4, 5, images.shape), 0, 255).astype(np.uint8)


def reals(images, **columns):
    """Real images with recorded columns, each of a group of its own."""
    num = len(images)
    recorded = tuple({k: v[i] for k, v in columns.items()} for i in range(num))
    ids = tuple(map(str, range(num)))
    return RealImages(images, np.zeros(num, np.int32), ("mel",), ids, ids, recorded)


@pytest.fixture
def filtered(tmp_path, monkeypatch):
    """filtered(**criterion) -> result of a filter that likes bright images, and the rows kept."""
    images = skins(200, 34)
    write_npz(images, tmp_path / "in.npz")
    bright = Rule("bright", lambda images, _: np.asarray(images[:]).mean((1, 2, 3)))
    size = SimpleNamespace(channels=3, height=16, width=16)
    model = SimpleNamespace(data=size, conditional=False)
    restored = SimpleNamespace(classes=(), model=model, run="r", step=1)
    monkeypatch.setattr(filtering, "_restored", lambda *_: restored)
    monkeypatch.setattr(filtering.registry, "load", lambda *_: lambda judging: bright)
    monkeypatch.setattr(filter_subgroups, "TrainingData", lambda _: Data())

    class Data:
        def learned_from(self):
            return reals(skins(100, 50, 1))

    def filtered(**criterion):
        out = tmp_path / "out.npz"
        result = filter_images(tmp_path, tmp_path / "in.npz", out, Criterion(**criterion))
        return result, np.rint((np.load(out)["images"] + 1) * 127.5).astype(np.uint8)

    return filtered


def test_a_filter_that_erases_dark_skin_says_so(filtered, capsys):
    result, kept = filtered(keep=0.3)
    assert len(kept) == 60
    dark = next(row for row in result["subgroups"] if row["value"] == "dark")
    assert (dark["n"], dark["chosen"], dark["reference"]) == (34, 0, 0.5)
    assert dark["p"] < 1e-4
    said = capsys.readouterr().out
    assert "warning: tone dark: kept 0 of 34, by chance 10.2" in said
    assert "--stratify=class,tone keeps its share" in said


def test_strata_keep_their_shares(filtered, capsys):
    result, kept = filtered(keep=0.3, stratify=("tone",))
    assert (subgroup_columns.tones(kept) == "dark").sum() == 10
    assert not any("tone dark" in line for line in result["warnings"])
    assert result["chosen_by"] == "the best 0.3 of each tone"
    assert "tone dark" not in capsys.readouterr().out


def test_what_a_warning_recommends_works_without_classes(filtered, capsys):
    filtered(keep=0.3)
    assert "--stratify=class,tone keeps its share" in capsys.readouterr().out
    _, kept = filtered(keep=0.3, stratify=("class", "tone"))
    assert (subgroup_columns.tones(kept) == "dark").sum() == 10


def test_a_threshold_is_not_called_a_share(filtered):
    result, _ = filtered(threshold="150", stratify=("class",))
    (said,) = (line for line in result["warnings"] if "tone dark" in line)
    assert said.endswith("--keep with --stratify=class,tone keeps its share")
    columns = {"class": np.array(["mel"] * 40 + ["nv"] * 40)}
    rows = acceptance(np.arange(80) < 40, columns)
    (said,) = filter_subgroups.warnings(rows, ("class",), by_share=False)
    assert said.endswith("--keep with --stratify=class keeps its share")


def test_arguments_that_do_not_fit():
    with pytest.raises(UserError, match="unknown column 'tome'; did you mean 'tone'"):
        Criterion(stratify=("tome",)).require_valid()
    with pytest.raises(UserError, match="--stratify: unknown column 'sex'"):
        Criterion(stratify=("sex",)).require_valid()
    with pytest.raises(UserError, match="--threshold keeps no share"):
        Criterion(threshold="auto", stratify=("tone",)).require_valid()
    Criterion(stratify=("sex",), subgroups=("sex",), features="pixels").require_valid()


def test_what_is_asked_for_stays_as_it_was_without_subgroups():
    old = {"rule": "discriminator", "keep": 0.3, "threshold": None, "features": None}
    assert Criterion(keep=0.3).asked == old
    new = Criterion(keep=0.3, stratify=("class", "tone"), subgroups=("sex",)).asked
    assert new == {**old, "stratify": "class,tone", "subgroups": "sex"}


def test_grey_images_have_no_tone(tmp_path):
    grey = skins(4, 2)[..., :1]
    found, _ = subgroup_columns.measured(Classed(grey, ("mel",) * 4), None)
    assert set(found) == {"class", "brightness"}
    columns = filter_subgroups.Columns(found, {}, (), ())
    with pytest.raises(UserError, match="grey images have no tone"):
        columns.strata(("tone",), ("mel",) * 4)


def test_thirds_of_brightness_are_those_of_the_real_images():
    real = Classed(skins(90, 0, 2), ("mel",) * 90)
    found, of_real = subgroup_columns.measured(Classed(skins(6, 3), ("",) * 6), real)
    assert set(found["brightness"][:3]) == {"darkest third"}
    assert set(found) == {"tone", "brightness"}
    _, counts = np.unique(of_real["brightness"], return_counts=True)
    np.testing.assert_array_equal(counts, 30)


class Pixels:
    """A feature space of mean colours."""

    protocol = "colours"

    def features(self, images, title, keep=False):
        return np.asarray(images[np.arange(len(images))]).mean((1, 2))


def test_a_column_that_pixels_tell_is_predicted_and_chance_is_refused():
    train, val = skins(100, 50), skins(40, 20, 1)
    sexes = [["f"] * (n // 2) + ["m"] * (n // 2) for n in (100, 40)]
    sides = [reals(images, sex=of) for images, of in zip((train, val), sexes, strict=True)]
    found = subgroup_columns.fit("sex", *sides, Pixels())
    assert found.accuracy == 1.0
    told = subgroup_columns.predicted([found], Pixels(), skins(10, 4, 2), "")
    assert list(told["sex"]) == ["f"] * 4 + ["m"] * 6
    mixed = [reals(images, sex=["f", "m"] * (len(images) // 2)) for images in (train, val)]
    with pytest.raises(UserError, match=r"--subgroups=sex: colours does not tell it"):
        subgroup_columns.fit("sex", *mixed, Pixels())
    with pytest.raises(UserError, match="do not record two values of it"):
        subgroup_columns.fit("age", *mixed, Pixels())


def test_a_value_that_is_missing_is_not_blamed_on_the_filter():
    tones = {"tone": np.array(["light"] * 60)}
    rows = acceptance(np.arange(60) < 20, tones, {"tone": np.array(["light", "dark"] * 9)})
    (said,) = filter_subgroups.warnings(rows, ("class",))
    assert said.startswith("warning: tone dark: 50.0% of the real images, none of these")

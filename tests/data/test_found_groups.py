"""`data.groups`: what the data say, what is found, or nothing; and what is told of each."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from image_trees import write_table
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.data import alike_records, found_groups, leaks
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.check import cautions, check, summary
from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.duplicates import Pair
from dermgan_jax.data.faults import DataError
from dermgan_jax.errors import UserError
from dermgan_jax.runs.provenance import data_card

LESIONS = 12


@pytest.fixture
def flat(tmp_path):
    """24 pictures of twelve lesions, the second of each nearer, and mirrored of one lesion."""
    folder = tmp_path / "flat"
    folder.mkdir()
    others = [i for i in range(3 * LESIONS) if i % 3 == 0]  # of different lesions
    for i, seed in enumerate(others):
        image = phantom.draw(7, seed, 128).image
        if i == 3:
            image = image[:, ::-1]
        Image.fromarray(image).save(folder / f"a{i:02}.png")
        near = Image.fromarray(phantom.draw(7, seed, 128).image).crop((15, 15, 113, 113))
        near.resize((128, 128), Image.Resampling.BICUBIC).save(folder / f"b{i:02}.jpg", quality=85)
    return folder


@pytest.fixture
def told(monkeypatch):
    lines = []
    for module in (found_groups.files,):
        monkeypatch.setattr(module, "tell_once", lines.append)
    return lines


def groups_of(config):
    found = catalogue(config.data)
    return {record.id: record.group for record in found.records}, found


def test_pictures_of_one_lesion_are_a_group_and_in_one_split(make_config, flat, told):
    groups, found = groups_of(make_config("image_folder", flat, groups="auto"))
    assert all(groups[f"a{i:02}.png"] == groups[f"b{i:02}.jpg"] for i in range(LESIONS))
    assert len(set(groups.values())) == LESIONS
    split_of = {r.id: s for r, s in zip(found.records, found.splits, strict=True)}
    assert all(split_of[f"a{i:02}.png"] == split_of[f"b{i:02}.jpg"] for i in range(LESIONS))
    (line,) = told
    assert line.startswith(
        "note: data.groups=auto: 24 images are of 12 groups; 24 images are in 12 groups of more "
        "than one, listed in "
    )
    table = found.dataset.group_table
    assert str(table) in line
    with open(table, newline="") as file:
        assert {row["path"]: row["group"] for row in csv.DictReader(file)} == groups
    assert Image.open(table.with_suffix(".png")).width > 500
    assert data_card(found)["grouping"] == "found"
    assert summary(found).startswith(
        "image_folder: 24 images in 12 groups found by data.groups=auto"
    )


def test_the_groups_do_not_depend_on_size_or_cut_and_are_looked_for_once(
    make_config, flat, monkeypatch
):
    config = make_config("image_folder", flat, groups="auto")
    _, first = groups_of(config)

    def again(*_):
        raise AssertionError("looked for a second time")

    monkeypatch.setattr(alike_records, "alike_pairs", again)
    config.data.update(resolution=16, fit="stretch", mirror=False)
    _, second = groups_of(config)
    assert second.split_hash == first.split_hash
    config.data.num_images = 5
    assert groups_of(config)[1].split_hash == first.split_hash
    (flat / "a00.png").write_bytes((flat / "a01.png").read_bytes())
    with pytest.raises(AssertionError):
        groups_of(config)


def test_what_was_found_is_told_in_full_once(make_config, flat, told):
    config = make_config("image_folder", flat, groups="auto")
    _, found = groups_of(config)
    groups_of(config)
    table = found.dataset.group_table
    assert "24 images are in 12 groups of more than one" in told[0]
    assert told[1:] == [f"note: data.groups=auto: 12 groups, as listed in {table}"]
    Path(table).unlink()
    groups_of(config)
    assert told[2] == told[0]


def test_no_place_to_keep_what_was_found_changes_nothing(make_config, flat):
    config = make_config("image_folder", flat, groups="auto")
    groups, _ = groups_of(config)
    for kept in Path(config.data.prepared_dir, "alike").iterdir():
        kept.write_text("[[1]]")
    assert groups_of(config)[0] == groups


def test_by_default_nothing_is_promised(make_config, flat):
    config = make_config("image_folder", flat)
    groups, found = groups_of(config)
    assert all(id == group for id, group in groups.items())
    assert summary(found).startswith("image_folder: 24 images, grouping unknown")
    warnings = [line for line in cautions(found, config.data) if "grouping unknown" in line]
    assert len(warnings) == 1
    assert "data.groups=auto looks for" in warnings[0]
    assert data_card(found)["grouping"] == "unknown"


def test_none_makes_each_image_its_own_whatever_the_data_say(make_config, ham10000_dir):
    given = catalogue(make_config("ham10000", ham10000_dir).data)
    assert given.dataset.grouping == "given"
    config = make_config("ham10000", ham10000_dir, groups="none")
    groups, found = groups_of(config)
    assert len(set(groups.values())) == 24
    assert found.split_hash != given.split_hash
    assert "grouping unknown" in summary(found)
    assert found.dataset.group_noun == "image"  # for sentences that would promise lesions
    assert any("grouping unknown" in line for line in cautions(found, config.data))


def test_what_the_data_say_is_kept(make_config, ham10000_dir, told):
    by_default = catalogue(make_config("ham10000", ham10000_dir).data)
    found = catalogue(make_config("ham10000", ham10000_dir, groups="auto").data)
    assert found.split_hash == by_default.split_hash
    assert [line for line in told if "groups" in line] == [
        "note: data.groups=auto finds no groups, as the data say which images belong together"
    ]


def test_images_without_a_group_join_those_that_have_one(make_config, flat):
    rows = [(f"a{i:02}.png", f"p{i // 2}") for i in range(LESIONS)]
    rows += [(f"b{i:02}.jpg", "") for i in range(LESIONS)]
    write_table(flat / "table.csv", ("path", "group"), rows)
    config = make_config("image_folder", flat, csv="table.csv", groups="auto")
    groups, found = groups_of(config)
    assert [groups[f"b{i:02}.jpg"] for i in range(LESIONS)] == [
        f"p{i // 2}" for i in range(LESIONS)
    ]
    assert found.dataset.grouping == "found"


def test_published_splits_stay_and_are_said_to_leak(make_config, flat, told):
    for path in list(flat.iterdir()):
        split = "train" if path.name.startswith("a") or path.name < "b06" else "test"
        (flat / split).mkdir(exist_ok=True)
        path.rename(flat / split / path.name)
    config = make_config("image_folder", flat, groups="auto")
    found = catalogue(config.data)
    assert any("the data say which split each image is in" in line for line in told)
    assert found.dataset.grouping == "unknown"
    result = leaks.find(found, config.data, search=True)
    assert result.held_out == {"val": [0, 0], "test": [6, 6]}
    assert {(pair.image[-7:-4], pair.of[-7:-4]) for pair in result.pairs} == {
        (f"b{i:02}", f"a{i:02}") for i in range(6, LESIONS)
    }


def test_leaks_of_a_flat_folder_end_with_auto(make_config, flat):
    config = make_config("image_folder", flat)
    listed = catalogue(config.data)
    assert leaks.find(listed, config.data, search=False) is None
    before = leaks.find(listed, config.data, search=True)
    assert leaks.find(listed, config.data, search=False) == before
    assert before.number > 0
    assert "look like one of an earlier split" in leaks.told(before)[0]
    assert leaks.of_facts(json.loads(json.dumps(leaks.facts(before)))) == before
    assert leaks.sheet(before, listed).ndim == 3

    config.data.groups = "auto"
    grouped = catalogue(config.data)
    after = leaks.find(grouped, config.data, search=False)  # known, as groups were looked for
    assert after.number == 0
    assert leaks.told(after)[0].startswith("leaks: none found")
    assert leaks.told(after)[0].endswith("not every picture of the same thing is found")
    assert leaks.sheet(after, grouped) is None


def test_leaks_of_a_part_of_the_data_name_its_images(make_config, flat):
    config = make_config("image_folder", flat, groups="auto")
    catalogue(config.data)  # all are compared
    config.data.groups, config.data.num_images = "given", 22
    listed = catalogue(config.data)
    found = leaks.find(listed, config.data, search=False)
    assert found.images == 22
    names = {record.id for record in listed.records}
    assert all(pair.image in names and pair.of in names for pair in found.pairs)
    assert all(pair.image[1:3] == pair.of[1:3] for pair in found.pairs)


def test_nothing_is_told_of_images_that_look_alike_throughout(make_config, flat, told, monkeypatch):
    chain = [Pair(i, i + 1, False, 20.0) for i in range(23)]
    chain += [Pair(i, i + 6, False, 20.0) for i in range(18)]
    monkeypatch.setattr(alike_records, "alike_pairs", lambda *_: chain)
    config = make_config("image_folder", flat, groups="auto")
    found = catalogue(config.data)
    assert found.dataset.grouping == "unknown"
    assert len({record.group for record in found.records}) == 24
    assert any("alike throughout" in line for line in told)
    result = leaks.find(found, config.data, search=False)
    assert result.alike_throughout
    assert "alike throughout" in leaks.told(result)[0]
    assert leaks.of_facts(json.loads(json.dumps(leaks.facts(result)))) == result


def test_why_images_are_not_compared(make_config, flat, monkeypatch):
    drawn = make_config("phantom", "", num_images=20)
    assert "drawn" in leaks.why_not(catalogue(drawn.data))
    assert leaks.find(catalogue(drawn.data), drawn.data, search=True) is None
    whole = make_config("image_folder", flat, split_fractions=(1.0, 0.0, 0.0))
    assert leaks.why_not(catalogue(whole.data)) == "all are in one split"
    monkeypatch.setattr(leaks, "MOST", 23)
    assert "more than 23" in leaks.why_not(catalogue(make_config("image_folder", flat).data))


def test_too_many_images_are_not_grouped_and_it_is_said(make_config, flat, told, monkeypatch):
    monkeypatch.setattr(found_groups, "MOST", 23)
    assert catalogue(make_config("image_folder", flat, groups="auto").data).dataset.grouping == (
        "unknown"
    )
    assert any("24 images are more than the 23" in line for line in told)


def test_damaged_images_are_told_as_ever(make_config, flat):
    (flat / "a05.png").write_bytes(b"junk")
    config = make_config("image_folder", flat, groups="auto")
    (fault,) = check(config)
    assert "a05.png is not an image" in fault


def test_pairs_stay_together_without_groups(make_config, tmp_path):
    for kind in ("clinical", "dermoscopic"):
        folder = tmp_path / "kinds" / kind
        folder.mkdir(parents=True)
        for i in range(6):
            Image.fromarray(phantom.draw(3, i, 32).image).save(folder / f"{i}.png")
    config = make_config(
        *("image_folders", tmp_path / "kinds"),
        paired=True,
        domain_a=("clinical",),
        domain_b=("dermoscopic",),
        groups="none",
    )
    found = catalogue(config.data)
    assert found.dataset.grouping == "unknown"
    assert len({record.group for record in found.records}) == 6


def test_an_unknown_rule_is_refused(make_config):
    config = make_config("phantom", "", groups="automatic")
    with pytest.raises(UserError, match=r"data.groups is 'automatic'; expected one of given, auto"):
        config_schema.validate(config)
    assert not issubclass(UserError, DataError)


def test_stored_configurations_of_before_keep_their_groups(make_config, flat):
    config = make_config("image_folder", flat)
    plain = json.loads(config_schema.to_json(config))
    del plain["data"]["groups"]
    read = config_schema.from_json(json.dumps(plain))
    assert read.data.groups == "given"
    assert "data.groups" not in config_schema.computed_fields(read)
    assert catalogue(read.data).split_hash == catalogue(config.data).split_hash


def test_equal_files_without_any_detail_are_a_group(make_config, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    for i in range(8):
        level = 60 + 20 * (i // 2)
        Image.fromarray(np.full((40, 40, 3), level, np.uint8)).save(folder / f"{i}.png")
    groups, _ = groups_of(make_config("image_folder", folder, groups="auto"))
    assert [groups[f"{i}.png"] for i in range(8)] == [f"{i - i % 2}.png" for i in range(8)]


def test_pictures_without_any_detail_are_groups_of_their_own_and_no_sheet_is_promised(
    make_config, tmp_path, told
):
    for level in range(40):
        Image.new("RGB", (24, 24), (60 + level,) * 3).save(tmp_path / f"{level}.png")
    groups, found = groups_of(make_config("image_folder", tmp_path, groups="auto"))
    assert len(set(groups.values())) == 40
    (line,) = told
    assert line.endswith(f"0 groups of more than one, listed in {found.dataset.group_table}")

"""What a report of a run says of groups and of leaks between splits."""

import dataclasses
import json

import numpy as np
import pytest
from test_report import FULL_RUN, build, make_workdir

from dermgan_jax.data import leaks
from dermgan_jax.data.leaks import Leak, Leaks
from dermgan_jax.errors import UserError
from dermgan_jax.report.leaks import grouping
from dermgan_jax.runs import findings
from dermgan_jax.runs.workdir import WorkDir

FOUND = Leaks(
    images=1013,
    split_hash="0123456789abcdef0123",
    held_out={"val": [150, 0], "test": [163, 7]},
    pairs=[Leak("<b>.png", "test", "a.png", "train", False, 31.5)],
    number=9,
)
PROMISE = "each in one split only"


@pytest.fixture
def workdir(tmp_path):
    return WorkDir(make_workdir(tmp_path / "run", FULL_RUN, synthetic=False))


def with_card(workdir, **fields):
    card = json.loads(workdir.data_card.read_text())
    workdir.data_card.write_text(json.dumps({**card, **fields}))


@pytest.mark.parametrize(
    ("fields", "promised"),
    [
        ({}, True),
        ({"grouping": "given"}, True),
        ({"grouping": "unknown"}, False),
        ({"grouping": "of a later version"}, False),
        ({"dataset": "image_folder"}, True),  # of before; 987 groups of 1,013 images
        ({"dataset": "image_folder", "num_groups": 1013}, False),
    ],
)
def test_only_what_is_known_is_promised(workdir, fields, promised):
    with_card(workdir, **fields)
    text = build(workdir.path).text
    assert (PROMISE in text) == promised
    assert ("Grouping unknown" in text) == (not promised)


def test_groups_that_were_found_are_called_so():
    card = {"grouping": "found", "num_groups": 1234, "group_noun": "group"}
    assert grouping(card).startswith("1,234 groups of images that show the same thing, found by")


def test_what_was_not_looked_for_is_said(workdir):
    assert "dermgan check --workdir=DIR" in build(workdir.path).text
    with_card(workdir, synthetic=True)
    assert "Leaks between splits" not in build(workdir.path).text


def test_leaks_stand_in_the_report_with_their_pictures(workdir):
    findings.keep(workdir.path, findings.LEAKS, leaks.facts(FOUND), np.zeros((50, 80, 3), np.uint8))
    page = build(workdir.path)
    assert "0 of 150 val images and 7 of 163 test images look like an image of" in page.text
    assert "the 9 of 9 pairs" in page.text
    assert page.elements.count("img") == 1
    assert "found in another split" not in page.text
    with_card(workdir, split_hash="ff")
    assert "found in another split" in build(workdir.path).text


def test_the_latest_finding_counts(workdir, monkeypatch):
    none = dataclasses.replace(FOUND, held_out={"val": [150, 0]}, pairs=[], number=0)
    for at, found in ((1.0, FOUND), (2.0, none)):
        monkeypatch.setattr(findings.time, "time", lambda at=at: at)
        findings.keep(workdir.path, findings.LEAKS, leaks.facts(found))
    assert "None found among 1,013 images" in build(workdir.path).text


def test_that_nothing_can_be_told_is_said(workdir):
    alike = dataclasses.replace(FOUND, held_out={}, pairs=[], number=0, alike_throughout=True)
    findings.keep(workdir.path, findings.LEAKS, leaks.facts(alike))
    assert "The images look alike throughout" in build(workdir.path).text


def test_a_damaged_finding_is_named(workdir):
    findings.keep(workdir.path, findings.LEAKS, {"images": "many"})
    with pytest.raises(UserError, match=r"leaks_.*\.json is damaged"):
        build(workdir.path)

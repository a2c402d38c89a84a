"""Model cards and data cards."""

import json
import re

import yaml
from injected_pages import PAYLOADS, write_run

from dermgan_jax.report import cards, run
from dermgan_jax.runs.workdir import WorkDir


def parts(file):
    """The facts on top of a card, and its text."""
    _, top, text = re.split(r"^---\n", file.read_text(), maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(top), text


def test_cards_are_made_with_the_report_and_carry_the_licence(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    run.build(workdir)
    top, text = parts(workdir / cards.MODEL_CARD)
    assert top["license_name"] == "CC BY-NC"
    assert top["pipeline_tag"] == "unconditional-image-generation"
    assert "not a medical device" in text
    assert "| Sliced Wasserstein distance (SWD) | 6.00 (5.50 … 6.50) |" in text
    assert "* That the images may be shared" in text
    top, text = parts(workdir / cards.DATA_CARD)
    assert top["size_categories"] == ["n<1K"]
    assert "| mel | 7 | 2 | 3 |" in text
    assert text.index("train") < text.index("val") < text.index("test")


def test_texts_of_strangers_are_no_markup(tmp_path):
    workdir = write_run(
        tmp_path / "run", "sampler", lambda text: f"{text}{''.join(PAYLOADS)}\n---\n"
    )
    run.build(workdir)
    for name in (cards.MODEL_CARD, cards.DATA_CARD):
        top, text = parts(workdir / name)
        assert top["license_name"].startswith("CC BY-NC")
        assert "<script" not in text.replace("\\<script", "")
        assert "\n---\n" not in text


def test_a_data_card_promises_no_groups_where_none_are_known(tmp_path):
    workdir = WorkDir(write_run(tmp_path / "run", "sampler"))
    known = json.loads(workdir.data_card.read_text())
    for grouping, said in (
        ("given", "9 patients, each in one split only"),
        ("unknown", "Grouping unknown: images of one lesion"),
    ):
        workdir.data_card.write_text(json.dumps({**known, "grouping": grouping}))
        run.build(workdir.path)
        _, text = parts(workdir.path / cards.DATA_CARD)
        assert said in text
        assert ("9 patients" in text) == (grouping == "given")


def test_without_data_there_is_no_data_card(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    WorkDir(workdir).data_card.unlink()
    run.build(workdir)
    assert not (workdir / cards.DATA_CARD).exists()
    assert "unknown: that of the training data" in json.dumps(parts(workdir / cards.MODEL_CARD)[0])

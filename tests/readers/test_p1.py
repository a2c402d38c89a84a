"""The visual Turing test of P1, from the counts that it printed."""

import json
from pathlib import Path

import pytest
from command_line import call

COUNTS = Path(__file__).parents[2] / "docs" / "p1_visual_turing_test.csv"
# Table 2 as it should have been rounded: reader -> ACC, TPR, TNR.
TABLE = {
    "DLE1": (0.675, 1.000, 0.133),
    "DLE2": (0.625, 0.600, 0.667),
    "DLE3": (0.713, 0.720, 0.700),
    "DLE4": (0.500, 0.520, 0.467),
    "DLE5": (0.450, 0.520, 0.333),
    "ED1": (0.575, 0.540, 0.633),
    "ED2": (0.588, 0.700, 0.400),
    "ED3": (0.525, 0.580, 0.433),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("p1")
    assert call("readers_analyse", f"--counts={COUNTS}", f"--out={out}") == 0
    assert {path.name for path in out.iterdir()} == {"readers.json", "report.html"}
    result = json.loads((out / "readers.json").read_text())
    return result, (out / "report.html").read_text()


def test_table_2(found):
    rows = {row["reader"]: row for row in found[0]["readers"]}
    assert set(rows) == set(TABLE)
    for reader, shares in TABLE.items():
        given = [rows[reader][name] for name in ("acc", "tpr", "tnr")]
        assert given == pytest.approx(shares, abs=0.0005 + 1e-9)
        for text in shares:
            assert f">{text:.3f}<" in found[1]


def test_figures_that_do_not_follow_are_named(found):
    odd = {
        (each["reader"], each["name"]): (each["printed"], each["verdict"])
        for each in found[0]["printed"]
        if each["verdict"] != "agrees"
    }
    assert odd == {
        ("DLE2", "tnr"): ("0.666", "cut off"),
        ("DLE3", "acc"): ("0.712", "cut off"),
        ("DLE4", "tnr"): ("0.466", "cut off"),
        ("ED2", "acc"): ("0.587", "cut off"),
        ("mean", "fpr"): ("0.56", "contradicts"),
        ("mean", "fnr"): ("0.42", "contradicts"),
    }
    text = " ".join(found[0]["printed_sentences"])
    assert "is printed as 0.56, but the counts give 0.5292" in text
    assert "is printed as 0.42, but the counts give 0.3525" in text


def test_the_sentence_and_what_counts_cannot_tell(found):
    result = found[0]
    assert result["sentence"] == (
        "8 readers were right in 58 % (51 … 65) of the images (50 real, 30 synthetic); balanced "
        "for the unequal numbers 56 % (49 … 63), where guessing gives 50 %: this study cannot say "
        "whether they see a difference. A difference from chance below 10.0 points would have been "
        "missed in more than one of five such studies."
    )
    assert result["against_chance"] == "cannot tell"
    assert not result["overall"]["images_random"]
    assert result["kappa"] == {}
    assert result["images"] == []
    assert "Only counts are known" in result["notes"][0]
    means = {name: scores["accuracy"]["value"] for name, scores in result["groups"].items()}
    assert means == pytest.approx({"deep learning": 0.5925, "dermatologists": 0.5625})

"""What a report says may be concluded, and what not, from what was measured."""

import json

import numpy as np
import pytest
from injected_pages import write_run

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.report import found_later, run, run_record
from dermgan_jax.report.conclusions import conclusions, distances
from dermgan_jax.runs import findings
from dermgan_jax.runs.workdir import WorkDir


def value(number, interval, better="lower", n=500):
    return MetricValue("kid", number, "kid:test", n, {}, better, interval=interval)


@pytest.mark.parametrize(
    ("measured", "bound", "said"),
    [
        (value(0.02, (0.01, 0.03)), value(0.001, (0.0, 0.002)), "differ measurably"),
        (value(0.02, (0.001, 0.03)), value(0.001, (0.0, 0.002)), "no difference from real ones"),
        (value(0.6, (0.5, 0.7), "higher"), value(0.8, (0.75, 0.85), "higher"), "differ measurably"),
        (value(0.9, (0.88, 0.92), "higher"), value(0.8, (0.75, 0.85), "higher"), "is no merit"),
        (value(-0.02, (-0.03, -0.01)), value(0.001, (0.0, 0.002)), "is no merit"),
        (value(0.6, None), value(0.8, None), ""),
        (value(float("nan"), None), value(0.8, None), ""),
    ],
)
def test_a_distance_beside_its_bound(measured, bound, said):
    found = "".join(distances([Measurement(measured, real_against_real=bound)]))
    assert (said in found) if said else found == ""
    assert len(distances([Measurement(measured, real_against_real=bound)])) == bool(said)


def test_without_a_bound_nothing_is_concluded():
    assert distances([Measurement(value(0.02, (0.01, 0.03)))]) == []


def test_values_of_one_outcome_share_a_sentence():
    apart = Measurement(value(0.02, (0.01, 0.03)), real_against_real=value(0.001, (0.0, 0.002)))
    (said,) = distances([apart, apart])
    assert said.count("between real images 0.0010") == 2


def test_tones_that_could_not_be_told_do_not_reassure(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    stored = audit(workdir)
    row = stored["result"]["subgroups"]["shares"][0]
    stored["result"]["subgroups"]["shares"].append({**row, "value": "unknown", "share": 0.6})
    (workdir / "findings" / "audit_0.json").write_text(json.dumps(stored))
    wanted = "That every tone is there: of 60% of the images it could not be told."
    assert wanted in told(workdir).may_not
    assert wanted not in told(write_run(tmp_path / "other", "sampler")).may_not


def told(workdir, kind="sampler"):
    record = run_record.read(WorkDir(workdir))
    return conclusions(record, kind, found_later.read(workdir))


def audit(workdir):
    return json.loads((workdir / "findings" / "audit_0.json").read_text())


def test_what_nobody_asked_is_not_concluded(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    for file in (workdir / "findings").iterdir():
        file.unlink()
    said = told(workdir)
    assert any("no audit of this run is here" in line for line in said.may_not)
    assert any("nobody has looked" in line for line in said.may_not)
    assert not any("copies" in line for line in said.may)
    assert told(workdir, "classifier") is None


def test_grey_images_have_no_skin_tone(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    for file in (workdir / "findings").iterdir():
        file.unlink()
    assert any(line.startswith("That every skin tone and") for line in told(workdir).may_not)
    config = json.loads((workdir / "config.json").read_text())
    config["data"]["channels"] = 1
    (workdir / "config.json").write_text(json.dumps(config))
    assert any(line.startswith("That every kind of patient") for line in told(workdir).may_not)
    assert not any("skin" in line for line in told(workdir).may_not)


def test_images_without_classes_are_counted(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    card = json.loads((workdir / "data_card.json").read_text())
    card["classes"] = {}
    card["num_examples"] = {
        split: {"unpaired": num, "paired": 0}
        for split, num in (("train", 2090), ("val", 45), ("test", 46), ("all", 2181))
    }
    (workdir / "data_card.json").write_text(json.dumps(card))
    html = run.build(workdir).read_text()
    assert "It learned from 2,090 " in html
    assert "2,090 images in train, 45 images in val, 46 images in test; no classes." in html


def test_copies_and_subgroups_are_told(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    said = told(workdir)
    assert any(line.startswith("That the images may be shared") for line in said.may_not)
    assert any("tone “dark” is represented" in line for line in said.may_not)
    assert any("of tone “dark” it kept 0 of 30, by chance 9.0" in line for line in said.may_not)


CALM = {
    **{"train": "t", "fake": "f", "protocol": "p", "notes": [], "refusal": None},
    **{"num_train": 9, "num_fake": 20, "num_distinct": 1000, "num_held_out": 100},
    **{"exact_copies": 0, "near_copies": 0},
    "share": {"share": 0.0, "interval": [0.0, 0.1], "nominal": 0.01, "p_value": 1.0, "rank": 1},
    "median_ratio": {"value": 1.0, "interval": [0.9, 1.1]},
    **{"grouping_unknown": False, "against_own_images": True},
}


def test_an_audit_of_few_images_does_not_reassure_and_one_of_many_does(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    (workdir / "findings" / "audit_0.json").unlink()
    stored = {**CALM, "num_distinct": 20}
    findings.keep(workdir, findings.AUDIT, stored)
    assert any("20 images are too few to reassure" in line for line in told(workdir).may_not)
    findings.keep(workdir, findings.AUDIT, CALM)
    said = told(workdir)
    assert any(line.startswith("No sign of memorised training images") for line in said.may)
    assert not any("too few to reassure" in line for line in said.may_not)
    html = run.build(workdir).read_text()
    assert html.index("You may conclude") < html.index("Samples") < html.index("Audit for copies")


@pytest.mark.parametrize("left_out", ["against_own_images", "grouping_unknown"])
def test_an_audit_that_does_not_say_what_it_rests_on_does_not_reassure(tmp_path, left_out):
    workdir = write_run(tmp_path / "run", "sampler")
    (workdir / "findings" / "audit_0.json").unlink()
    findings.keep(workdir, findings.AUDIT, {k: v for k, v in CALM.items() if k != left_out})
    said = told(workdir)
    assert not any("memorised" in line for line in said.may)
    assert any(line.startswith("That no training image is handed out") for line in said.may_not)


def test_copies_stay_told_however_many_audits_follow(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    older = {**audit(workdir), "at": 1.0}
    older["result"]["made_by"] = {"checkpoint": 7}
    (workdir / "findings" / "audit_0.json").write_text(json.dumps(older))
    for seed in range(4):
        findings.keep(workdir, findings.AUDIT, {**CALM, "num_fake": 1000 + seed})
    said = told(workdir)
    assert not any("memorised" in line for line in said.may)
    (line,) = (line for line in said.may_not if line.startswith("That the images may be shared"))
    assert "an audit of 1970-01-01" in line
    assert "(checkpoint 7) found memorised training images: 2 exact copies" in line


def test_what_an_audit_warned_of_is_in_the_report(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    (workdir / "findings" / "audit_0.json").unlink()
    findings.keep(workdir, findings.AUDIT, {**CALM, "notes": ["warning: copies may pass"]})
    assert "</strong> copies may pass." in run.build(workdir).read_text()


def test_an_evaluation_names_its_real_images_and_synthetic_ones_are_none(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    file = workdir / "findings" / "evaluation_0.json"
    stored = json.loads(file.read_text())
    bound = value(0.1, (0.05, 0.15))
    measured = {"kid": Measurement(value(0.1, (0.0, 0.2)), real_against_real=bound)}
    stored["result"]["metrics"] = measurement_json.to_json(measured)
    file.write_text(json.dumps(stored))
    (line,) = (line for line in told(workdir).may if line.startswith("Against"))
    assert line.startswith("Against ham10000:test: ")
    assert "no difference from real ones is shown" in line
    stored["result"]["made_by"] = {"real": {}, "fake": {}}
    file.write_text(json.dumps(stored))
    assert not any(line.startswith("Against") for line in told(workdir).may)


def test_who_was_missing_before_a_filter_is_told(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    file = workdir / "findings" / "filter_0.json"
    stored = json.loads(file.read_text())
    (row,) = stored["result"]["subgroups"]
    row.update(value="brown", n=0, by_chance=0.0, p=1.0, p_missing=0.01)
    file.write_text(json.dumps(stored))
    said = "That tone “brown” is represented: 25.0% of the real images, none of 40"
    assert any(line.startswith(said) for line in told(workdir).may_not)
    row.update(p_missing=0.2)
    file.write_text(json.dumps(stored))
    assert not any("brown" in line for line in told(workdir).may_not)


def test_what_a_filter_noted_is_in_the_report(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    stored = json.loads((workdir / "findings" / "filter_0.json").read_text())
    stored["result"]["notes"] = ["note: shares are not known", "warning: of another checkpoint"]
    (workdir / "findings" / "filter_0.json").write_text(json.dumps(stored))
    html = run.build(workdir).read_text()
    assert "note: shares are not known" in html
    assert "</strong> of another checkpoint." in html


def test_numbers_that_are_not_finite_are_not_kept(tmp_path, capsys):
    findings.keep(tmp_path, findings.FILTER, {"n": float("nan")})
    assert "note: not kept in" in capsys.readouterr().err
    assert findings.read(tmp_path) == []


def test_damaged_findings_are_named(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    stored = audit(workdir)
    stored["result"]["num_train"] = "many"
    (workdir / "findings" / "audit_0.json").write_text(json.dumps(stored))
    with pytest.raises(UserError, match=r"audit_0\.json is damaged .*'many'.*move it elsewhere"):
        found_later.read(workdir)


def test_findings_are_kept_apart_and_read_in_order(tmp_path, capsys):
    workdir = write_run(tmp_path / "run", "sampler")
    before = len(findings.read(workdir))
    picture = np.zeros((4, 4, 3), np.uint8)
    findings.keep(workdir, findings.FILTER, {"n": 1}, picture)
    findings.keep(workdir, findings.FILTER, {"n": 2})
    findings.keep(workdir, findings.FILTER, {"n": 1}, picture)
    assert "kept for the report of the run" in capsys.readouterr().out
    found = findings.read(workdir)[before:]
    assert [one.result for one in found] == [{"n": 2}, {"n": 1}]
    assert [one.picture is not None for one in found] == [False, True]


def test_a_run_that_cannot_be_written_to_is_said(tmp_path, capsys):
    (tmp_path / "findings").write_text("in the way")
    findings.keep(tmp_path, findings.FILTER, {"n": 1})
    assert "note: not kept in" in capsys.readouterr().err


def remembered(interval):
    """Tests of which C_T points towards copies, and membership inference that sees nothing."""
    share = {"value": 80.0, "interval": [75.0, 85.0], "of_held_out": None}
    ct = {"value": -6.0, "interval": interval}
    names = ("attack", "control", "difference", "halves")
    found = {name: {"value": 0.51, "interval": [-0.1, 0.6]} for name in names}
    tests = {"protocol": "p", "authpct": share, "ct": ct, "left_out": []}
    return {**CALM, "tests": tests, "membership": {**found, "sentence": "two models say nothing"}}


def test_tests_in_print_and_membership_stand_in_the_report(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    (workdir / "findings" / "audit_0.json").unlink()
    findings.keep(workdir, findings.AUDIT, remembered([-9.0, -3.0]))
    said = told(workdir)
    assert any(line.startswith("No sign of memorised") for line in said.may)
    wanted = "That nothing was learned by heart: C_T points towards copies, which is no proof"
    assert any(line.startswith(wanted) for line in said.may_not)
    html = run.build(workdir).read_text()
    assert "Tests in print: C_T points towards copies. None of them decides" in html
    assert "Membership inference: two models say nothing." in html


@pytest.mark.parametrize("left_out", ["tests", "membership"])
def test_either_of_them_may_be_missing(tmp_path, left_out):
    workdir = write_run(tmp_path / "run", "sampler")
    stored = remembered([-9.0, -3.0])
    del stored[left_out]
    findings.keep(workdir, findings.AUDIT, stored)
    html = run.build(workdir).read_text()
    assert ("Tests in print" in html) == (left_out != "tests")
    assert ("Membership inference" in html) == (left_out != "membership")


@pytest.mark.parametrize("damage", [[], [1.0], None, "low"])
def test_damaged_intervals_are_named(tmp_path, damage):
    workdir = write_run(tmp_path / "run", "sampler")
    stored = remembered([-9.0, -3.0])
    stored["membership"]["difference"]["interval"] = damage
    findings.keep(workdir, findings.AUDIT, stored)
    with pytest.raises(UserError, match="is damaged"):
        found_later.read(workdir)
    workdir = write_run(tmp_path / "other", "sampler")
    findings.keep(workdir, findings.AUDIT, remembered(damage))
    with pytest.raises(UserError, match="is damaged"):
        found_later.read(workdir)


def test_subgroups_and_warnings_of_an_evaluation_stand_in_the_report(tmp_path):
    workdir = write_run(tmp_path / "run", "sampler")
    file = workdir / "findings" / "evaluation_0.json"
    stored = json.loads(file.read_text())
    group = {"column": "class", "n_real": 60, "n_fake": 70, "both": True}
    known = {"kd:lite0": {"value": -0.0012, "interval": [-0.003, 0.001]}}
    stored["result"]["subgroups"] = [
        {**group, "value": "mel", "cells": known},
        {**group, "value": "nv", "n_real": 9, "cells": {"kd:lite0": {"reason": "9 are too few"}}},
    ]
    file.write_text(json.dumps(stored))
    html = run.build(workdir).read_text()
    assert '<th class="n">Kernel distance</th>' in html
    assert "Within subgroups (EfficientNet-Lite0), with" in html
    assert "−0.0012<small>−0.003 … 0.001</small>" in html
    assert "9 are too few" in html
    assert "few images" in html
    for damage in ({"kd:lite0": {"value": "high"}}, {"prdc:lite0": {"value": 1.0}}, {}):
        stored["result"]["subgroups"][1]["cells"] = damage
        file.write_text(json.dumps(stored))
        with pytest.raises(UserError, match="is damaged"):
            found_later.read(workdir)

"""Runs side by side."""

import json

import pytest
from command_line import call
from injected_pages import PAYLOADS, write_run
from test_report import Page

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.report import run_comparison
from dermgan_jax.report.run_comparison import build, difference, read


def value(number, half=None, better="lower", n=100, protocol="p"):
    ends = None if half is None else (number - half, number + half)
    return MetricValue("kid", number, protocol, n, {}, better, interval=ends)


@pytest.mark.parametrize(
    ("first", "other", "said"),
    [
        (value(5.0, 0.3), value(4.0, 0.4), "-1 (-1.5 … -0.5): better"),
        (value(5.0, 0.3), value(6.0, 0.4), "+1 (+0.5 … +1.5): worse"),
        (value(0.5, 0.03, "higher"), value(0.6, 0.04, "higher"), "+0.1 (+0.05 … +0.15): better"),
        (value(5.0, 0.3), value(4.8, 0.4), "-0.2 (-0.7 … +0.3): no difference shown"),
        (value(5.0), value(4.0), "-1, no interval"),
        (value(5.0, 0.3), value(4.0, 0.4, n=50), "not comparable: another protocol or number"),
        (value(5.0, 0.3), value(4.0, 0.4, protocol="q"), "not comparable"),
        (None, value(4.0, 0.4), ""),
    ],
)
def test_differences_have_an_interval_and_a_word(first, other, said):
    found = difference(first, other)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_values_against_other_real_images_are_not_compared(tmp_path):
    """Not even where protocol and number of images are the same."""
    runs = [write_run(tmp_path / name, "sampler") for name in "ab"]
    card = json.loads((runs[1] / "data_card.json").read_text())
    (runs[1] / "data_card.json").write_text(json.dumps({**card, "split_hash": "another"}))
    html = build(runs, tmp_path / "out").read_text()
    assert "not comparable: against other real images" in html
    assert "no difference shown" not in html


def changed(run, part, **fields):
    """A file of a run, with other fields."""
    file = run / ("config.json" if part != "card" else "data_card.json")
    plain = json.loads(file.read_text())
    (plain if part in ("card", "config") else plain[part]).update(fields)
    file.write_text(json.dumps(plain))


def test_runs_that_share_their_real_images_are_told_of_the_paired_interval(tmp_path):
    runs = [write_run(tmp_path / name, "sampler") for name in "abc"]
    changed(runs[1], "config", seed=3)
    changed(runs[2], "card", split_hash="another")
    text = " ".join(Page(build(runs, tmp_path / "out").read_text()).text.split())
    assert "a and b were measured with the same protocols against the same real images " in text
    assert "(split 0123, seeds 0 and 3)" in text
    assert "“no difference shown” may hide one" in text
    assert f"dermgan evaluate --real=phantom:train --fake={runs[0]},{runs[1]} gives" in text


@pytest.mark.parametrize(
    ("part", "fields"),
    [
        ("card", {"split_hash": "another"}),
        ("data", {"classes": ["nv"]}),
        ("data", {"resolution": 16}),
        ("data", {"mirror": False}),
    ],
)
def test_runs_with_other_real_images_are_not(tmp_path, part, fields):
    runs = [write_run(tmp_path / name, "sampler") for name in "ab"]
    assert run_comparison.shared_real_images(read(runs))
    changed(runs[1], part, **fields)
    assert run_comparison.shared_real_images(read(runs)) == ""


def test_without_intervals_nothing_is_said_of_them(tmp_path):
    runs = [write_run(tmp_path / name, "sampler") for name in "ab"]
    log = runs[1] / "metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        for value in row["metrics"].values() if row["kind"] == "eval" else ():
            del value["interval"]
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run_comparison.shared_real_images(read(runs)) == ""


def test_translators_are_not_sent_to_a_command_that_draws_samples(tmp_path):
    said = run_comparison.shared_real_images(
        read([write_run(tmp_path / name, "translator") for name in "ab"])
    )
    assert "against the same real images" in said
    assert "dermgan evaluate" not in said


def test_sheets_of_translators_are_of_the_same_inputs_only_with_the_same_data(tmp_path):
    runs = [write_run(tmp_path / name, "translator") for name in "ab"]
    assert run_comparison.same_latents(read(runs))
    config = json.loads((runs[1] / "config.json").read_text())
    config["data"]["classes"] = ["nv"]
    (runs[1] / "config.json").write_text(json.dumps(config))
    assert not run_comparison.same_latents(read(runs))


def test_real_images_beside_phantoms_are_called_what_they_are(tmp_path):
    runs = [write_run(tmp_path / name, "sampler") for name in "ab"]
    card = json.loads((runs[1] / "data_card.json").read_text())
    (runs[1] / "data_card.json").write_text(json.dumps({**card, "synthetic": True}))
    html = build(runs, tmp_path / "out").read_text()
    assert "<strong>Real images</strong> that a learned from, unchosen." in html


def test_the_page_has_values_curves_sheets_and_differences(tmp_path, capsys):
    runs = [write_run(tmp_path / name / "run", "sampler") for name in ("a", "b")]
    config = json.loads((runs[1] / "config.json").read_text())
    config["ema"]["decay"] = 0.5
    (runs[1] / "config.json").write_text(json.dumps(config))
    assert call("compare", f"--runs={runs[0]},{runs[1]}", f"--out={tmp_path / 'out'}") == 0
    assert capsys.readouterr().out.startswith("reads 2 runs and draws their curves")
    html = (tmp_path / "out" / run_comparison.NAME).read_text()
    page = Page(html)
    text = " ".join(page.text.split())
    assert "Differences are from a/run" in text
    assert "no difference shown" in text
    assert "ema.decay" in text
    assert "train.total_kimg" not in text
    assert "of the same latents" in text
    assert page.elements.count("svg") >= 1
    assert page.elements.count("img") == 3
    assert all(reference.startswith(("data:image/", "#")) for reference in page.references)


def test_texts_of_strangers_stay_texts(tmp_path):
    pages = []
    for name, word in (("plain", str), ("spiked", lambda text: text + "".join(PAYLOADS))):
        runs = [write_run(tmp_path / name / each, "sampler", word) for each in "ab"]
        pages.append(Page(build(runs, tmp_path / name).read_text()))
    assert pages[0].elements == pages[1].elements
    assert pages[0].scripts == pages[1].scripts


def test_runs_that_cannot_be_compared_are_named(tmp_path):
    run = write_run(tmp_path / "run", "sampler")
    with pytest.raises(UserError, match="names one run"):
        read([run])
    with pytest.raises(UserError, match="run twice"):
        read([run, run])
    with pytest.raises(UserError, match="is not a work directory"):
        read([run, tmp_path])
    with pytest.raises(UserError, match="18 at most can be told apart"):
        read([tmp_path / str(i) for i in range(19)])

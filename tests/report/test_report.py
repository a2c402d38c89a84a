import json
import math
import pathlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import ClassPair, Measurement, MetricValue, by_key
from dermgan_jax.report import figures, metric_sections, metric_values, run, run_record
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.runs.workdir import WorkDir, sample_sheet_name


def train_row(step, stage="8x8", alpha=1.0, **metrics):
    defaults = {
        "d/loss": 1.0 / step,
        "d/score_real": 2.0,
        "d/score_fake": -2.0,
        "d/gradient_penalty": 0.1,
        "g/loss": 0.5,
    }
    return {
        "kind": "train",
        "step": step,
        "images": 100 * step,
        "stage": stage,
        "traced": {"alpha": alpha},
        "images_per_second": 50.0,
        "metrics": defaults | metrics,
    }


def swd(value, n=2048):
    details = {"16x16": value - 1, "8x8": value + 1}
    return MetricValue("swd", value, "swd:test", n, details, "lower")


def eval_row(step, value, **kwargs):
    return {
        "kind": "eval",
        "step": step,
        "images": 100 * step,
        "seconds": 2.0,
        "metrics": by_key(Measurement(swd(value, **kwargs), real_against_real=swd(4.25))),
    }


def event_row(step, event, detail=""):
    return {
        "kind": "event",
        "step": step,
        "images": 100 * step,
        "event": event,
        "detail": detail,
        "time": 1.7e9,
    }


FULL_RUN = [
    event_row(0, "started"),
    *(train_row(step) for step in range(1, 11)),
    eval_row(10, 321.5),
    *(train_row(step, "16x16", alpha=(step - 10) / 10) for step in range(11, 21)),
    eval_row(20, 33.25),
    event_row(20, "finished"),
]


def as_line(row):
    """A row of metrics.jsonl."""
    if row["kind"] == "eval":
        row = {**row, "metrics": measurement_json.to_json(row["metrics"])}
    return json.dumps(row, allow_nan=False) + "\n"


def make_workdir(path, rows=(), sheets=(), synthetic=None, title="A <test> run"):
    workdir = WorkDir(path)
    workdir.samples.mkdir(parents=True)
    config = {
        "title": title,
        "model": {"name": "pgan"},
        "data": {"dataset": "ham10000", "resolution": 16},
        "train": {"total_kimg": 2.0},
    }
    workdir.config.write_text(json.dumps(config))
    workdir.metrics.write_text("".join(map(as_line, rows)))
    for images, stage in sheets:
        pixels = np.full((64, 128, 3), images % 256, np.uint8)
        Image.fromarray(pixels).save(workdir.samples / sample_sheet_name(images, stage))
    if synthetic is not None:
        card = {
            "dataset": "ham10000",
            "licence": "CC BY-NC 4.0, see https://example.org",
            "synthetic": synthetic,
            "classes": {"mel": {"train": 700, "val": 150, "test": 163}},
            "split_hash": "0123456789abcdef0123",
            "num_groups": 987,
        }
        workdir.data_card.write_text(json.dumps(card))
        workdir.environment.write_text(json.dumps({"jax": "0.10.9", "devices": "1 × cpu"}))
        workdir.parameters.write_text("g/block_8/conv0 (3, 3, 16, 16)")
    return path


class Page(HTMLParser):
    """Collects what a browser would load, the visible text, and element names."""

    def __init__(self, html):
        super().__init__()
        self.references, self.elements, self.scripts, self.text = [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.references += [
            value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset")
        ]

    def handle_data(self, data):
        if self.lasttag == "script" and data.strip():
            self.scripts.append(data)
        elif self.lasttag != "style":
            self.text += data


def build(workdir):
    html = run.build(workdir).read_text()
    page = Page(html)
    page.text = re.sub(r"\s+", " ", page.text)
    assert not {"link", "iframe", "object"} & set(page.elements)
    assert page.scripts == [pathlib.Path(run.__file__).with_name("sheets.js").read_text()]
    assert all(reference.startswith(("data:image/", "#")) for reference in page.references)
    assert all(url.startswith("#") for url in re.findall(r"url\(['\"]?([^)'\"]*)", html))
    assert "@import" not in html
    return page


def test_full_run_shows_everything(tmp_path):
    sheets = [(1000, "8x8"), (2000, "16x16")]
    page = build(make_workdir(tmp_path / "run", FULL_RUN, sheets, synthetic=False))
    for text in (
        "A <test> run",
        "Finished. The model pgan has been shown 2.0 of 2.0 thousand real images",
        "SWD went from 321.5 to 33.25; real against other real images: 4.25",
        "40 s",  # 2000 images at 50 per second
        "thousand training images shown",
        "D(real)",
        "gradient penalty",
        "images per second",
        "16 × 16",
        "2,048 images on each side. Protocol swd:test",
        "CC BY-NC 4.0",
        "1,013",
        "987 groups",
        "Split 0123456789abcdef",
        "finished",
        "g/block_8/conv0",
        "0.10.9",
        '"total_kimg": 2.0',
    ):
        assert text in page.text, text
    assert page.elements.count("svg") == 6
    assert page.elements.count("img") == page.text.count("Synthetic images") == 2
    assert page.text.count("not a medical device") == 1
    assert "phantom" not in page.text


def test_groups_are_called_what_the_data_set_calls_them(tmp_path):
    workdir = WorkDir(make_workdir(tmp_path / "run", FULL_RUN, synthetic=False))
    card = json.loads(workdir.data_card.read_text())
    workdir.data_card.write_text(json.dumps({**card, "group_noun": "patient"}))
    assert "987 patients, each in one split only" in build(workdir.path).text


def test_run_of_an_early_version_has_a_report(tmp_path):
    """Yardsticks were entries of their own, and the group `model` was called `gan`."""
    workdir = WorkDir(make_workdir(tmp_path / "run", FULL_RUN, synthetic=False))
    today = build(workdir.path).text
    lines = []
    for line in workdir.metrics.read_text().splitlines():
        row = json.loads(line)
        if row["kind"] == "eval":
            value = row["metrics"]["swd"]
            bound = value.pop("yardsticks")["real_against_real"]
            del value["direction"], value["split"]
            row["metrics"] = {"swd": value, "swd_lower_bound": bound}
        lines.append(json.dumps(row) + "\n")
    workdir.metrics.write_text("".join(lines))
    workdir.config.write_text(workdir.config.read_text().replace('"model"', '"gan"'))
    assert "swd_lower_bound" in workdir.metrics.read_text()
    text = build(workdir.path).text
    assert text.partition("Report made")[0] == today.partition("Report made")[0]
    assert "went from 321.5 to 33.25; real against other real images: 4.25" in text


def test_phantoms_are_never_presented_as_skin(tmp_path):
    sheets = [(1000, "8x8"), (2000, "16x16")]
    page = build(make_workdir(tmp_path / "run", FULL_RUN, sheets, synthetic=True))
    under_sheets = page.text.count("Synthetic images, learned from drawn phantoms, not real skin.")
    assert under_sheets == len(sheets)
    assert "drawn phantoms, not real skin. Nothing here says anything about patients." in page.text
    assert "thousand real images (" not in page.text


def test_killed_run(tmp_path):
    workdir = make_workdir(tmp_path / "run", FULL_RUN[:5], [(400, "8x8")], synthetic=False)
    with open(WorkDir(workdir).metrics, "a") as file:
        file.write('{"kind": "tra')
    (WorkDir(workdir).samples / sample_sheet_name(500, "8x8")).write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    page = build(workdir)
    assert (
        "Unfinished: still training, or cut short. The model pgan has been shown 0.4" in page.text
    )
    assert "Sliced" not in page.text
    assert page.elements.count("img") == 1


def test_stopped_run_says_why(tmp_path):
    rows = [*FULL_RUN[:5], event_row(5, "stopped", "non-finite gradient of g")]
    page = build(make_workdir(tmp_path / "run", rows))
    assert "Stopped by a fault. Non-finite gradient of g. The model pgan" in page.text


def test_numbers_that_were_not_finite(tmp_path):
    rows = [train_row(1, **{"d/loss": None}), eval_row(1, math.nan)]
    assert "–" in build(make_workdir(tmp_path / "run", rows)).text


def test_run_that_only_has_a_configuration(tmp_path):
    workdir = make_workdir(tmp_path / "my_run", title="")
    WorkDir(workdir).metrics.unlink()
    page = build(workdir)
    assert "pgan on ham10000, 16×16 A model (pgan) that draws synthetic images" in page.text
    assert "Not started yet." in page.text
    assert "No sample sheet has been drawn yet" in page.text


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="is not a work directory"):
        run.build(tmp_path)
    assert not list(tmp_path.iterdir())


def test_timeline_is_limited_and_keeps_the_first_sheet(tmp_path):
    sheets = [(100 * i, "8x8") for i in range(40)]
    page = build(make_workdir(tmp_path / "run", FULL_RUN, sheets))
    assert page.elements.count("img") == 1 + run_record.MAX_EARLIER_SHEETS
    assert "After 3.9 thousand images" in page.text
    assert "0.0 thousand · 8×8" in page.text


def test_large_sheets_are_scaled_down(tmp_path):
    workdir = WorkDir(make_workdir(tmp_path / "run"))
    noise = np.random.default_rng(0).integers(0, 256, (1024, 2048, 3), np.uint8)
    for images in (0, 1000):
        Image.fromarray(noise).save(workdir.samples / sample_sheet_name(images, "256x256"))
    *earlier, latest = run_record.read(workdir).sheets
    assert (latest["width"], latest["height"]) == (1600, 800)
    assert [sheet["width"] for sheet in earlier] == [run_record.THUMBNAIL_WIDTH]
    assert not latest["tiny"]


def test_an_untrained_model_is_never_the_best():
    rows = [eval_row(step, value) for step, value in ((0, 1.0), (1, 90.0), (2, 95.0))]
    found = metric_values.moments(rows, "swd")
    assert [found[moment]["images"] for moment in ("first", "best", "latest")] == [0, 100, 200]


def test_metric_table_compares_only_like_with_like():
    rows = [eval_row(1, 1.0, n=64), eval_row(2, 90.0), eval_row(3, 20.0), eval_row(4, 30.0)]
    table = metric_sections.section(RunRecord({}, rows, {}, (), None), "swd")
    assert table["columns"] == [
        ("first", "0.2 thousand"),
        ("best", "0.3 thousand"),
        ("latest", "0.4 thousand"),
        ("real", "vs real"),
    ]
    assert table["lines"] == [
        ("average", [("90", ""), ("20", ""), ("30", ""), ("4.25", "")]),
        ("16 × 16", [("89", ""), ("19", ""), ("29", ""), ("3.25", "")]),
        ("8 × 8", [("91", ""), ("21", ""), ("31", ""), ("5.25", "")]),
    ]


def test_of_two_evaluations_at_one_step_the_last_counts():
    rows = [eval_row(1, 10.0), eval_row(1, 20.0)]
    assert [row["metrics"]["swd"].value.value for row in figures.evaluations(rows)] == [20.0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 00 s"), (61, "1 min 01 s"), (3900, "1 h 05 min")],
)
def test_duration(seconds, text):
    assert run_record.duration(seconds) == text


def value(name, value, interval=None, n=500, n_real=700, better="lower", std=None, **details):
    return MetricValue(name, value, "test", n, details, better, n_real, std, interval)


def metrics_page(tmp_path, *measured):
    row = {"kind": "eval", "step": 1, "images": 100, "seconds": 2.0, "metrics": by_key(*measured)}
    return build(make_workdir(tmp_path / "run", [train_row(1), row]))


def test_intervals_stand_by_their_values(tmp_path):
    bound = value("kid", -0.0001, (-0.0013, 0.0011), n=350, n_real=350)
    kid = Measurement(value("kid", 0.0421, (0.0399, 0.0443)), real_against_real=bound)
    page = metrics_page(tmp_path, kid)
    for text in (
        "KID is 0.0421 (95 % interval 0.0399 … 0.0443); real against other real images: −0.0001",
        "95 %: 0.0399 … 0.0443",
        "value95 % interval0.04210.0399 … 0.0443−0.0001−0.0013 … 0.0011",
        "500 synthetic and 700 real images; real vs real: 350 images on each side.",
        "Lower is better.",
        "Bands: 95 % intervals.",
    ):
        assert text in page.text, text


def test_the_value_that_chooses_the_best_checkpoint_is_told_in_words(tmp_path):
    measured = [Measurement(value(name, 0.5)) for name in ("kid", "swd")]
    told = {"": ("KID is", "SWD is"), "swd": ("SWD is", "KID is")}
    for wanted, (said, left_out) in told.items():
        row = {"kind": "eval", "step": 1, "images": 100, "seconds": 2.0}
        rows = [train_row(1), {**row, "metrics": by_key(*measured)}]
        workdir = make_workdir(tmp_path / f"run_{wanted}", rows)
        config = json.loads(WorkDir(workdir).config.read_text())
        config["checkpoint"] = {"best_metric": wanted}
        WorkDir(workdir).config.write_text(json.dumps(config))
        head = build(workdir).text.partition("You may conclude")[0]
        assert said in head
        assert left_out not in head


def test_std_stands_in_for_an_interval(tmp_path):
    page = metrics_page(tmp_path, Measurement(value("psnr", 14.02, std=1.3, better="higher")))
    assert "14.0± 1.3" in page.text
    assert "95 %" not in page.text
    assert "Higher is better." in page.text


@pytest.mark.parametrize(("n", "warned"), [(2047, True), (2048, False)])
def test_small_fid_is_never_shown_without_its_warning(tmp_path, n, warned):
    page = metrics_page(
        tmp_path,
        Measurement(value("fid", 80.0, (77.0, 83.0), n=n, n_real=7000)),
        Measurement(value("kid", 0.1, (0.08, 0.12))),
    )
    assert page.text.index("Kernel Inception") < page.text.index("Fréchet Inception")
    head = " ".join(page.text[: page.text.index("You may conclude")].split())
    assert "KID is 0.100 (95 % interval 0.080 … 0.120)" in head
    assert "FID is" not in head  # one value in words, all in the row of figures
    assert head.index("KID0.100") < head.index("FID80.0")
    section = page.text[page.text.index("Fréchet Inception distance") :]
    assert ("Warning: fid of 2047 images is biased upwards" in section) == warned
    assert ("biased, see below" in page.text) == warned


def test_classes_least_and_most_apart(tmp_path):
    pairs = (
        ClassPair(("mel", "nv"), 12.34, 115),
        ClassPair(("nv", "vasc"), math.nan, 20),
        ClassPair(("mel", "df"), 98.76, 80),
    )
    fid = Measurement(value("fid", 50.0, (45.0, 55.0)), class_pairs=pairs)
    page = metrics_page(tmp_path, fid)
    assert (
        "Between classes of real images: least apart mel – nv, 12.3 (115 images each); "
        "most apart mel – df, 98.8 (80 images each)." in page.text
    )
    assert page.elements.count("h2") == 8  # a yardstick is no metric of its own


def test_details_of_another_kind_are_not_drawn_as_parts(tmp_path):
    page = metrics_page(tmp_path, Measurement(value("psnr", 14.0, **{"infinite pairs": 2.0})))
    assert page.text.count("infinite pairs") == 1  # in the table only

import copy
import dataclasses
import json
import math

import numpy as np
import pytest
import tiny_configs
from PIL import Image
from test_report import build, event_row, make_workdir, train_row

from dermgan_jax import config as config_schema
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.metrics.measurement import Measurement, MetricValue, by_key
from dermgan_jax.report import run_record, translation_figure, translation_series, translator
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.runs import provenance
from dermgan_jax.runs.workdir import WorkDir, sample_sheet_name

EPOCH = 100  # images
SPLITS = {"train": 60, "test": 40}
CONFIG = {
    "title": "A translator",
    "model": {"name": "cyclegan"},
    "data": {
        "dataset": "derm7pt",
        "resolution": 16,
        "split": "train",
        "domain_a": ["clinical"],
        "domain_b": ["bacterial", "viral"],
        "paired": True,
    },
    "train": {"total_kimg": 0.0, "total_epochs": 4.0},
    "checkpoint": {"best_metric": "AtoB/test/lpips"},
}
CARD = {
    "dataset": "derm7pt",
    "licence": "",
    "synthetic": False,
    "classes": {},
    "num_examples": {"train": {"unpaired": 130, "paired": EPOCH}},
    "split_hash": "0",
    "num_groups": 1,
}


def value(name, number, n, half=0.01, better="lower"):
    interval = (number - half, number + half)
    return MetricValue(name, number, "test", n, {}, better, interval=interval)


def measured(epoch, lpips, directions=("AtoB", "BtoA"), splits=SPLITS):
    """An evaluation; held-out LPIPS as given, 0.1 less where trained, 0.05 more the other way."""
    found = []
    for direction in directions:
        for split, n in splits.items():
            off = 0.05 * (direction == "BtoA") - 0.1 * (split == "train")
            found += [
                dataclasses.replace(one, direction=direction, split=split)
                for one in (
                    Measurement(
                        value("mask_iou", 0.5, n, better="higher"),
                        identity=value("mask_iou", 0.7, n, better="higher"),
                    ),
                    Measurement(
                        value("fid", 80.0 - epoch, n, 5.0),
                        real_against_real=value("fid", 20.0, n // 2, 2.0),
                    ),
                    Measurement(value("kid", 0.2, n)),
                    Measurement(
                        value("lpips", lpips + off, n),
                        identity=value("lpips", 0.3, n),
                        mean_colour=value("lpips", 0.6, n),
                    ),
                    Measurement(value("cycle_error", 0.1, n)),
                )
            ]
    return evaluated(epoch * EPOCH, *found)


def evaluated(images, *found):
    row = {"kind": "eval", "step": images, "images": images, "seconds": 1.0}
    return {**row, "metrics": by_key(*found)}


def change(row, key, part="value", **fields):
    """Changes what a row says of a measurement or of one of its yardsticks."""
    one = row["metrics"][key]
    changed = dataclasses.replace(getattr(one, part), **fields)
    row["metrics"][key] = dataclasses.replace(one, **{part: changed})


ROWS = [measured(0, 0.7), measured(2, 0.25), measured(4, 0.45)]


def record(rows=ROWS, epoch=EPOCH):
    return RunRecord(CONFIG, rows, {}, (), epoch)


def sections(rows=ROWS, epoch=EPOCH):
    return translator.sections(record(rows, epoch))


def workdir_of(path, rows, sheet=None, config=CONFIG, card=CARD):
    workdir = WorkDir(make_workdir(path, rows))
    workdir.config.write_text(json.dumps(config))
    workdir.data_card.write_text(json.dumps(card))
    if sheet is not None:
        name = sample_sheet_name(400, "16x16")
        Image.fromarray(np.zeros(sheet, np.uint8)).save(workdir.samples / name)
    return path


def test_results_are_the_latest_on_held_out_images():
    found = sections()["results"]
    names = [("KID", "↓"), ("FID", "↓"), ("LPIPS", "↓"), ("Cycle error", "↓"), ("Mask IoU", "↑")]
    assert found["columns"] == names
    assert found["moment"] == "epoch 4"
    first, second = found["rows"]
    assert first["direction"] == "clinical → bacterial or viral"
    assert second["direction"] == "bacterial or viral → clinical"
    assert first["images"] == "40 images"
    assert first["cells"][2][:2] == ("0.450", "0.440 … 0.460")
    assert second["cells"][2][:2] == ("0.500", "0.490 … 0.510")


def test_every_evaluation_is_in_the_table_by_epoch_and_the_best_is_marked():
    found = sections()["by_epoch"]
    assert found["unit"] == "Epoch"
    _, lines = found["groups"][1]
    assert [moment for moment, _ in lines] == ["0", "2", "4"]
    assert [cells[2] for _, cells in lines] == [
        ("0.750", "0.740 … 0.760", False),
        ("0.300", "0.290 … 0.310", True),
        ("0.500", "0.490 … 0.510", False),
    ]


def test_without_epochs_moments_are_thousands_of_images():
    found = sections(epoch=None)
    assert found["by_epoch"]["unit"] == "Thousand images"
    assert [moment for moment, _ in found["by_epoch"]["groups"][0][1]] == ["0", "0.2", "0.4"]
    assert found["results"]["moment"] == "0.4 thousand"


def test_one_section_per_metric_with_held_out_images_first():
    found = {metric["text"].short: metric for metric in sections()["metrics"]}
    assert list(found) == ["KID", "FID", "LPIPS", "Cycle error", "Mask IoU"]
    lpips = found["LPIPS"]
    assert lpips["columns"] == [
        ("first", "epoch 0"),
        ("best", "epoch 2"),
        ("latest", "epoch 4"),
        ("identity", ""),
        ("mean colour", ""),
    ]
    assert [(line["kind"], line["held_out"]) for line in lpips["lines"]] == [
        ("held out (test)", True),
        ("held out (test)", True),
        ("images trained on", False),
        ("images trained on", False),
    ]
    numbers = [[number for number, *_ in line["cells"]] for line in lpips["lines"]]
    assert numbers[0] == ["0.700", "0.250", "0.450", "0.300", "0.600"]
    assert numbers[3] == ["0.650", "0.200", "0.400", "0.300", "0.600"]
    assert [title for title, _ in found["FID"]["columns"]] == ["first", "latest", "real vs real"]
    assert found["FID"]["bound_images"] == (
        "held out (test), 20 images on each side; images trained on, 30 images on each side"
    )
    assert [title for title, _ in found["Mask IoU"]["columns"]][-1] == "identity"


def test_best_moments_that_differ_stand_in_the_cells():
    rows = copy.deepcopy(ROWS)
    change(rows[1], "BtoA/test/lpips", value=0.9)
    (lpips,) = (m for m in sections(rows)["metrics"] if m["text"].short == "LPIPS")
    assert lpips["columns"][1] == ("best", "")
    assert [line["cells"][1][2] for line in lpips["lines"]] == [
        "epoch 2",
        "epoch 4",
        "epoch 2",
        "epoch 2",
    ]


@pytest.mark.parametrize(
    ("lpips", "told"),
    [
        (
            0.25,
            "LPIPS 0.250 beats leaving the image as it is (0.300) and the mean colour of the target"
            " (0.600).",
        ),
        (
            0.295,
            "LPIPS 0.295 does not clearly beat leaving the image as it is (0.300) and beats the "
            "mean colour of the target (0.600).",
        ),
        (
            0.45,
            "LPIPS 0.450 does not beat leaving the image as it is (0.300) and beats the mean colour"
            " of the target (0.600).",
        ),
        (
            0.65,
            "LPIPS 0.650 does not beat leaving the image as it is (0.300) or the mean colour of "
            "the target (0.600).",
        ),
    ],
)
def test_verdict(lpips, told):
    found = sections([measured(0, 0.7), measured(4, lpips)])["verdicts"]
    assert found[0] == f"clinical → bacterial or viral: {told}"
    assert len(found) == 2


def test_verdict_where_higher_is_better():
    psnr, identity, mean_colour = (
        value("psnr", number, 9, 0.5, "higher") for number in (16.0, 15.0, 17.0)
    )
    one = Measurement(psnr, "AtoB", "test", identity=identity, mean_colour=mean_colour)
    assert sections([evaluated(1, one)])["verdicts"][0].endswith(
        "PSNR 16.00 beats leaving the image as it is (15.00) and does not beat the mean colour of "
        "the target (17.00)."
    )


def test_values_that_are_not_finite():
    rows = copy.deepcopy(ROWS[:1])
    change(rows[0], "AtoB/test/lpips", value=math.nan, interval=None)
    found = sections(rows)
    assert found["results"]["rows"][0]["cells"][2][0] == "–"
    assert [text.partition(":")[0] for text in found["verdicts"]] == [
        "bacterial or viral → clinical"
    ]
    assert len(found["headlines"]) == 1


def drawn(rows=ROWS, epoch=EPOCH, name="lpips"):
    run = translation_series.read(record(rows, epoch))
    series = [(run.direction(o.direction), run.kind(o.split), o.rows) for o in run.series]
    figure = translation_figure.curves(series, name, "LPIPS", epoch=epoch, main=run.kind(run.split))
    return figure.axes[0]


def test_figure_has_a_curve_per_direction_and_split_over_epochs():
    axes = drawn()
    curves = {line.get_label(): line for line in axes.lines if len(line.get_xdata()) == 3}
    assert list(curves) == [
        "clinical → bacterial or viral, held out (test)",
        "bacterial or viral → clinical, held out (test)",
        "clinical → bacterial or viral, images trained on",
        "bacterial or viral → clinical, images trained on",
    ]
    held_out, _, trained, _ = curves.values()
    np.testing.assert_allclose(held_out.get_xydata(), [(0, 0.7), (2, 0.25), (4, 0.45)])
    np.testing.assert_allclose(trained.get_ydata(), [0.6, 0.15, 0.35])
    assert held_out.get_color() == trained.get_color()
    assert axes.get_xlabel() == "epochs"
    assert drawn(epoch=None).get_xlabel() == "thousand training images shown"


def test_yardsticks_of_held_out_images_are_labelled_lines():
    rows = copy.deepcopy(ROWS)
    for row in rows:
        change(row, "BtoA/test/lpips", "mean_colour", value=0.61)
        change(row, "AtoB/train/lpips", "identity", value=0.01)
    axes = drawn(rows)
    heights = sorted(line.get_ydata()[0] for line in axes.lines if len(line.get_xdata()) == 2)
    assert heights == [0.3, 0.6, 0.61]
    labels = sorted((text.xy[1], text.get_text()) for text in axes.texts)
    assert [text for _, text in labels] == ["identity", "mean colour", "mean colour"]
    gaps = np.diff([height for height, _ in labels])
    assert gaps.min() >= translation_figure.LABEL_GAP - 1e-9


def test_axis_is_logarithmic_where_curves_fall_far():
    assert drawn().get_yscale() == "linear"
    assert drawn([measured(0, 2.0), measured(4, 0.12)]).get_yscale() == "log"


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (2, ["real | fake"]),
        (3, ["real | fake | true counterpart"]),
        (6, ["real | fake | reconstructed"] * 2),
        (8, ["real | fake | reconstructed | true counterpart"] * 2),
        (5, []),
    ],
)
def test_columns_of_a_sheet(columns, told):
    found = translator.sheet_columns(columns * 18 - 2, CONFIG)
    assert [names for _, names in found] == told
    directions = ["clinical → bacterial or viral", "bacterial or viral → clinical"]
    assert [direction for direction, _ in found] == directions[: len(told)]


def test_page(tmp_path):
    rows = [event_row(0, "started"), *(train_row(i) for i in (1, 2, 3, 4)), *ROWS]
    page = build(workdir_of(tmp_path / "run", rows, sheet=(34, 6 * 18 - 2, 3)))
    for text in (
        "has been shown 0.4 of 0.4 thousand real images of each domain",
        "4 of 4 epochs",
        "clinical → bacterial or viral: LPIPS 0.450 (95 % interval 0.440 … 0.460) on held-out "
        "images at epoch 4.",
        "Synthetic images beside real ones.",
        "The same held-out images in every sheet.",
        "Columns, from the left: clinical → bacterial or viral: real | fake | reconstructed; then "
        "bacterial or viral → clinical: real | fake | reconstructed.",
        "These numbers do not say whether an image is medically right.",
        "By epoch",
        "Warning: fid of 40 images is biased upwards",
    ):
        assert text in page.text, text
    assert "AtoB" not in page.text.partition("Configuration")[0]
    assert "latents" not in page.text
    metrics = 5
    # Two of conclusions, samples, results, by epoch, and four more.
    assert page.elements.count("h2") == 9 + metrics


def test_images_trained_on_are_called_so(tmp_path):
    rows = [measured(4, 0.4, splits={"train": 60})]
    config = {**CONFIG, "checkpoint": {"best_metric": "AtoB/train/lpips"}}
    page = build(workdir_of(tmp_path / "run", rows, config=config))
    assert "Warning: no images were held out" in page.text
    assert "0.310) on images trained on" in page.text
    assert "held-out images" not in page.text


def test_before_the_first_evaluation(tmp_path):
    page = build(workdir_of(tmp_path / "run", [], sheet=(34, 34, 3)))
    assert "Nothing has been measured yet." in page.text
    assert "Columns: clinical → bacterial or viral: real | fake." in page.text


def test_a_sampler_of_two_domains_is_no_translator(tmp_path):
    row = evaluated(100, Measurement(value("kid", 0.1, 9)))
    config = {**CONFIG, "model": {"name": "pgan"}}
    text = build(workdir_of(tmp_path / "run", [train_row(1), row], config=config)).text
    assert "KID is 0.100" in text
    assert "of each domain" not in text
    assert "Results" not in text


def epoch_of(path, config, card):
    plain = json.loads(config_schema.to_json(config))
    return run_record.read(WorkDir(workdir_of(path, [], config=plain, card=card))).epoch


@pytest.mark.parametrize("paired", [True, False])
def test_epoch_is_that_of_training(tmp_path, paired):
    config = tiny_configs.pix2pix()
    config.data.paired = paired
    config.train.total_epochs = 3.0
    data = catalogue(config.data)
    kept = np.delete(np.arange(len(data.records)), data.indices("train", "b")[0])
    data = dataclasses.replace(
        data,
        records=tuple(data.records[row] for row in kept),
        labels=data.labels[kept],
        splits=data.splits[kept],
        domains=data.domains[kept],
    )
    of_a, of_b = data.domain_counts("train")
    assert of_b == of_a - 1  # pairs and the larger domain differ
    card = json.loads(json.dumps(provenance.data_card(data)))
    epoch = epoch_of(tmp_path / "epochs", config, card)
    assert epoch == data.spec("train", config.data).num_examples == (of_b if paired else of_a)
    config.train.total_epochs = 0.0
    assert epoch_of(tmp_path / "kimg", config, card) is None


@pytest.mark.parametrize(
    ("domain_a", "paired", "epoch"),
    [(["normal"], False, 30), (["clinical"], False, None), (["normal"], True, None)],
)
def test_epoch_of_an_older_work_directory(tmp_path, domain_a, paired, epoch):
    data = {"split": "train", "domain_a": domain_a, "domain_b": ["b", "v"], "paired": paired}
    counts = {"normal": 20, "b": 25, "v": 5}
    card = {name: entry for name, entry in CARD.items() if name != "num_examples"}
    card["classes"] = {name: {"train": n, "test": 99} for name, n in counts.items()}
    config = {**CONFIG, "data": {**CONFIG["data"], **data}}
    workdir = WorkDir(workdir_of(tmp_path / "run", [], config=config, card=card))
    assert run_record.read(workdir).epoch == epoch


def test_total_is_left_out_where_epochs_are_unknown(tmp_path):
    card = {name: entry for name, entry in CARD.items() if name != "num_examples"}
    workdir = workdir_of(tmp_path / "run", ROWS, card=card)
    assert run_record.read(WorkDir(workdir)).facts()["total_images"] is None
    assert "has been shown 0.4 thousand real images of each domain" in build(workdir).text

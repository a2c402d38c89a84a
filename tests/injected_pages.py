"""Every page that the program writes, with a word of one's choice in every text that it is made of.

PAGES maps the kind of a page to a function of (folder, word), which writes what a page is made
from into the folder, passes every free text through `word`, and returns the page's HTML.
"""

import dataclasses
import json
import types

import augmentation_example
import cattrs
import numpy as np
from PIL import Image
from tiny_reader_study import tiny_design, write_tiny_study
from tiny_reader_votes import COLUMNS, simulated_votes

from dermgan_jax import config as config_schema
from dermgan_jax.evaluation.anomaly import result as detection
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import (
    ClassPair,
    Confusion,
    Measurement,
    MetricValue,
    by_key,
)
from dermgan_jax.readers import pages, self_test
from dermgan_jax.readers.analysis import analyse
from dermgan_jax.readers.design import Block, Reader, question
from dermgan_jax.readers.votes import read_votes
from dermgan_jax.report import (
    augmentation,
    comparison,
    input_output,
    readers,
    readers_self_test,
    run,
    run_comparison,
    segmentation,
)
from dermgan_jax.runs.workdir import NEAREST, REALS, WorkDir, sample_sheet_name
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.studies import augmentation_result, comparison_result, segmentation_result
from dermgan_jax.studies.segmentation_config import BOTH, REAL
from dermgan_jax.studies.segmentation_result import Arm, SegmentationResult

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "--><svg onload=alert(1)>",
    "]]><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "$\\frac{$",
    "\\g<0>\\1",
)

# Kind of a run's report -> a family of it.
FAMILIES = {
    "sampler": "pgan",
    "translator": "cyclegan",
    "upscaler": "superres",
    "painter": "spade",
    "segmenter": "segmenter",
    "detector": "fanogan",
    "classifier": "classifier",
}


def spiked(plain, word, kept=()):
    """JSON values with every text passed through `word`, but those under names that are `kept`."""
    if isinstance(plain, str):
        return word(plain)
    if isinstance(plain, list | tuple):
        return [spiked(value, word, kept) for value in plain]
    if isinstance(plain, dict):
        return {
            name: value if name in kept else spiked(value, word, kept)
            for name, value in plain.items()
        }
    return plain


def _value(word, name, number):
    return MetricValue(
        *(name, number, word("swd:test"), 32, {word("8x8"): number - 1}, "lower"),
        n_real=24,
        interval=(number - 0.5, number + 0.5),
    )


def _measurement(word, name, number, direction):
    classes = word("mel"), word("nv")
    return Measurement(
        _value(word, name, number),
        direction=direction,
        split=word("test"),
        real_against_real=_value(word, name, 1.5),
        identity=_value(word, name, 2.5),
        mean_colour=_value(word, name, 3.5),
        class_pairs=(ClassPair(classes, 2.0, 12), ClassPair(classes[::-1], 3.0, 12)),
        confusion=Confusion(classes, ((3, 1), (2, 4))),
    )


def _rows(word, directions, names):
    yield _event(word, 0, "started")
    for step in range(1, 5):
        yield {
            "kind": "train",
            "step": step,
            "images": 100 * step,
            "stage": word(f"{4 * (1 + step // 3)}x8"),
            "traced": {"alpha": 0.5 if step < 3 else 1.0, word("rate"): 0.1},
            "images_per_second": 50.0,
            "spent": {"step": 2.0, word("resting"): 1.0},
            "metrics": {
                f"{word(net)}/{name}": 1.0 / step
                for net in ("d", "g")
                for name in ("loss", "score_real", "score_fake", "gradient_penalty")
            },
        }
        if step % 2 == 0:
            measured = [
                _measurement(word, name, 10.0 - step, direction)
                for direction in directions
                for name in names
            ]
            yield {
                "kind": "eval",
                "step": step,
                "images": 100 * step,
                "seconds": 2.0,
                "metrics": measurement_json.to_json(by_key(*measured)),
            }
    yield _event(word, 4, word("wandered off"))


def _event(word, step, event):
    told = {"event": event, "detail": word("why"), "time": 1.7e9}
    return {"kind": "event", "step": step, "images": 100 * step, **told}


def _picture(path, size=(24, 16), red=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (red, 60, 50)).save(path)


def judgement(word=str, synthetic=40, real=80):
    """A classifier's; `synthetic` and `real` of 100 images are named rightly."""

    def side(right):
        share = {"value": right / 100, "low": right / 100 - 0.1, "high": right / 100 + 0.1}
        judged = {"n": 100, "identified": share, "mean_probability": 0.5, "consistent": share}
        return {"overall": judged, "classes": {word("mel"): judged, word("nv"): judged}}

    return {
        **{"judge": word("classifier"), "fake": word("samples"), "threshold": 0.98},
        **{"classes": [word("mel"), word("nv")], "checkpoint": 4, "phantom": False},
        **{"made_by": {"checkpoint": 7}, "real": side(real), "synthetic": side(synthetic)},
    }


def reader_study(word=str, **others):
    """As a run keeps it."""
    share = {"value": 0.6, "low": 0.55, "high": 0.65}
    taken = {"side": word("samples"), "of_class": word("mel"), "images": 10}
    return {
        **{"study": "0123", "title": word("A study"), "page": word("out/report.html")},
        **{"sources": [word("samples")], "own": [word("samples")], "checkpoints": [7]},
        **{"phantom": False, "readers": 3, "unfinished": 1, "groups": {word("doctors"): 3}},
        **{"real": 50, "fake": 30, "asked": 240, "missing": 2, "outcome": "different"},
        "sentence": word("3 readers were right in 60 %: they can tell the kinds apart."),
        "against_chance": word("Balanced accuracy is 60 %."),
        **{"balanced_accuracy": share, "tpr": share, "tnr": None, "class_asked": True},
        "taken_for_real": [{**taken, "called_real": share, "class_seen": share}],
        **others,
    }


def _findings(workdir, word):
    """What each command finds out."""
    row = {
        **{"column": word("tone"), "value": word("dark"), "n": 30, "chosen": 0, "by_chance": 9.0},
        **{"p": 0.001, "share": 0.3, "share_chosen": 0.0, "reference": 0.25},
    }
    audit = {
        **{"train": word("ham10000:train"), "fake": word("samples"), "protocol": word("audit")},
        **{"num_train": 100, "num_fake": 40, "num_distinct": 40, "num_held_out": 100},
        **{"exact_copies": 0, "near_copies": 0, "notes": [word("no held-out images")]},
        "share": {"share": 0.0, "interval": [0.0, 0.1], "nominal": 0.01, "p_value": 1.0, "rank": 1},
        "median_ratio": {"value": 1.0, "interval": [0.9, 1.1]},
        "refusal": word("2 exact copies"),
        "subgroups": {"shares": [row], "coverage": [row], "num_real": 100, "num_fake": 40},
    }
    kept = {
        **{"rule": "realism", "protocol": word("realism:k3"), "input": word("samples")},
        **{"checkpoint": 4, "n": 40, "kept": 12, "accept_rate": 0.3},
        **{"chosen_by": word("the best 0.3 of each class"), "subgroups": [row]},
        **{"warnings": [word("warning: tone dark: kept 0")], "notes": [word("note: unknown")]},
    }
    measured = by_key(_measurement(word, word("kid"), 0.1, ""))
    evaluation = {
        **{"real": word("ham10000:test"), "fake": word("samples"), "seed": 0},
        **{"metrics": measurement_json.to_json(measured), "warnings": [word("few images")]},
    }
    workdir.findings.mkdir()
    found = {"audit": audit, "filter": kept, "evaluation": evaluation}
    found |= {"judge": judgement(word), "readers": reader_study(word)}
    for kind, result in found.items():
        plain = {"kind": kind, "at": 1.7e9, "result": result}
        (workdir.findings / f"{kind}_0.json").write_text(json.dumps(plain))
    _picture(workdir.findings / "audit_0.png")


def write_run(path, kind, word=str):
    """A work directory of one kind of run, whose texts have passed through `word`."""
    workdir = WorkDir(path)
    config = json.loads(config_schema.to_json(config_schema.experiment(FAMILIES[kind])))
    config["title"] = config["title"] or "A run"
    config["data"].update({"domain_a": ["clinical"], "domain_b": ["dermoscopic"]})
    config["train"]["total_epochs"] = 2.0 if kind == "translator" else 0.0
    config["train"]["total_kimg"] = 1.0
    path.mkdir(parents=True, exist_ok=True)
    workdir.config.write_text(json.dumps(spiked(config, word, kept=("name",))))
    directions = ("AtoB", "BtoA") if kind == "translator" else ("",)
    known = {"classifier": ("accuracy",), "upscaler": ("consistency",)}.get(kind, ())
    rows = _rows(word, directions, (*known, word("swd")))
    workdir.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    split = word(config["data"]["split"])
    card = {
        "dataset": word("ham10000"),
        "licence": word("CC BY-NC"),
        "synthetic": False,
        "classes": {word(name): {"train": 7, "val": 2, "test": 3} for name in ("mel", "nv")},
        "num_examples": {split: {"unpaired": 100, "paired": 100}},
        "split_hash": word("0123"),
        "fingerprint": word("4567"),
        "num_groups": 9,
        "group_noun": word("patient"),
    }
    workdir.data_card.write_text(json.dumps(card))
    told = {word("jax"): word("0.10"), "devices": word("1 × cpu")}
    workdir.environment.write_text(json.dumps(told))
    workdir.parameters.write_text(word("g/block_8/conv0 (3, 3, 16, 16)"))
    stages = [{"stage": word("8x8"), "planned": 100.0, "measured": 50.0, "reached": 0.5}]
    planned = {"accelerator": word("one CPU"), "stages": stages}
    (path / "planned.json").write_text(json.dumps(planned))
    for images in (200, 400):
        stage = word("8x8").replace("/", "∕")
        _picture(workdir.samples / sample_sheet_name(images, stage), red=images // 2)
    _picture(workdir.samples / REALS)
    _picture(workdir.samples / NEAREST)
    _findings(workdir, word)
    if kind == "detector":
        detection.write(_detection(word), path)
    return path


def _detection(word):
    def estimate(number):
        return Estimate(number, number - 0.1, number + 0.1)

    curve = detection.Curve([0.0, 0.5, 1.0], [0.0, 0.8, 1.0])
    one = detection.DetectorResult(
        key=detection.TRAINED,
        title=word("f-AnoGAN"),
        source=word("a paper"),
        scores=dict.fromkeys(sorted(detection.NEEDED), estimate(0.7)),
        per_class={word("mel"): estimate(0.6)},
        subgroups=[detection.Subgroup(word("sex"), word("female"), 12, 13, estimate(0.7))],
        localised=detection.Localised(estimate(0.6), estimate(0.5)),
        threshold=0.5,
        ahead=None,
        p_value=None,
        curve=curve,
        seconds=1.0,
    )
    other = dataclasses.replace(one, key="mean", title=word("mean image"), ahead=estimate(0.1))
    return detection.DetectionResult(
        run=word("run"),
        checkpoint=4,
        family=word("fanogan"),
        terms=word("residual"),
        normal=[word("nv")],
        counts={word("mel"): 20},
        **dict.fromkeys(("training_normal", "validation_normal", "test_normal"), 20),
        **dict.fromkeys(("test_abnormal", "groups", "localised_images", "regions"), 20),
        group_noun=word("lesion"),
        without_mask=1,
        detectors=[one, other],
        left_out={word("patches"): word("no weights")},
        phantom=False,
    )


def _page_of_a_run(kind):
    def page(folder, word):
        return run.build(write_run(folder / "run", kind, word)).read_text()

    return page


def _runs_compared(folder, word):
    runs = [write_run(folder / name, "sampler", word) for name in ("first", "second")]
    return run_comparison.build(runs, folder / "out").read_text()


def _comparison(folder, word):
    names = [word(name).replace("/", "∕") for name in ("pgan", "dcgan")]
    measured = measurement_json.to_json(by_key(_measurement(word, word("swd"), 9.0, "")))
    model = {
        "key": word("key"),
        "values": measured,
        "warnings": [word("Few images")],
        "spectrum": [1.0, 2.0],
        "real_spectrum": [1.0, 1.5],
        "excess": 1.0,
        "images": 32,
        "real_images": 32,
    }
    plain = {
        "title": word("Two models"),
        "data": {"dataset": word("ham10000"), "resolution": 16, "split_seed": 0},
        "total_kimg": 1.0,
        "models": dict.fromkeys(names, model),
    }
    (folder / comparison_result.RESULT_FILE).write_text(json.dumps(plain))
    for name in names:
        _picture(folder / name / "walk" / "strip.png")
        images, power = np.zeros((24, 16, 16, 3), np.uint8), np.ones((16, 16))
        examples = {"images": images, "power": power, "real_power": power}
        np.savez(folder / name / comparison_result.EXAMPLES_FILE, **examples)
    return comparison.build(folder).read_text()


def _whole_augmentation(folder, word):
    return _augmentation(folder, word, augmentation_example.result())


def _augmentation(folder, word, result=None):
    """Names of arms are names of files too; `test_augmentation_report.py` has what they may be."""
    whole = cattrs.unstructure(result or augmentation_example.sparse())
    whole["examples"] = {"real": {}, "synthetic": {"mel": ["made.png"]}}
    _picture(folder / "made.png")
    known = {*augmentation_example.ARMS, *augmentation_example.OVERALL, "train", "val", "test"}
    known |= {"made.png", "synthetic"}

    def other(text):
        """A score of a class is told by both, with a slash between."""
        score, slash, of = text.partition("/")
        if slash and score in augmentation_example.PER_CLASS:
            return f"{score}/{word(of)}"
        return text if text in known else word(text)

    def with_keys(plain, name=""):
        if isinstance(plain, dict):
            is_map = not all(key.isidentifier() for key in plain)
            return {
                other(key) if is_map or key in augmentation_example.CLASSES else key: with_keys(
                    value, key
                )
                for key, value in plain.items()
            }
        if isinstance(plain, list | tuple):
            return [with_keys(value, name) for value in plain]
        return other(plain) if isinstance(plain, str) and name != "outcome" else plain

    plain = with_keys(whole)
    (folder / augmentation_result.RESULT_FILE).write_text(json.dumps(plain))
    return augmentation.build(folder).read_text()


def _segmentation(folder, word):
    one = Arm(0.8, (0.7, 0.9), (0.79, 0.81), {word("mel"): 0.7})
    other = dataclasses.replace(one, difference=0.1, difference_interval=(0.0, 0.2), p=0.05)
    found = SegmentationResult(
        title=word("Painted lesions"),
        data={"dataset": word("ham10000"), "resolution": 16},
        total_kimg=1.0,
        arms={REAL: one, BOTH: other},
        **dict.fromkeys(("train_images", "painted_images", "test_images", "test_groups"), 8),
        group_noun=word("lesion"),
        classes={word("mel"): 8},
    )
    segmentation_result.write(found, folder)
    arrays = {
        "images": np.zeros((4, 16, 16, 3), np.uint8),
        "masks": np.zeros((4, 16, 16), np.uint8),
    }
    np.savez(folder / segmentation_result.EXAMPLES_FILE, **arrays)
    return segmentation.build(folder).read_text()


def _input_output(folder, word):
    """Names of files are the texts here; the longest that a disk takes."""
    workdir = write_run(folder / "run", "translator")
    name = word("case").replace("/", "∕").encode()[:200].decode(errors="ignore")
    _picture(folder / "in" / f"{name}.png")
    _picture(folder / "out" / f"synthetic_{name}.png", red=10)
    page = folder / "pairs.html"
    input_output.build(workdir, folder / "in", folder / "out", page, word("AtoB"))
    return page.read_text()


def _readers(folder, word):
    """Votes of a stranger's table; a cell with quotes and commas is quoted."""
    free = {"reader", "group", "image", "class_truth", "class_answer", "side", "comment"}
    head = COLUMNS.split(",")
    lines = [COLUMNS]
    for line in simulated_votes(readers=2, real=8, fake=8).splitlines()[1:]:
        cells = [
            word(cell or "so") if name in free else cell
            for name, cell in zip(head, line.split(","), strict=True)
        ]
        lines.append(",".join('"{}"'.format(cell.replace('"', '""')) for cell in cells))
    (folder / "votes.csv").write_text("\n".join(lines) + "\n")
    votes = read_votes(folder / "votes.csv")
    measured = [["side", "metric", "value", "better"]]
    measured += [[word(f"gan{x}"), word("fid"), str(i), "lower"] for i, x in enumerate("ab")]
    rows = (",".join('"{}"'.format(c.replace('"', '""')) for c in row) for row in measured)
    (folder / "measured.csv").write_text("\n".join(rows) + "\n")
    scores = ['image,"{}"'.format(word("score").replace('"', '""'))]
    scores += [
        '"{}",{}'.format(i.name.replace('"', '""'), n % 5) for n, i in enumerate(votes.images)
    ]
    (folder / "scores.csv").write_text("\n".join(scores) + "\n")
    found = analyse(votes, scores=folder / "scores.csv", measured=folder / "measured.csv")
    return readers.build(found, folder, votes).read_text()


def _design(word):
    return tiny_design(
        title=word("A study"),
        readers=(Reader(word("ann").replace("/", "∕"), word("doctors")),),
        questions=(question("real"), question("class", (word("mel"), word("nv")))),
        classes=(word("mel"), word("nv")),
        blocks=(Block(6, 6),),
        texts={"start.questions": word("What you are asked")},
    )


def _self_test(folder, word):
    design = _design(word)
    study = write_tiny_study(folder / "study", design)
    tested = self_test.self_test(study)
    plan = types.SimpleNamespace(text=lambda: word("It can show little."))
    made = types.SimpleNamespace(
        folder=study, design=design, plan=plan, tested=tested, notes=(word("Enlarged"),)
    )
    return readers_self_test.build(made).read_text()


def _reader_page(folder, word):
    study = write_tiny_study(folder / "study", _design(word))
    (page,) = pages.write_offline_pages(study)
    return page.read_text()


PAGES = {
    **{kind: _page_of_a_run(kind) for kind in FAMILIES},
    "comparison": _comparison,
    "runs compared": _runs_compared,
    "input and output": _input_output,
    "augmentation": _augmentation,
    "whole augmentation": _whole_augmentation,
    "segmentation": _segmentation,
    "readers": _readers,
    "readers self-test": _self_test,
    "reader's page": _reader_page,
}

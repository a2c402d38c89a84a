import dataclasses
import json
import math
import re
from xml.etree import ElementTree

import augmentation_example
import cattrs
import numpy as np
import pytest
from augmentation_example import ARMS, CLASSES
from matplotlib.colors import to_rgba
from PIL import Image
from test_report import Page

from dermgan_jax.errors import UserError
from dermgan_jax.report import augmentation, augmentation_curves, augmentation_figures
from dermgan_jax.report import augmentation_tables as tables
from dermgan_jax.report.style import FADE
from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import Difference
from dermgan_jax.studies import augmentation_result
from dermgan_jax.studies.augmentation_result import Examples, from_json

FIGURES = {
    "class_distribution",
    "differences",
    "overall",
    "target",
    "recall_change",
    "training_curves",
    "filter",
    "sweep",
    "reliability",
    "leakage",
    *(f"confusion_{arm}" for arm in ARMS),
}
NO_NUMBER = re.compile(r"\b(nan|NaN|None|null|inf|undefined)\b")


def build(path, result):
    """The page of a result, which must need nothing beside it."""
    augmentation_result.write(result, path)
    html = augmentation.build(path).read_text()
    page = Page(html)
    page.html, page.text = html, re.sub(r"\s+", " ", page.text)
    assert not {"script", "link", "iframe", "object"} & set(page.elements)
    assert all(reference.startswith(("data:image/", "#")) for reference in page.references)
    assert not NO_NUMBER.search(page.text.partition("Configuration")[0])
    return page


def add_images(path, result):
    """Two real and three synthetic melanomas, one of which is lost, and what the filter rates.

    Returns:
      The result that names them.
    """
    examples = {}
    for kind, num in (("real", 2), ("synthetic", 3)):
        names = [f"{kind}/mel/{i}.png" for i in range(num)]
        examples[kind] = {"mel": names}
        (path / kind / "mel").mkdir(parents=True)
        for name in names[:2]:
            side = 16 if kind == "synthetic" else 20
            Image.fromarray(np.full((side, side, 3), 90, np.uint8)).save(path / name)
    for which in ("best", "worst"):
        Image.new("RGB", (32, 16)).save(path / "synthetic" / f"filtered_{which}.png")
    return dataclasses.replace(result, examples=Examples(**examples))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    path = tmp_path_factory.mktemp("full")
    result = add_images(path, augmentation_example.result())
    return path, result, build(path, result)


@pytest.fixture(scope="module")
def drawn():
    result = augmentation_example.result()
    return result, augmentation_figures.draw(result)


def test_page_begins_with_the_sentence_and_says_what_must_be_said(full):
    _, result, page = full
    assert "header" in page.elements
    begin = page.text.index("we cannot tell whether synthetic × 1 helped or hurt")
    assert begin < page.text.index("recall of mel changed by") < page.text.index("Scores")
    for text in (
        "Cannot tell with this much data",
        "Synthetic images helped",
        "Drawn phantoms, not real skin",
        "Licence: CC BY-NC 4.0, see https://example.org",
        "Synthetic, not chosen",
        "Synthetic, rated worst by the filter",
        "too few lesions for a score",
        "more than 98 % probability",
        result.population.method,
        *result.method,
        *result.limits,
    ):
        assert text in page.text, text
    assert page.text.count("Research software, not a medical device.") == 1
    assert "sweep_1" not in page.text.partition("Configuration")[0]
    assert page.elements.count("img") == 4


def test_sections_come_in_order(full):
    titles = re.findall(r"<h2>([^<]*)</h2>", full[2].html)
    assert titles == [
        "Scores",
        "Pictures",
        "Examples",
        "If lesions leak into the test",
        "Judged by a classifier",
        "Subgroups",
        "Are the synthetic images of the same people?",
        "The filter",
        "Method",
        "Data",
        "Limits",
    ]


def test_figures_are_files_of_their_own_that_need_no_page(full):
    folder = full[0] / "figures"
    assert {path.stem for path in folder.iterdir()} == FIGURES
    for path in folder.glob("*.svg"):
        text = path.read_text()
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("viewBox")
        assert "var(" not in text
        assert "nan" not in re.sub(r'(id|href)="[^"]*"|url\([^)]*\)', "", text).lower()
        written = [element.text for element in root.iter() if element.tag.endswith("}text")]
        assert "drawn phantoms, not real skin" in written, path


def test_figures_in_the_page_take_their_colours_from_it(full):
    svgs = re.findall(r"<svg.*?</svg>", full[2].html, re.DOTALL)
    assert len(svgs) == len(FIGURES)
    for svg in svgs:
        root = ElementTree.fromstring(svg.replace("xlink:", ""))
        assert root.get("aria-label")
        assert not root.get("width")
        assert "var(--" in svg
        assert "#0072b2" not in svg


def test_least_study_leaves_out_what_it_lacks(tmp_path):
    page = build(tmp_path, augmentation_example.sparse())
    for text in ("leak", "The filter", "Subgroups", "hantom", "Learned from", "Examples"):
        assert text not in page.text.partition("Configuration")[0].replace("phantom. L", ""), text
    assert "–" in page.text
    expected = FIGURES - {"filter", "sweep", "leakage"}
    expected -= {f"confusion_{arm}" for arm in ARMS if arm not in ("real", "unfiltered")}
    assert {path.stem for path in (tmp_path / "figures").iterdir()} == expected


def test_what_was_not_found_is_left_out(tmp_path):
    result = augmentation_example.sparse()
    result.scores["real"] = {"accuracy": Score(0.5, None, None)}
    result.versus["unfiltered"].clear()
    nothing = {"generator": None, "card": {}, "limits": [], "method": [], "curves": {}}
    counts = dataclasses.replace(result.counts, synthetic={})
    page = build(tmp_path, dataclasses.replace(result, counts=counts, **nothing))
    assert "50.0" in page.text
    for text in ("Generator:", "Licence", "Limits", "Training curves"):
        assert text not in page.text


def changed_text(result, *replacements):
    """The same result with other words."""
    text = json.dumps(cattrs.unstructure(result))
    for old, new in replacements:
        text = text.replace(old, new)
    return from_json(json.loads(text))


def test_page_of_patients_does_not_speak_of_lesions(tmp_path):
    result = add_images(tmp_path, augmentation_example.result())
    page = build(tmp_path, changed_text(result, ("lesion", "patient")))
    assert "lesion" not in page.html.lower()
    for text in (
        "test patients",
        "If patients leak into the test",
        "split by patient",
        "of them, with a patient that is also in training",
        "too few patients for a score",
        "few patients, wide intervals",
        "7,470 patients in all",
    ):
        assert text in page.text, text


def test_names_cannot_break_the_page(tmp_path):
    names = ('"mel"', '"<m&\'>"'), ("/mel", "/<m&'>")
    result = changed_text(augmentation_example.sparse(), *names)
    page = build(tmp_path, dataclasses.replace(result, title="<script>"))
    assert "<m&'>" in page.text
    for svg in re.findall(r"<svg.*?</svg>", page.html, re.DOTALL):
        ElementTree.fromstring(svg.replace("xlink:", ""))


def test_a_folder_without_a_result_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"augmentation\.json is missing; run the study"):
        augmentation.build(tmp_path)


def test_scores_and_differences_are_those_of_the_result():
    result = augmentation_example.result()
    score = Score(0.75126, 0.7, 0.8)
    result.scores["filtered"].update(balanced_accuracy=score, auc=score)
    change = Difference(-0.0204, -0.0496, 0.009, p=0.01, seed_half_width=0.0)
    result.versus["filtered"].update(
        auc=dataclasses.replace(change, p_corrected=0.031),
        balanced_accuracy=dataclasses.replace(change, p_corrected=0.2),
    )
    table = tables.scores_table(result)
    assert table["headings"][0] == "Balanced accuracy, %"
    at = table["headings"].index("AUC")
    rows = {row["title"]: row for row in table["rows"]}
    filtered = rows["filtered"]
    assert filtered["cells"][0] == ("75.1", "70.0 … 80.0")
    assert filtered["cells"][at] == ("0.751", "0.700 … 0.800")
    assert (filtered["real"], filtered["synthetic"]) == (7010, 300)
    assert (rows["synthetic only"]["real"], rows["synthetic only"]["synthetic"]) == (0, 7010)
    assert [row["title"] for row in table["rows"] if row["base"]] == ["real only"]
    table = tables.differences_table(result)
    (row,) = (row for row in table["rows"] if row["title"] == "filtered")
    assert row["cells"][0] == ("−2.0", "−5.0 … +0.9", "p = 0.20", False)
    at = table["headings"].index("AUC")
    assert row["cells"][at] == ("−0.020", "−0.050 … +0.009", "p = 0.031", True)


@pytest.mark.parametrize(
    ("score", "value", "sign", "text"),
    [
        ("accuracy", 0.8764, False, "87.6"),
        ("recall/mel", -0.0001, True, "+0.0"),
        ("auc/mel", 0.9, False, "0.900"),
        ("auc", -0.012, True, "−0.012"),
        ("f1", None, False, "–"),
        ("f1", float("nan"), True, "–"),
    ],
)
def test_numbers(score, value, sign, text):
    assert tables.told(score, value, sign) == text


@pytest.mark.parametrize("end", [None, math.nan])
def test_interval_without_an_end_is_not_told(end):
    assert tables.interval("accuracy", Score(0.5, 0.4, 0.6)) == "40.0 … 60.0"
    assert tables.interval("accuracy", Score(0.5, 0.4, end)) == ""


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0002, "p < 0.001"), (0.0312, "p = 0.031"), (0.5, "p = 0.50"), (None, "")],
)
def test_p_values(p, text):
    assert tables.p_value(p) == text


def test_leakage_is_told_side_by_side():
    result = augmentation_example.result()
    result.leakage.image.base["balanced_accuracy"] = Score(0.9, 0.88, 0.92)
    rows = dict(tables.leakage_table(result)["rows"])
    assert rows["of them, with a lesion that is also in training"] == [("0", ""), ("612", "")]
    assert rows["real only: Balanced accuracy, %"][1] == ("90.0", "88.0 … 92.0")
    assert "filtered: gain, points" in rows
    assert "synthetic only: gain, points" not in rows


def test_bars_are_as_long_as_the_scores(drawn):
    result, figures = drawn
    names = [*augmentation_figures.OVERALL]
    for axes, name in zip(figures["overall"].axes, names, strict=True):
        factor = 1 if name == "auc" else 100
        widths = [bar.get_width() for bar in axes.patches]
        expected = [result.scores[arm][name] for arm in ARMS]
        np.testing.assert_allclose(widths, [factor * score.value for score in expected])
        ends = np.array([line.get_segments()[0][:, 0] for line in axes.collections])
        np.testing.assert_allclose(ends[:, 0], [factor * score.low for score in expected])
        np.testing.assert_allclose(ends[:, 1], [factor * score.high for score in expected])
    assert axes.patches[0].get_facecolor()[:3] == to_rgba(FADE)[:3]  # the base arm


def test_differences_are_filled_if_told_from_zero(drawn):
    result, figures = drawn
    panels = figures["recall_change"].axes[:5]
    assert [axes.get_title("left") for axes in panels] == [
        "classical",
        "filtered",
        "unfiltered",
        "synthetic × 1",
        "synthetic × 2",
    ]
    found = result.versus["filtered"]
    points = [line for line in panels[1].lines if line.get_marker() == "o"]
    for point, name in zip(points, CLASSES, strict=True):
        row = found[f"recall/{name}"]
        assert point.get_xdata()[0] == pytest.approx(100 * row.difference)
        assert (point.get_fillstyle() == "full") == (row.p_corrected < 0.05)
    labels = [label.get_text() for label in panels[0].get_yticklabels()]
    assert labels[:2] == ["nv (811)", "mel (92)"]


def test_some_difference_is_told_from_zero():
    result = augmentation_example.result()
    of_arm = result.versus["filtered"]
    of_arm["accuracy"] = dataclasses.replace(of_arm["accuracy"], p_corrected=0.01)
    figure = augmentation_figures.differences(result, ["filtered"], augmentation_figures.SCORES)
    (panel,) = figure.axes
    fills = [line.get_fillstyle() for line in panel.lines if line.get_marker() == "o"]
    assert fills[0] == "full"
    assert "none" in fills


def test_confusion_matrix_shows_shares_of_rows_and_counts():
    result = augmentation_example.result()
    result.confusion["real"][1] = [10.0, 85.0, 0.0, 2.5, 2.5, 0.0, 0.0]
    axes = augmentation_figures.confusion(result, "real").axes[0]
    row = {}
    for text in axes.texts:
        column, height = text.get_position()
        if abs(height - 1) < 0.4:
            row.setdefault(column, []).append(text.get_text())
    assert row == {0: ["10", "10"], 1: ["85", "85"], 3: ["2", "2.5"], 4: ["2", "2.5"]}
    opacity = [patch.get_alpha() for patch in axes.patches[7:14]]
    strongest = augmentation_figures.STRONGEST
    np.testing.assert_allclose(opacity, strongest * np.array([0.1, 0.85, 0, 0.025, 0.025, 0, 0]))


def test_gain_is_drawn_at_the_number_of_synthetic_images(drawn):
    result, figures = drawn
    axes = figures["sweep"].axes[0]
    points = {line.get_label(): line.get_xydata()[0] for line in axes.lines[2:]}
    made = {"filtered": 300, "synthetic × 1": 779, "unfiltered": 1000, "synthetic × 2": 1558}
    assert {name: point[0] for name, point in points.items()} == made
    gain = result.versus["sweep_2"]["balanced_accuracy"].difference
    assert points["synthetic × 2"][1] == pytest.approx(100 * gain)
    np.testing.assert_array_equal(axes.lines[1].get_xdata(), [0, 779, 1000, 1558])


def test_leakage_figure_has_both_levels_and_all_gains(drawn):
    result, figures = drawn
    level, _, balanced = figures["leakage"].axes
    found = result.leakage
    drawn_at = [line.get_xdata()[0] for line in level.lines]
    expected = [
        100 * side.base[name].value
        for side in (found.group, found.image)
        for name in ("accuracy", "balanced_accuracy")
    ]
    np.testing.assert_allclose(drawn_at, expected)
    gains = [line.get_xdata()[0] for line in balanced.lines if line.get_marker() == "s"]
    expected = [100 * found.image.versus[arm]["balanced_accuracy"].difference for arm in ARMS[1:-1]]
    np.testing.assert_allclose(gains, expected)


def test_class_distribution_counts_real_and_synthetic_images(drawn):
    result, figures = drawn
    real, made = figures["class_distribution"].axes
    train = [bar.get_width() for bar in real.patches[:7]]
    assert train == list(result.counts.real["train"].values())
    written = [text.get_text() for text in made.texts]
    assert written[1:6] == ["300", "1,000", "779", "1,558", "779"]
    labels = [label.get_text() for label in made.get_yticklabels()]
    assert labels[:3] == ["nv, synthetic only", "mel, filtered", "unfiltered"]


def test_bins_without_images_are_not_drawn(drawn):
    result, figures = drawn
    axes = figures["reliability"].axes[0]
    curve = axes.lines[1].get_xydata()
    assert len(curve) == 12
    assert np.isfinite(curve).all()
    assert result.reliability["real"].count[:3] == [0, 0, 0]


def test_curve_that_was_not_measured_is_left_out():
    result = augmentation_example.result()
    result.curves["classical"] = dataclasses.replace(result.curves["classical"], loss=[])
    loss, balanced = augmentation_curves.training_curves(result).axes
    assert np.isnan(loss.lines[1].get_ydata()).all()
    assert np.isfinite(balanced.lines[1].get_ydata()).all()

"""The report of a reader study: one HTML file that needs nothing beside it."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax import files
from dermgan_jax.files import Path
from dermgan_jax.readers import analysis_words as words
from dermgan_jax.readers.analysis import SAME, Analysis
from dermgan_jax.readers.analysis_images import ImageRow
from dermgan_jax.readers.analysis_scores import confidence_scores
from dermgan_jax.readers.design import FAKE, REAL, Design
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.study_votes import Study
from dermgan_jax.readers.votes import StudyVotes
from dermgan_jax.report import readers_figures, readers_tables
from dermgan_jax.report.html import environment, picture
from dermgan_jax.report.style import to_svg
from dermgan_jax.statistics.crossed import LARGEST
from dermgan_jax.statistics.equivalence import CANNOT_TELL, EQUIVALENT

REPORT = "report.html"
SHOWN = 6  # images of a sheet
IMAGE_WIDTH = 256  # pixels of an image, at most
FIGURES = {
    "accuracy": (
        "Accuracy",
        "A point is a reader; boxes are quartiles. Dotted: one half, which in studies with unequal "
        "numbers of both kinds is not what every guesser gets.",
    ),
    "rates": (
        "Real images and synthetic images called real",
        "A point is a reader. On the dotted line, both are called real equally often: chance.",
    ),
    "images": (
        "Images by the share of readers who call them real",
        "If readers could tell, real images would gather at the right and synthetic ones at the "
        "left.",
    ),
    "halves": ("First against second half", "Of each reader's own order."),
    "realism": ("Ratings of realism", "Means with 95 % intervals."),
    "ranks": (
        "Synthetic sources, by readers and by metrics",
        "Where lines cross, a metric and readers disagree about which source is nearer to real.",
    ),
}
CURVES = " Thin lines: each reader's ROC curve, from confidence."
TONES = {EQUIVALENT: "good", CANNOT_TELL: "open"}


def build(
    analysis: Analysis, out: Path, votes: StudyVotes | None = None, study: Study | None = None
) -> Path:
    """Writes OUT/report.html.

    Args:
      analysis: the result.
      out: folder.
      votes: that it is of; None of published counts.
      study: that they are of, whose images are shown; None of others' votes.
    """
    design = None if study is None else study.design
    word, why = words.against_chance(analysis)
    html = (
        environment()
        .get_template("readers.html.jinja")
        .render(
            analysis=analysis,
            sentence=words.sentence(analysis),
            word=word,
            why=why,
            tone=_tone(analysis),
            phantom=design is not None and design.phantom,
            called_real=real_noun(design),
            readers=readers_tables.reader_rows(analysis.readers),
            groups=readers_tables.group_rows(analysis),
            agreement=readers_tables.agreement_rows(analysis),
            taken=readers_tables.taken_rows(analysis.taken_for_real),
            judges=readers_tables.judge_rows(analysis),
            rankings=readers_tables.ranking_rows(analysis),
            printed=readers_tables.printed_rows(analysis),
            printed_sentences=words.printed_sentences(analysis),
            halves=_halves(analysis),
            revised=_revised(analysis),
            realism=analysis.likert and realism_sentence(analysis),
            sheets=[] if study is None else sheets(analysis, study.folder, real_noun(design)),
            checklist=readers_tables.checklist(analysis, design),
            figures=_figures(analysis, votes),
            comments=analysis.comments,
            reader_groups=list(dict.fromkeys(row.group for row in analysis.readers)),
            smallest=_smallest(analysis),
            same=words.percent(SAME),
            margin=words.percent(analysis.equivalence.margin, 1).removesuffix(".0")
            if analysis.equivalence
            else "",
        )
    )
    files.write_text(out / REPORT, html)
    return out / REPORT


def _tone(analysis: Analysis) -> str:
    """The colour of the verdict."""
    if analysis.equivalence is None or analysis.interim:
        return TONES[CANNOT_TELL]
    return TONES.get(analysis.equivalence.outcome, "")


def _smallest(analysis: Analysis) -> str:
    """In percent, or "" if nothing of it can be told."""
    smallest = analysis.smallest_difference
    return "" if smallest is None or smallest >= LARGEST else words.percent(smallest, 1)


def real_noun(design: Design | None) -> str:
    """What the images that count as real are."""
    return "drawn phantoms" if design is not None and design.phantom else "real images"


def _figures(analysis: Analysis, votes: StudyVotes | None) -> dict[str, dict[str, Any]]:
    scores = None
    if votes is not None:
        counted = votes.of_readers(np.array([row.finished for row in analysis.readers]))
        scores = readers_figures.roc_scores(counted, confidence_scores(counted))
    drawn: dict[str, Figure] = readers_figures.draw(analysis, scores)
    found = {}
    for name, figure in drawn.items():
        title, note = FIGURES.get(name, (name.replace("judge ", "Readers and "), ""))
        if name == "rates" and scores is not None:
            note += CURVES
        found[name] = {"title": title, "svg": to_svg(figure, title), "note": note}
    return found


def _halves(analysis: Analysis) -> str:
    if analysis.halves is None:
        return ""
    return readers_tables.change_sentence(
        analysis.halves, "of the first half", "of the second half of their own order"
    )


def _revised(analysis: Analysis) -> str:
    found = analysis.revised
    if found is None:
        return ""
    text = (
        f"{found.changed:,} of {found.answers:,} answers were changed, {found.to_right:,} to the "
        f"right one and {found.to_wrong:,} to the wrong one. "
    )
    if found.accuracy is not None:
        text += readers_tables.change_sentence(found.accuracy, "at first", "in the end")
    return text


def realism_sentence(analysis: Analysis) -> str:
    """How far readers agree on realism."""
    icc = analysis.likert.icc if analysis.likert else None
    if icc is None:
        return "How far readers agree on realism cannot be told: too few rated the same images."
    single, mean = (readers_tables.number(each) for each in (icc.single, icc.mean))
    return (
        f"Intraclass correlation of {icc.raters} readers on {icc.subjects} images: {single[0]} "
        f"({single[1]}) for one reader, ICC(2,1), and {mean[0]} ({mean[1]}) for the mean of all, "
        f"ICC(2,{icc.raters})."
    )


def sheets(analysis: Analysis, folder: StudyFolder, real: str) -> list[dict[str, Any]]:
    """The images that misled readers most and least, of each truth.

    Args:
      analysis: the result.
      folder: where images lie; one that is missing is left out.
      real: what the images that count as real are.
    """
    found = []
    for truth, noun, other in ((FAKE, "synthetic images", "real"), (REAL, real, "synthetic")):
        rows = [row for row in analysis.image_rows if row.truth == truth]
        number = min(SHOWN, len(rows) // 2)
        for often, chosen in (("most", rows[:number]), ("least", rows[::-1][:number])):
            images = [
                _shown(row, folder) for row in chosen if folder.image_file(row.image).is_file()
            ]
            if images:
                title = f"{noun[0].upper()}{noun[1:]} {often} often taken for {other}"
                found.append({"truth": truth, "title": title, "images": images})
    return found


def _shown(row: ImageRow, folder: StudyFolder) -> dict[str, Any]:
    with folder.image_file(row.image).open("rb") as file, Image.open(file) as image:
        shown = picture(image, IMAGE_WIDTH)
    return {
        "picture": shown,
        "called": f"{round(row.called_real * row.answers)} of {row.answers}",
        "of": readers_tables.kind_of(row.side, row.of_class),
    }

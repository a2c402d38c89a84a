"""What a classifier or a segmenter said of a run's images, as the run's report shows it.

Real test images stand beside: a judge cannot be expected to see in synthetic ones what it misses
in those.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, NotRequired, TypedDict

from dermgan_jax import stored_json
from dermgan_jax.readers.analysis_words import interval, percent
from dermgan_jax.statistics.intervals import Estimate

CLASSIFIER, SEGMENTER = "classifier", "segmenter"
LOWER, HIGHER, SAME = "lower", "higher", "same"
ALL = "all"


class Judged(TypedDict):
    """See `statistics.identification.Judged`."""

    n: int
    identified: Estimate | None
    consistent: Estimate | None


class Identification(TypedDict):
    """See `statistics.identification.Identification`."""

    overall: Judged
    classes: dict[str, Judged]


class OfClassifier(TypedDict):
    """What is read of `evaluation.judge.Judgement`, and whose images they are."""

    judge: str
    fake: str
    threshold: float
    phantom: bool
    real: Identification
    synthetic: Identification
    made_by: NotRequired[dict[str, Any] | None]


class Overlap(TypedDict):
    """See `evaluation.judge_masks.Overlap`."""

    n: int
    dice: float
    dice_interval: tuple[float, float] | None


class OfSegmenter(TypedDict):
    """What is read of `evaluation.judge_masks.MaskJudgement`, and whose images they are."""

    judge: str
    fake: str
    phantom: bool
    real: dict[str, Overlap]
    synthetic: dict[str, Overlap]
    made_by: NotRequired[dict[str, Any] | None]


class Side(NamedTuple):
    """A judge's success on some images; with its interval, where there is one."""

    n: int
    success: Estimate | None
    text: str
    more: str = ""


class Row(NamedTuple):
    """Of all images or those of a class; `outcome` is of the synthetic side, "" if not known."""

    name: str
    synthetic: Side
    real: Side

    @property
    def outcome(self) -> str:
        """Whether the intervals lie apart, and how."""
        synthetic, real = self.synthetic.success, self.real.success
        if synthetic is None or real is None:
            return ""
        if synthetic.high < real.low:
            return LOWER
        return HIGHER if synthetic.low > real.high else SAME


def read(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A result as templates show it: "kind", "judge", "fake", "phantom", "rows" and "sentence".

    Raises:
      ValueError: if it is of other types.
    """
    if "threshold" in plain:
        classifier = stored_json.structure(plain, OfClassifier)
        kind, rows, told = CLASSIFIER, _of_classes(classifier), {"at": classifier["threshold"]}
        found: Mapping[str, Any] = classifier
    else:
        found = segmenter = stored_json.structure(plain, OfSegmenter)
        kind, rows, told = SEGMENTER, _of_masks(segmenter), {}
    step = (found.get("made_by") or {}).get("checkpoint")
    return {
        **{"kind": kind, "rows": rows, "judge": found["judge"], "fake": found["fake"]},
        **{"phantom": found["phantom"], "sentence": _sentence(kind, rows[0], found["phantom"])},
        "checkpoint": f" (checkpoint {step})" if isinstance(step, int) else "",
        **told,
    }


def _of_classes(found: OfClassifier) -> list[Row]:
    def side(judged: Judged | None) -> Side:
        if judged is None or judged["consistent"] is None:
            return Side(0, None, "–")
        share, sure = judged["consistent"], judged["identified"]
        more = f"identified {percent(sure.value)} %" if sure else ""
        return Side(judged["n"], share, f"{percent(share.value)} % ({interval(share)})", more)

    synthetic, real = found["synthetic"], found["real"]
    rows = [Row(ALL, side(synthetic["overall"]), side(real["overall"]))]
    names = [name for name, judged in synthetic["classes"].items() if judged["n"]]
    for name in names if len(names) > 1 else ():
        rows.append(Row(name, side(synthetic["classes"][name]), side(real["classes"].get(name))))
    return rows


def _of_masks(found: OfSegmenter) -> list[Row]:
    def side(overlap: Overlap | None) -> Side:
        if overlap is None:
            return Side(0, None, "–")
        dice, ends = overlap["dice"], overlap["dice_interval"]
        if ends is None:
            return Side(overlap["n"], None, f"{dice:.2f}")
        text = f"{dice:.2f} ({ends[0]:.2f} … {ends[1]:.2f})"
        return Side(overlap["n"], Estimate(dice, *ends), text)

    names = [ALL, *(name for name in found["synthetic"] if name != ALL)]
    return [
        Row(name, side(found["synthetic"].get(name)), side(found["real"].get(name)))
        for name in names
    ]


def _sentence(kind: str, row: Row, phantom: bool) -> str:
    """Without a stop."""
    real = f"{row.real.n:,} {'drawn phantoms' if phantom else 'real test images'}"
    if kind == CLASSIFIER:
        return (
            f"a classifier names the class that was asked for in {row.synthetic.text} of "
            f"{row.synthetic.n:,} synthetic images, and the true one in {row.real.text} of {real}"
        )
    return (
        f"a segmenter finds the masks that {row.synthetic.n:,} images were painted from with a "
        f"Dice of {row.synthetic.text}, and those of {real} with {row.real.text}"
    )


_MAY = {
    CLASSIFIER: "The images show what a classifier takes for their class",
    SEGMENTER: "The lesions lie where a segmenter finds them",
}
_MAY_NOT = {
    CLASSIFIER: "That the images show what their class says",
    SEGMENTER: "That lesions fill the masks that they were painted from",
}


def may(found: Mapping[str, Any]) -> list[str]:
    """What may be concluded of a result that `read` gave."""
    row = found["rows"][0]
    if row.outcome not in (SAME, HIGHER):
        return []
    seen = {SAME: "no difference from real images is shown", HIGHER: "more often than real ones do"}
    if found["kind"] == SEGMENTER:
        seen[HIGHER] = "better than in real images"
    return [f"{_MAY[found['kind']]}, {seen[row.outcome]}: {found['sentence']}."]


def may_not(found: Mapping[str, Any]) -> list[str]:
    """What may not."""
    whole, *classes = found["rows"]
    said = []
    if whole.outcome in ("", LOWER):
        said.append(f"{_MAY_NOT[found['kind']]}: {found['sentence']}.")
    if whole.outcome == HIGHER:
        said.append(
            "That the images are as varied as real ones: a judge that does better on them than on "
            "those may have met easy cases only."
        )
    lower = [
        f"“{row.name}” {row.synthetic.text}, of real ones {row.real.text}"
        for row in classes
        if row.outcome == LOWER
    ]
    if lower:
        what = {CLASSIFIER: "named so are of", SEGMENTER: "the Dice is of"}[found["kind"]]
        said.append(f"{_MAY_NOT[found['kind']]} in every class: {what} {'; of '.join(lower)}.")
    return said

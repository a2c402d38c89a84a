"""What may be concluded from a run, and what not: sentences made from what was measured of it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dermgan_jax.evaluation import audit_conclusion
from dermgan_jax.metrics.measurement import Measurement, is_frechet
from dermgan_jax.report import (
    figures,
    judge_finding,
    metric_texts,
    metric_values,
    readers_finding,
)
from dermgan_jax.report.found_later import Later
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.statistics.acceptance import LEVEL
from dermgan_jax.statistics.subgroups import UNKNOWN

MANY = 0.1  # of images whose subgroup could not be told
MAKES_IMAGES = ("sampler", "painter", "translator", "upscaler")


class Conclusions(NamedTuple):
    """Sentences, the most important first."""

    may: list[str]
    may_not: list[str]


def conclusions(record: RunRecord, kind: str, later: Later) -> Conclusions | None:
    """Of a run.

    Args:
      record: of the run.
      kind: of its model. Of one that makes no images nothing is said.
      later: what was found out after training.
    """
    if kind not in MAKES_IMAGES:
        return None
    may, may_not = [], []
    measured = _latest(record)
    may += distances(measured)
    may += list(_beside_real(later))
    if record.phantom:
        may_not.append(
            "Anything about patients: the training images are drawn by a program, not photographed."
        )
    may += [f"{s[0].upper()}{s[1:]}." for s in _calm(later.audits)]
    may_not += list(_about_copies(later, kind))
    may += [said for study in later.readers for said in readers_finding.may(study)]
    may += [said for judged in _newest_of_kinds(later) for said in judge_finding.may(judged)]
    may_not += list(_about_looks(later))
    grey = record.config["data"].get("channels") == 1
    may_not += list(_about_people(later, "kind of patient" if grey else "skin tone"))
    if kind == "translator":
        may_not.append(
            "That a finding in a translation is the patient's: it may have been added, and another "
            "lost."
        )
    may_not += [
        "That they help to train a classifier: that is asked of held-out patients (dermgan train "
        "--config=augmentation_study).",
        "That another training would give the same values: this page is of one run, one seed.",
    ]
    return Conclusions(may, may_not)


def _latest(record: RunRecord) -> Sequence[Measurement]:
    rows = figures.evaluations(record.rows)
    return tuple(rows[-1]["metrics"].values()) if rows else ()


def distances(measured: Sequence[Measurement]) -> list[str]:
    """What values say beside those of real images against real ones, a sentence for each outcome.

    Of values without such a bound or an interval nothing, and of Fréchet distances nothing: they
    grow as images get fewer, which those of the bound are.
    """
    found: dict[str, list[str]] = {"apart": [], "alike": [], "beyond": []}
    fewest = []
    for one in measured:
        bound, value = one.real_against_real, one.value
        ends = metric_values.interval(value)
        if is_frechet(value.name) or bound is None or ends is None:
            continue
        if not (bound.is_finite and value.is_finite):
            continue
        bounds = metric_values.interval(bound) or (bound.value, bound.value)
        above, below = ends[0] > bounds[1], ends[1] < bounds[0]
        worse, better = (above, below) if value.better == "lower" else (below, above)
        outcome = "apart" if worse else "beyond" if better else "alike"
        where = f" ({one.direction}, {one.split})" if one.direction else ""
        found[outcome].append(
            f"{metric_texts.of(one.name).short}{where} is {metric_values.with_spread(value)}, "
            f"between real images {metric_values.number(bound)}"
        )
        fewest += [value.fewest] if outcome == "alike" else []
    said = []
    if found["apart"]:
        told = "; ".join(found["apart"])
        said.append(f"The synthetic images differ measurably from real ones: {told}.")
    if found["beyond"]:
        said.append(
            "Beyond what real images reach against each other, which is no merit, as images that "
            f"are all typical, copies, or more images do so: {'; '.join(found['beyond'])}."
        )
    if found["alike"]:
        said.append(
            f"With {min(fewest):,} images no difference from real ones is shown, which is no proof "
            f"that there is none: {'; '.join(found['alike'])}."
        )
    return said


def _beside_real(later: Later) -> Iterator[str]:
    """What the newest evaluation says; nothing of one against synthetic images."""
    for found in later.evaluations[:1]:
        if "real" not in found.get("made_by", {}):
            for said in distances(found["measured"]):
                yield f"Against {found['real']}: {said}"


def _calm(audits: Sequence[dict]) -> list[str]:
    """What the newest audit says, if it reassures and no other one found copies."""
    if not audits or any(audit["refusal"] for audit in audits):
        return []
    newest = audits[0]
    calm = audit_conclusion.reassures(newest) and audit_conclusion.is_of_the_run(newest)
    return newest["sentences"] if calm else []


def _about_copies(later: Later, kind: str) -> Iterator[str]:
    if not later.audits:
        if kind == "sampler":
            yield (
                "That no training image is handed out again: no audit of this run is here (dermgan "
                "audit)."
            )
        return
    newest = later.audits[0]
    refused = next((audit for audit in later.audits if audit["refusal"]), None)
    if refused is not None:
        which = "the newest audit" if refused is newest else f"an audit of {refused['when']}"
        yield (
            f"That the images may be shared: {which}{refused['checkpoint']} found "
            f"{refused['sentences'][0]}."
        )
    if not newest["refusal"] and not audit_conclusion.is_of_the_run(newest):
        yield (
            f"That no training image is handed out again: the newest audit compared with "
            f"{newest['train']}, which is not known to be what this run learned from."
        )
    elif not newest["refusal"] and not audit_conclusion.reassures(newest):
        said = newest["sentences"][0].removeprefix("warning: ")
        yield f"That no training image is handed out again: {said}."
    if not newest["refusal"] and newest["points"]:
        verb = "point" if " and " in newest["points"] else "points"
        yield (
            f"That nothing was learned by heart: {newest['points']} {verb} towards copies, which "
            "is no proof; look at the closest pairs."
        )


def _newest_of_kinds(later: Later) -> list[dict]:
    """The newest judgement of a classifier and of a segmenter, as far as there are any."""
    return list({judged["kind"]: judged for judged in reversed(later.judges)}.values())


def _about_looks(later: Later) -> Iterator[str]:
    """Whether a person could tell, and what the images show: what was asked, and what was not."""
    for study in later.readers:
        yield from readers_finding.may_not(study)
    for judged in _newest_of_kinds(later):
        yield from judge_finding.may_not(judged)
    classified = any(one["kind"] == judge_finding.CLASSIFIER for one in later.judges)
    asked = {
        "a person could not tell them from real ones": bool(later.readers),
        "they show what their class says": classified or bool(later.readers),
    }
    if missing := [f"that {what}" for what, done in asked.items() if not done]:
        yield (
            f"T{', or '.join(missing)[1:]}: numbers do not see that, readers do (dermgan "
            "readers_design)."
        )


def _about_people(later: Later, kinds: str) -> Iterator[str]:
    subgroups = [each["subgroups"] for each in later.audits[:1] if each.get("subgroups")]
    if not subgroups and not later.filters:
        yield f"That every {kinds} and class is there: nobody has looked (dermgan audit tells)."
        return
    for rows in [table["shares"] for table in subgroups] or [later.filters[0]["subgroups"]]:
        for row in rows:
            if row["value"] == UNKNOWN and row["share"] > MANY:
                yield (
                    f"That every {row['column']} is there: of {row['share']:.0%} of the images it "
                    "could not be told."
                )
    for table in subgroups:
        for row in skewed(table["shares"]):
            real = (row["n"] - row["chosen"]) / max(table["num_real"], 1)
            fake = row["chosen"] / max(table["num_fake"], 1)
            yield (
                f"That {row['column']} “{row['value']}” is represented: {fake:.1%} of the "
                f"synthetic images, {real:.1%} of the real ones."
            )
        for row in skewed(table["coverage"]):
            yield (
                f"That {row['column']} “{row['value']}” is covered: {row['chosen']} of "
                f"{row['n']} real images have a synthetic one near them, {row['by_chance']:.0f} "
                "would by chance."
            )
    for each in later.filters[:1]:
        for row in each["subgroups"]:
            is_missing = row.get("p_missing", 1.0) < LEVEL and row["reference"]
            if is_missing and row["value"] != UNKNOWN:
                yield (
                    f"That {row['column']} “{row['value']}” is represented: {row['reference']:.1%} "
                    f"of the real images, none of {each['n']} that the filter chose among."
                )
        for row in skewed(each["subgroups"]):
            yield (
                f"That the filter was fair: of {row['column']} “{row['value']}” it kept "
                f"{row['chosen']} of {row['n']}, by chance {row['by_chance']:.1f}."
            )


def skewed(rows: Sequence[dict]) -> list[dict]:
    """Rows of a table of subgroups that chance does not explain, to their disadvantage."""
    return [
        row
        for row in rows
        if row["p"] < LEVEL and row["chosen"] < row["by_chance"] and row["value"] != UNKNOWN
    ]

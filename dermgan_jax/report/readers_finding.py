"""What readers said of a run's images, as the run's report shows it."""

from collections.abc import Mapping
from typing import Any

from dermgan_jax import stored_json
from dermgan_jax.readers.analysis_words import interval, percent, plural
from dermgan_jax.readers.kept_result import ReadersResult, Taken
from dermgan_jax.statistics.equivalence import DIFFERENT, EQUIVALENT, SMALL
from dermgan_jax.statistics.intervals import Estimate


def read(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A result as templates show it: its fields, with "rows" and "who".

    Raises:
      ValueError: if it is of other types.
    """
    found = stored_json.structure(plain, ReadersResult)
    return {**found, "rows": _rows(found), "who": _who(found), "checkpoint": _checkpoint(found)}


def _checkpoint(found: ReadersResult) -> str:
    steps = ", ".join(map(str, found["checkpoints"]))
    noun = "checkpoint" if len(found["checkpoints"]) == 1 else "checkpoints"
    return f"{noun} {steps}" if steps else ""


def _who(found: ReadersResult) -> str:
    """The readers by group, and what they were shown."""
    groups = ", ".join(f"{number} {name}" for name, number in found["groups"].items() if name)
    real = "drawn phantoms" if found["phantom"] else "real"
    who = f"{plural(found['readers'], 'reader')}{f' ({groups})' if groups else ''}"
    unfinished = f", {found['unfinished']} more had not finished" if found["unfinished"] else ""
    missing = f"; {found['missing']:,} of {found['asked']:,} answers are missing"
    return (
        f"{who}{unfinished}; {found['real']:,} {real} and {found['fake']:,} synthetic images of "
        f"{', '.join(found['sources'])}{missing if found['missing'] else ''}"
    )


def _rows(found: ReadersResult) -> list[tuple[str, str]]:
    """(what, share with its interval) of all readers."""
    real = "drawn phantoms" if found["phantom"] else "real images"
    rows = [
        ("right, both kinds weighing the same", found["balanced_accuracy"]),
        (f"{real} called real", found["tpr"]),
        ("synthetic images called synthetic", found["tnr"]),
    ]
    for taken in found["taken_for_real"]:
        which = _which(taken)
        if which:
            rows.append((f"synthetic images {which} called real", taken["called_real"]))
        if taken["class_seen"]:
            rows.append((f"class seen in synthetic images {which}".strip(), taken["class_seen"]))
    return [(what, share_text(share)) for what, share in rows if share]


def _which(taken: Taken) -> str:
    parts = [f"of {taken['side']}"] if taken["side"] else []
    return " ".join([*parts, *([f"of class {taken['of_class']}"] if taken["of_class"] else [])])


def share_text(share: Estimate) -> str:
    """Such as "58 % (51 … 65)"."""
    return f"{percent(share.value)} % ({interval(share)})"


def may(found: Mapping[str, Any]) -> list[str]:
    """What may be concluded of a result that `read` gave: nothing of images mixed with others."""
    if _is_mixed(found) or found["outcome"] not in (DIFFERENT, SMALL, EQUIVALENT):
        return []
    return [f"Of its images in a reader study: {found['sentence']}"]


def may_not(found: Mapping[str, Any]) -> list[str]:
    """What may not."""
    start = "That a person could not tell them from real ones"
    people = f"{plural(found['readers'], 'reader')}, {found['fake']:,} synthetic images"
    if _is_mixed(found):
        said = [
            f"{start}: a reader study showed them among images of other sources "
            f"({', '.join(found['sources'])}), and its conclusion is of all of these together."
        ]
    elif found["outcome"] in (DIFFERENT, SMALL):
        said = [f"{start}: readers of a study could."]
    elif found["outcome"] == EQUIVALENT:
        said = [
            "That nobody could tell them from real ones: one study says so of readers and images "
            f"such as it had ({people})."
        ]
    else:
        said = [f"{start}: {found['sentence']}"]
    if not found["class_asked"]:
        said.append("That readers see in them what their class says: the study did not ask.")
    return said


def _is_mixed(found: Mapping[str, Any]) -> bool:
    return set(found["own"]) != set(found["sources"])

"""What columns of people's own tables mean, by how they are usually called."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dermgan_jax.data.faults import Fault

PATH, LABEL, GROUP, SPLIT, MASK = ROLES = ("path", "label", "group", "split", "mask")
# Capitals, spaces, hyphens and underscores do not matter: "Patient ID" is patient_id.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    PATH: (
        *("file", "filename", "filepath", "image", "image_path", "image_file", "image_name"),
        *("image_id", "img", "img_path", "img_id", "isic_id"),
    ),
    LABEL: ("labels", "class", "classes", "class_name", "diagnosis", "dx", "target", "category"),
    GROUP: (
        *("patient", "patient_id", "lesion", "lesion_id", "subject", "subject_id", "case"),
        *("case_id", "person", "person_id"),
    ),
    SPLIT: ("splits", "set", "subset", "partition"),
    MASK: ("masks", "mask_path", "mask_file", "segmentation", "segmentation_path"),
}
# Cells that say that nothing is known, in lower case.
MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "#n/a", "none", "null"})
FEW_ROWS = 3  # below, that a column is constant or all different says nothing


class Meanings(NamedTuple):
    """What the columns of a table are.

    Attributes:
      columns: role -> column.
      subgroups: the other columns.
      notes: what is not as it is written, a clause each.
      faults: columns that cannot be told apart, or that a role lacks.
    """

    columns: dict[str, str]
    subgroups: list[str]
    notes: list[str]
    faults: list[Fault]


def meanings(table: object, columns: Sequence[str]) -> Meanings:
    """Which column has which role.

    A column called as a role takes it, whatever others are called. Otherwise the only column with a
    synonym of its name does.

    Args:
      table: the file, for messages.
      columns: names, without spaces around them.
    """
    found: dict[str, str] = {}
    faults = []
    for role in ROLES:
        candidates = [name for name in columns if name == role]
        candidates = candidates or [name for name in columns if spelling(name) == spelling(role)]
        known = set(map(spelling, SYNONYMS[role]))
        candidates = candidates or [name for name in columns if spelling(name) in known]
        if len(candidates) > 1:
            named = " and ".join(map(repr, candidates))
            faults.append(
                Fault(
                    "column",
                    f"{table}: the columns {named} could both be the {role}: call the one that is "
                    f"meant {role!r}",
                )
            )
        elif candidates:
            found[role] = candidates[0]
    if PATH not in found and not any(f"the {PATH}:" in fault.message for fault in faults):
        faults.append(
            Fault(
                "column",
                f"{table} has no column {PATH!r}, which names the image files (or "
                f"{', '.join(SYNONYMS[PATH])}); it has {', '.join(columns)}: call the one that is "
                f"meant {PATH!r}",
            )
        )
    renamed = [f"{name!r} as {role}" for role, name in found.items() if name != role]
    notes = [f"columns are read under other names: {', '.join(renamed)}"] if renamed else []
    subgroups = [name for name in columns if name not in found.values()]
    return Meanings(found, subgroups, notes, faults)


def known(cell: str) -> str:
    """The cell, or "" if it says that nothing is known."""
    return "" if cell.lower() in MISSING else cell


def spelling(name: str) -> str:
    """A name as it is compared: letters and digits in lower case."""
    return re.sub(r"[\W_]+", "", name.lower())


def subgroup_notes(subgroups: Sequence[str], rows: Sequence[Mapping[str, str]]) -> list[str]:
    """What the columns without a role are used for, and which of them say nothing, a clause each.

    Args:
      subgroups: columns.
      rows: column -> cell.
    """
    if not subgroups:
        return []
    notes = [f"results are broken down by the other columns: {', '.join(subgroups)}"]
    values = {name: {row[name] for row in rows} for name in subgroups}
    constant = [name for name in subgroups if len(values[name]) == 1]
    distinct = [name for name in subgroups if len(values[name]) == len(rows)]
    if len(rows) >= FEW_ROWS and constant + distinct:
        notes.append(
            f"the columns {', '.join(constant + distinct)} are of no use for that, as all their "
            "cells are equal or all differ: leave them out of the table"
        )
    return notes

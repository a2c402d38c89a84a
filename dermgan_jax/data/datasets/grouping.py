"""Which images of one's own show the same patient or lesion, as their paths tell."""

import dataclasses
import re
from collections.abc import Sequence

from dermgan_jax import files
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import Record
from dermgan_jax.data.splits import EACH_ITS_OWN
from dermgan_jax.files import Path

EXAMPLES = 3  # images that a message names
FEWEST = 3  # folders that can be patients: fewer make no three splits


def by_pattern(ids: Sequence[str], pattern: str) -> tuple[list[str], list[Fault]]:
    """The group of each image: the first group of a regular expression, or the whole match.

    Args:
      ids: paths relative to `data.dir`, or names of pairs, in which the expression is searched.
      pattern: `data.group_pattern`, valid.

    Returns:
      Names of groups, the id itself where nothing matches, and a fault if there are such images.
    """
    matches = [re.search(pattern, id) for id in ids]
    names = [_said(match) for match in matches]
    unmatched = [id for id, name in zip(ids, names, strict=True) if not name]
    groups = [name or id for id, name in zip(ids, names, strict=True)]
    if not unmatched:
        return groups, []
    shown = ", ".join(unmatched[:EXAMPLES])
    message = (
        f"data.group_pattern={pattern!r} finds no group in {len(unmatched)} of {len(ids)} paths, "
        f"such as {shown}: correct it, so that it matches every path below data.dir"
    )
    return groups, [Fault("group_pattern", message)]


def _said(match: re.Match | None) -> str:
    if match is None:
        return ""
    return (match[1] if match.re.groups else match[0]) or ""


def by_folder(root: Path, inner: Sequence[str], alone: Sequence[str]) -> list[str]:
    """The group of each image: the folder within its class's or kind's, if there is one.

    A folder of the same name in several classes is the same group, so that no patient is divided.
    Fewer than three folders cannot be patients of three splits, and are none. Both are told.

    Args:
      root: `data.dir`, for messages.
      inner: of each image the outermost folder within its class's, or "".
      alone: of each image its group where no folder says it.
    """
    names = sorted(set(inner) - {""})
    if not names:
        return list(alone)
    shown = ", ".join(names[:EXAMPLES])
    if len(names) < FEWEST:
        files.tell_once(
            f"warning: {root}: the folders within others ({shown}) are too few to be patients, so "
            "images of one patient may get into different splits; data.group_pattern says which "
            "part of a path is the patient"
        )
        return list(alone)
    loose = list(inner).count("")
    files.tell_once(
        f"note: {root}: the {len(names)} folders within others, such as {shown}, are read as "
        "patients, whose images never lie in different splits"
        + (f"; {loose} images in none are groups of their own" if loose else "")
        + f"; --config.data.group_pattern={EACH_ITS_OWN!r} makes every image a group of its own"
    )
    return [name or own for name, own in zip(inner, alone, strict=True)]


def regrouped(records: Sequence[Record], groups: Sequence[str]) -> list[Record]:
    """The records, their groups replaced."""
    return [
        dataclasses.replace(record, group=group)
        for record, group in zip(records, groups, strict=True)
    ]

"""What the report of a run says of images that are in one split and show what another shows."""

from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax.data import leaks
from dermgan_jax.data.records import FOUND, GIVEN, UNKNOWN
from dermgan_jax.errors import UserError
from dermgan_jax.report.html import picture_of
from dermgan_jax.runs.findings import LEAKS, REMEDY, Finding

SHEET_WIDTH = 1200  # pixels


def grouping(card: Mapping[str, Any]) -> str:
    """A sentence on which images belong together, as far as that is known.

    Args:
      card: of the data; of an older version of the program it may not say it.
    """
    noun = card.get("group_noun", "group")
    number = f"{card['num_groups']:,}"
    return {
        GIVEN: f"{number} {noun}s, each in one split only.",
        FOUND: f"{number} groups of images that show the same thing, found by data.groups=auto, "
        "each in one split only; what it does not find may be in several.",
        UNKNOWN: "Grouping unknown: images of one lesion or patient may lie in several splits, and "
        "values of held-out images may be too good by that. data.groups=auto looks for them.",
    }.get(_known(card), "Grouping unknown.")


def _known(card: Mapping[str, Any]) -> str:
    if "grouping" in card:
        return str(card["grouping"])
    counted = card.get("num_examples", {}).get("all", {}).get("unpaired", 0)
    total = counted or sum(sum(row.values()) for row in card["classes"].values())
    own = str(card["dataset"]).startswith("image_folder")
    return UNKNOWN if own and card["num_groups"] >= total else GIVEN


def section(found: Sequence[Finding], card: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the template shows; None where no images were compared.

    Args:
      found: all findings, the oldest first.
      card: of the data.

    Raises:
      UserError: if the latest one of leaks is damaged.
    """
    if not card or card.get("synthetic"):
        return None
    mine = [one for one in found if one.kind == LEAKS]
    if not mine:
        return {"found": None}
    latest = mine[-1]
    try:
        result = leaks.of_facts(latest.result)
    except ValueError as error:
        raise UserError(f"{latest.source} is damaged ({error}): {REMEDY}") from error
    return {
        "found": result,
        "stale": result.split_hash != card["split_hash"],
        "picture": picture_of(latest.picture, SHEET_WIDTH) if latest.picture else None,
    }

"""Folders that a command fills with images say in a file whether it came to its end."""

import json
import os

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

PARTIAL = "DERMGAN_PARTIAL"  # environment: "1" takes what is there of folders that are not complete
MADE_BY, WRITTEN_BY = "made_by.json", "written_by.json"
MANIFEST = "manifest.csv"
CORNER_MARK = "corner_mark"  # in the first: its images carry a visible mark


def is_ours(file: Path) -> bool:
    """Whether a file is one that a command puts beside the images with which it fills a folder."""
    if file.name not in (MADE_BY, WRITTEN_BY, MANIFEST):
        return False
    return any(file.with_name(name).is_file() for name in (MADE_BY, WRITTEN_BY))


def require_completed(folder: Path) -> None:
    """Checks that no command was killed while it filled a folder; folders of others pass.

    Tells of visible marks on the images.

    Raises:
      UserError: saying what to do.
    """
    for name in (MADE_BY, WRITTEN_BY):
        file = folder / name
        try:
            told = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue  # whoever needs what it says refuses a damaged one
        if isinstance(told, dict) and told.get(CORNER_MARK) is True:
            files.tell_once(
                f"warning: images of {folder} carry a visible mark in a corner (--mark): what is "
                "measured of them, or learned from them, is of the mark too"
            )
        if isinstance(told, dict) and told.get("complete") is False:
            refuse_partial(folder)
            return


def refuse_partial(folder: Path) -> None:
    """Raises UserError for a folder that is known to be incomplete, unless those are allowed."""
    if os.environ.get(PARTIAL) != "1":
        raise UserError(
            f"{folder} was not completed: run the command that makes these images again, or set "
            f"{PARTIAL}=1 to take those that are there"
        )
    files.tell_once(f"warning: {folder} was not completed; ${PARTIAL} takes what is there")

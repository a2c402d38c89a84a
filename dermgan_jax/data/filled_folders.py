"""Folders that a command fills with images say in a file whether it came to its end."""

import json

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

MADE_BY, WRITTEN_BY = "made_by.json", "written_by.json"


def require_completed(folder: Path) -> None:
    """Checks that no command was killed while it filled a folder; folders of others pass.

    Raises:
      UserError: naming the file that says so.
    """
    for name in (MADE_BY, WRITTEN_BY):
        file = folder / name
        try:
            told = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue  # whoever needs what it says refuses a damaged one
        if isinstance(told, dict) and told.get("complete") is False:
            raise UserError(
                f"{folder} was not completed: run the command that makes these images again, or "
                f"remove {file} to take those that are there for all"
            )

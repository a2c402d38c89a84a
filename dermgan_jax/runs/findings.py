"""What commands find out about a run when it is trained: kept in it, for its report.

WORKDIR/findings/KIND_DIGEST.json, and a picture of the same name where there is one. Nothing is
overwritten: another result is another file, and the same result is the same file.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict

import numpy as np

from dermgan_jax import files, stored_json
from dermgan_jax.data.image_files import save_image
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.listings import listing
from dermgan_jax.runs.workdir import WorkDir

AUDIT, EVALUATION, FILTER, LEAKS = ("audit", "evaluation", "filter", "leaks")
JUDGE, READERS = ("judge", "readers")
KINDS = (AUDIT, EVALUATION, FILTER, LEAKS, JUDGE, READERS)
REMEDY = "move it elsewhere, and the report is made without it"


class _Stored(TypedDict):
    kind: str
    at: float
    result: dict[str, Any]


class Finding(NamedTuple):
    """A result.

    Attributes:
      kind: of `KINDS`.
      at: when, in Unix seconds.
      result: JSON values, as the command writes them.
      picture: a file, if there is one.
      source: the file that it is kept in.
    """

    kind: str
    at: float
    result: Mapping[str, Any]
    picture: Path | None
    source: Path


def keep(
    workdir: Path,
    kind: str,
    result: Mapping[str, Any],
    picture: np.ndarray | None = None,
    comment: str = "",
) -> None:
    """Keeps a result in a work directory, and says so; also if it cannot be kept there.

    Args:
      workdir: of the run that the result is about.
      kind: of `KINDS`.
      result: JSON values.
      picture: uint8 (H, W, C), that belongs to it.
      comment: what the picture's file says of it.
    """
    try:
        text = json.dumps(result, sort_keys=True, allow_nan=False)
    except ValueError:  # JSON has no such numbers: the report could not be made any more
        files.tell_once(f"note: not kept in {workdir}: a number of the {kind} is not finite")
        return
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:12]
    file = WorkDir(workdir).findings / f"{kind}_{digest}.json"
    try:
        if picture is not None:
            texts = {"Comment": comment} if comment else None
            save_image(picture, file.with_suffix(".png"), texts)
        plain = {"kind": kind, "at": time.time(), "result": result}
        files.write_text(file, json.dumps(plain, indent=1) + "\n")
    except OSError as error:
        files.tell_once(f"note: not kept in {workdir}, which cannot be written to: {error}")
        return
    print(f"kept for the report of the run (dermgan report --workdir={workdir}): {file}")


def read(workdir: Path) -> list[Finding]:
    """All results that a work directory holds, the oldest first.

    Raises:
      UserError: if a file is damaged.
    """
    folder = WorkDir(workdir).findings
    there = listing(folder)[1] if folder.is_dir() else []
    found = []
    for path in there:
        if path.suffix != ".json":
            continue
        stored = stored_json.read(path, _Stored, REMEDY)
        if stored["kind"] not in KINDS:
            raise UserError(f"{path} is of an unknown kind, {stored['kind']!r}: {REMEDY}")
        picture = path.with_suffix(".png")
        found.append(Finding(**stored, picture=picture if picture in there else None, source=path))
    return sorted(found, key=lambda one: one.at)

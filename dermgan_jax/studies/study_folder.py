"""The folder of a study: its configuration, and results kept between two runs of it."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import files, stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

STUDY_FILE, TABLE_FILE = "study.json", "table.csv"

T = TypeVar("T")
Report = Callable[[Path], object]  # writes the report of a work directory


class _Study(TypedDict):
    study: str


def is_study(path: Path) -> bool:
    """Whether a folder holds a study."""
    return (path / STUDY_FILE).is_file()


def kind(path: Path) -> str:
    """Which kind of study a folder holds, as the registry names it.

    Raises:
      UserError: if study.json is damaged.
    """
    remedy = "put the original back, or give the study's configuration and another --workdir"
    return stored_json.read(path / STUDY_FILE, _Study, remedy)["study"]


def adopt(config: FrozenConfigDict, path: Path, changeable: Sequence[str] = ()) -> None:
    """Makes the folder that of the study, or finds that it is.

    Args:
      config: of the study.
      path: new, or of the same configuration.
      changeable: fields, or groups of them, that may differ from the last run's.

    Raises:
      UserError: if the folder holds another study.
    """
    file = path / STUDY_FILE
    if file.is_file():
        stored_json.require_size(file)
        stored = config_schema.plain_from_json(file.read_bytes())
        found = [
            line
            for line in config_schema.differences(stored, config)
            if not _may_differ(line.partition(":")[0], changeable)
        ]
        if found:
            raise UserError(
                f"{path} holds a study with another configuration:\n"
                + "\n".join(f"  {line}" for line in found)
                + "\nUse another --workdir"
            )
    files.write_text(file, config_schema.to_json(config))


def _may_differ(key: str, changeable: Sequence[str]) -> bool:
    # Which checkpoint of a part is best may be changed on a run that exists.
    return key.startswith(tuple(changeable)) or key.endswith(".checkpoint.best_metric")


def identity(experiment: FrozenConfigDict) -> dict[str, Any]:
    """The fields of a part that its results depend on, flat, for `key_of`.

    They have the names that they had when keys were first made, so that a renaming does not make
    results stale that were kept before it.
    """
    first_names = {today: first for first, today in config_schema.RENAMED_GROUPS.items()}
    fields = {
        ".".join(first_names.get(part, part) for part in key.split(".")): value
        for key, value in config_schema.computed_fields(experiment).items()
    }
    return {**fields, "checkpoint.best_metric": experiment.checkpoint.best_metric or "swd"}


def key_of(*settings: Any) -> str:
    """Hexadecimal SHA-256 of what a result depends on, as JSON values or configurations."""
    plain = [
        part.to_dict() if isinstance(part, ConfigDict | FrozenConfigDict) else part
        for part in settings
    ]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Writes STUDY/table.csv, headings first."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    files.write_text(path / TABLE_FILE, text.getvalue())


def read_result(file: Path, parse: Callable[[Any], T]) -> T:
    """What a finished study wrote down.

    Args:
      file: JSON, in the study's folder.
      parse: makes the result of what `json` reads, or raises as one does who finds something else.

    Raises:
      UserError: if there is no such file, or it is damaged.
    """
    if not file.is_file():
        raise UserError(
            f"{file.parent} holds no finished study: {file.name} is missing; run the study to its "
            "end first"
        )
    stored_json.require_size(file)
    try:
        return parse(stored_json.parse(file.read_bytes(), constants=True))
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        UserError,
    ) as error:
        raise UserError(f"{file} is damaged ({error!r}): run the study again") from error


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
      UserError: if the file is damaged.
    """
    return stored_json.read(file, dict[str, Any], "run the study again")

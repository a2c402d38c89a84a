"""JSON files that may be damaged or a stranger's: read within bounds, and held against types.

A type is a `TypedDict`, a dataclass, or what `typing` builds from str, bool, int, float, list,
tuple and dict. Nothing is converted: "3" is no number, 3.0 and true are no whole numbers. Numbers
are finite, whole ones lie within ±2⁵³. Fields that a `TypedDict` does not name are kept.
"""

import functools
import json
from collections.abc import Iterable
from typing import Any, TypeVar, get_origin

import cattrs

from dermgan_jax import files, listings
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.reading_limits import number_from

LARGEST = "DERMGAN_LARGEST_JSON"  # environment: MiB of a file, at most
MIB = 64.0  # what it is unless it is set: metrics of some hundred thousand rows
_EXACT = 2**53  # whole numbers beyond it are not those that were written
_UTMOST = 1e100  # beyond it, drawing overflows
_SHOWN = 5  # faults in one message

T = TypeVar("T")


def is_there(file: Path) -> bool:
    """Whether anything has the name of a file, such as a broken link, which is not nothing."""
    return file.exists() or listings.is_link(file)


def require_size(file: Path) -> None:
    """Checks that a file is one, and no larger than what will be held in memory.

    Raises:
      UserError: if it is a folder, a pipe and the like, or larger than $DERMGAN_LARGEST_JSON MiB.
    """
    if not file.is_file():
        raise UserError(f"{file} is no file: move it elsewhere")
    most = number_from(LARGEST, MIB)
    if files.size(file) > most * 2**20:
        raise UserError(
            f"{file} is larger than {most:g} MiB, and takes some twenty times that in memory: if "
            f"you trust it, set the environment variable {LARGEST} to more MiB"
        )


def parse(text: str | bytes, *, constants: bool = False) -> Any:
    """What JSON text says.

    Args:
      text: in UTF-8.
      constants: NaN and infinities, which JSON does not know, are read too.

    Raises:
      ValueError: if it is none, has a name twice in one object, or is nested deeper than Python
        can follow.
    """
    if isinstance(text, bytes):
        text = text.decode()
    try:
        refused = None if constants else _no_constant
        return json.loads(text, object_pairs_hook=_once, parse_constant=refused)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read(file: Path, kind: type[T], remedy: str) -> T:
    """The content of a JSON file, which is there.

    Args:
      file: a path.
      kind: type of the content.
      remedy: what to do about a damaged file, as the end of a message.

    Raises:
      UserError: if it cannot be that.
    """
    require_size(file)
    try:
        return structure(parse(file.read_bytes()), kind)
    except ValueError as error:
        raise UserError(f"{file} is damaged ({error}): {remedy}") from error


def structure(plain: Any, kind: type[T]) -> T:
    """A plain value as one of a type.

    Raises:
      ValueError: naming the places that do not fit.
    """
    try:
        return _converter().structure(plain, kind)
    except (cattrs.BaseValidationError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, cattrs.BaseValidationError):
            found = cattrs.transform_error(error, format_exception=_told)
        else:
            found = [str(error)]
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ValueError("; ".join(found[:_SHOWN]) + more) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has {next(n for n in names if names.count(n) > 1)!r} twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


@functools.cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for kind, check in ((str, _text), (bool, _truth), (int, _whole), (float, _number)):
        converter.register_structure_hook(kind, check)

    base = converter.copy()

    def of_container(kind: Any) -> Any:
        # Left to itself, the library would take a text for a list of letters.
        inner = base.get_structure_hook(kind)
        is_object = get_origin(kind) is dict

        def check(value: Any, _: Any) -> Any:
            what = "an object" if is_object else "a list"
            _require(isinstance(value, dict if is_object else list), value, what)
            return inner(value, kind)

        return check

    converter.register_structure_hook_factory(
        lambda kind: get_origin(kind) in (list, tuple, dict), of_container
    )
    return converter


def _require(holds: bool, value: Any, what: str) -> None:
    if not holds:
        raise ValueError(f"{value!r:.60} where {what} is expected")


def _text(value: Any, _: Any) -> str:
    _require(isinstance(value, str), value, "text")
    return value


def _truth(value: Any, _: Any) -> bool:
    _require(isinstance(value, bool), value, "true or false")
    return value


def _whole(value: Any, _: Any) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    _require(is_whole and abs(value) <= _EXACT, value, "a whole number")
    return value


def _number(value: Any, _: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    _require(is_number and abs(value) <= _UTMOST, value, "a number")
    return value


def _told(error: BaseException, kind: Any) -> str:
    del kind
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def require_inside(paths: Iterable[str], *, plain: bool = False) -> None:
    """Checks that names which become part of a path stay below the folder that they are of.

    Args:
      paths: relative, with slashes.
      plain: they have to be names of one part.

    Raises:
      ValueError: naming the first that does not.
    """
    for path in paths:
        parts = path.split("/")
        if not path or path.startswith("/") or ".." in parts or (plain and len(parts) > 1):
            raise ValueError(f"{path!r} leads out of its folder")

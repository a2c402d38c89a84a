"""Damages to the files of a work directory, as a disk, an editor or a stranger may do them.

`damages(workdir)` lists them for a work directory; each is applied to a copy.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

JSON_FILES = (
    "config.json",
    "began_as.json",
    "data_card.json",
    "environment.json",
    "planned.json",
    "init_from.json",
    "samples_made/made_by.json",
    "samples_made/written_by.json",
)
TEXTS = {
    "empty": b"",
    "cut": b'{"title": "A ru',
    "no UTF-8": b'{"title": "\xff\xfe"}',
    "UTF-16": '{"title": "x"}'.encode("utf-16"),
    "zeros": bytes(64),
    "null": b"null",
    "a list": b"[]",
    "a number": b"42",
    "a text": b'"text"',
    "nothing in it": b"{}",
    "nested": b"[" * 100_000,
    "nested object": b'{"title":' * 100_000,
    "a name twice": b'{"title": "a", "title": "b"}',
    "not a number": b'{"title": NaN}',
    "many digits": b'{"title": ' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"title": "\\ud800"}',
}
VALUES = (None, True, "text", "3", -1, 0, 0.5, 1e308, 10**30, [], {}, [1], {"a": 1}, [[]], "\x00\n")


class Damage(NamedTuple):
    """Something that is done to a work directory.

    Attributes:
      name: what, and to which file.
      file: below the work directory; what a message has to name.
      apply: does it to the work directory that it is given.
      unreadable: nothing can be made of the file, so that not to say so would be a lie.
    """

    name: str
    file: str
    apply: Callable[[Path], object]
    unreadable: bool


def damages(workdir: Path) -> list[Damage]:
    """All damages to the files that a work directory has, always in the same order."""
    found: list[Damage] = []
    files = [name for name in JSON_FILES if (workdir / name).is_file()]
    facts = sorted(workdir.glob("checkpoints/*/facts/metadata"))
    files += [path.relative_to(workdir).as_posix() for path in facts[-1:]]
    for name in files:
        found += _of_file(name)
        found += _of_fields(name, json.loads((workdir / name).read_text()))
    found += _of_file("metrics.jsonl")
    found += _of_rows((workdir / "metrics.jsonl").read_text().splitlines())
    return [*found, *_of_folders()]


def _of_file(name: str) -> Iterator[Damage]:
    """The whole file is something else."""
    for kind, content in TEXTS.items():
        if name == "metrics.jsonl" and kind in ("empty", "cut"):
            continue  # of a run that has just begun, or was killed while it wrote
        readable = kind == "lone surrogate" or (
            kind == "nothing in it" and name == "environment.json"
        )
        yield Damage(f"{kind}: {name}", name, _writing(name, content), not readable)

    def replacing(make: Callable[[Path], object]) -> Callable[[Path], object]:
        def apply(workdir: Path) -> None:
            (workdir / name).unlink()
            make(workdir / name)

        return apply

    yield Damage(f"a folder: {name}", name, replacing(Path.mkdir), True)
    yield Damage(f"a pipe: {name}", name, replacing(os.mkfifo), True)
    loop = replacing(lambda path: path.symlink_to(path.name))
    yield Damage(f"a link to itself: {name}", name, loop, True)


def _writing(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda workdir: (workdir / name).write_bytes(content)


def places(plain: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value lies in a JSON value, itself left out."""
    inside = plain.items() if isinstance(plain, dict) else ()
    inside = enumerate(plain) if isinstance(plain, list) else inside
    for key, value in inside:
        yield (*place, key)
        yield from places(value, (*place, key))


def _changed(plain: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a place; without the place if the value is `...`."""
    whole = copy.deepcopy(plain)
    inner = whole
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return whole


def _of_fields(name: str, plain: Any) -> Iterator[Damage]:
    """A field is missing or has another value: of each place one of the values, in turn."""
    for number, place in enumerate(places(plain)):
        for value in (..., VALUES[number % len(VALUES)], VALUES[(7 * number + 3) % len(VALUES)]):
            what = "missing" if value is ... else f"{value!r:.20}"
            text = json.dumps(_changed(plain, place, value)).encode()
            where = ".".join(map(str, place))
            yield Damage(f"{where} {what}: {name}", name, _writing(name, text), False)


def _of_rows(lines: list[str]) -> Iterator[Damage]:
    """One line of metrics.jsonl is something else."""
    name = "metrics.jsonl"

    def written(kind: str, changed: list[str | bytes], unreadable: bool) -> Damage:
        rows = [line.encode() if isinstance(line, str) else line for line in changed]
        return Damage(f"{kind}: {name}", name, _writing(name, b"\n".join(rows) + b"\n"), unreadable)

    for kind, content in TEXTS.items():
        if kind == "lone surrogate":
            content = b'{"kind": "train"}'
        yield written(f"a line that is {kind}", [lines[0], content, *lines[1:]], True)
        yield written(f"a last line that is {kind}", [*lines, content], True)
    yield written("rows backwards", lines[::-1], True)
    yield written("every row twice", [line for line in lines for _ in range(2)], False)
    yield written("all rows once more", lines * 2, True)
    yield written("of another kind", [lines[0].replace('"event"', '"novel"', 1), *lines[1:]], True)
    kinds: dict[str, int] = {}
    for number, line in enumerate(lines):
        kinds[json.loads(line)["kind"]] = number
    for kind, number in kinds.items():
        plain = json.loads(lines[number])
        for index, place in enumerate(places(plain)):
            for value in (..., VALUES[index % len(VALUES)], VALUES[(7 * index + 3) % len(VALUES)]):
                row = json.dumps(_changed(plain, place, value))
                what = "missing" if value is ... else f"{value!r:.20}"
                where = ".".join(map(str, place))
                changed = [*lines[:number], row, *lines[number + 1 :]]
                yield written(f"{where} {what} in a row of kind {kind}", changed, False)


def _of_folders() -> Iterator[Damage]:
    """Things beside the files, or in place of folders."""

    def put(name: str, content: bytes) -> Callable[[Path], object]:
        def apply(workdir: Path) -> None:
            path = workdir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

        return apply

    def no_folder(name: str) -> Callable[[Path], object]:
        def apply(workdir: Path) -> None:
            if (workdir / name).exists():
                (workdir / name).rename(workdir / f"{name}_elsewhere")
            (workdir / name).write_text("a file")

        return apply

    png = b"\x89PNG\r\n\x1a\n"
    sheet = "samples/kimg_00099.000_16x16.png"
    yield Damage("no picture: sample sheet", sheet, put(sheet, b"text"), False)
    yield Damage("a cut picture: sample sheet", sheet, put(sheet, png), False)
    broken = png + bytes(13) + b"IHDR" + bytes(20)
    yield Damage("a broken picture: sample sheet", sheet, put(sheet, broken), False)
    text = "parameters.txt"
    yield Damage("no UTF-8: parameters.txt", text, put(text, b"\xff\xfe\x00"), True)
    trace = "profile/plugins/profile/2030/host.xplane.pb"
    yield Damage("no trace: profile", trace, put(trace, b"\xff" * 99), False)
    for name in ("samples", "profile", "checkpoints", "tensorboard"):
        yield Damage(f"a file: {name}", name, no_folder(name), False)
    for name in ("abc", "-1", "1e3", "99999999999999999999", "7.orbax-checkpoint-tmp-1"):
        other = f"checkpoints/{name}/state/x"
        yield Damage(f"a folder {name}: checkpoints", "checkpoints", put(other, b"x"), False)
    lock = ".lock"
    yield Damage("no UTF-8: .lock", lock, put(lock, b"\xff\xfe\x00"), False)

"""An answer as it is sent and stored: by the page to the server, or in an answers file.

A reader who changes an answer sends another entry for the same image. All are kept; the first and
the last count as first and final answer.
"""

import dataclasses
import datetime
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax.errors import UserError
from dermgan_jax.readers.design import CHOICE, SCALE, Design

FORMAT = "dermgan_jax reader answers"
LONGEST_TEXT = 2000
LONGEST_TIME = 7 * 24 * 3600.0  # seconds
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a reader said of an image.

    Attributes:
      id: made by the page; the same entry sent twice has the same one.
      image: id of the image.
      answers: by the names of questions; a question that was left out has none.
      seconds: that the image was shown until then, this time.
      at: when, as an ISO time in UTC, by the reader's clock.
    """

    id: str
    image: str
    answers: Mapping[str, str]
    seconds: float
    at: str


def entry_from_json(plain: Any, design: Design, images: Sequence[str] | set[str]) -> Entry:
    """An entry, checked against what the reader was asked.

    Args:
      plain: as `json` read it.
      design: of the study.
      images: that the reader sees.

    Raises:
      UserError: saying what is wrong.
    """
    try:
        json.dumps(plain, ensure_ascii=False).encode()  # half of an emoji is no text
        return _entry(plain, design, images)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UserError("it is no answer") from error


def _entry(plain: Any, design: Design, images: Sequence[str] | set[str]) -> Entry:
    if not isinstance(plain, dict) or set(plain) != {
        field.name for field in dataclasses.fields(Entry)
    }:
        raise UserError("it is no answer")
    entry_id, image, seconds, at = (plain[key] for key in ("id", "image", "seconds", "at"))
    if not isinstance(entry_id, str) or not _ID.fullmatch(entry_id):
        raise UserError("its id is not of this program")
    if image not in images:
        raise UserError(f"image {image!r} is none of this reader's")
    if (
        not isinstance(seconds, (int, float))
        or isinstance(seconds, bool)
        or not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_TIME)
    ):
        raise UserError(f"image {image}: its seconds are no number from 0 to those of a week")
    if not _is_time(at):
        raise UserError(f"image {image}: its time is none")
    return Entry(entry_id, image, _answers(plain["answers"], image, design), float(seconds), at)


def _is_time(at: Any) -> bool:
    try:
        return isinstance(at, str) and len(at) <= 40 and bool(datetime.datetime.fromisoformat(at))
    except ValueError:
        return False


def _answers(plain: Any, image: str, design: Design) -> dict[str, str]:
    if not isinstance(plain, dict):
        raise UserError(f"image {image}: no answers")
    questions = {question.name: question for question in design.questions}
    for name, value in plain.items():
        if name not in questions or not isinstance(value, str):
            raise UserError(f"image {image}: {name!r} is no question of this study")
        question = questions[name]
        if question.kind in (CHOICE, SCALE) and value not in question.options:
            raise UserError(
                f"image {image}: {value!r} is no answer to {name!r}; it has "
                f"{', '.join(question.options)}"
            )
        if len(value) > LONGEST_TEXT:
            raise UserError(f"image {image}: a text of more than {LONGEST_TEXT} characters")
    missing = [q.name for q in design.questions if q.required and q.name not in plain]
    if missing:
        raise UserError(f"image {image}: no answer to {', '.join(missing)}")
    return dict(plain)


def checksum(study: str, reader: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """FNV-1a, 64 bits, of an answers file: tells an edit or a damage, not a forger.

    The page computes the same: over UTF-8 of study, reader and each entry's fields, answers sorted
    by name, a newline after each.
    """
    lines = [study, reader]
    for entry in entries:
        answers = entry["answers"]
        lines += [
            entry["id"],
            entry["image"],
            *(f"{name}={answers[name]}" for name in sorted(answers)),
        ]
        lines += [f"{entry['seconds']:.1f}", entry["at"]]
    value = 0xCBF29CE484222325
    for byte in "".join(f"{line}\n" for line in lines).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def read_answers_file(
    text: str, design: Design, images: Mapping[str, Sequence[str]]
) -> tuple[str, list[Entry]]:
    """The reader and the entries of an answers file.

    Args:
      text: of the file, JSON: format, version, study, reader, entries and check.
      design: of the study.
      images: that each reader sees.

    Raises:
      UserError: if it is of another study or reader, was edited, or an entry is wrong.
    """
    try:
        plain = json.loads(text)
        found = {key: plain[key] for key in ("format", "study", "reader", "entries", "check")}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError("it is no answers file of a reader study") from error
    if found["format"] != FORMAT:
        raise UserError("it is no answers file of a reader study")
    if found["study"] != design.study:
        raise UserError(f"it is of another study ({found['study']}), not {design.study}")
    reader = found["reader"]
    if not isinstance(reader, str) or reader not in images:
        raise UserError(f"its reader {reader!r} is none of this study")
    try:
        expected = checksum(found["study"], reader, found["entries"])
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise UserError("its answers are damaged") from error
    if found["check"] != expected:
        raise UserError(
            "its answers were edited or damaged after the page wrote them: ask the reader for the "
            "file as it was exported, or move this one elsewhere"
        )
    return reader, [entry_from_json(each, design, images[reader]) for each in found["entries"]]

"""Votes of a study's folder: from the server's answers and from files that readers sent back."""

import dataclasses
from collections.abc import Sequence

from dermgan_jax import listings
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers import design as questions
from dermgan_jax.readers import self_test
from dermgan_jax.readers.design import Design
from dermgan_jax.readers.entries import FORMAT, Entry, read_answers_file
from dermgan_jax.readers.folder import StudyFolder
from dermgan_jax.readers.votes import Image, StudyVotes, Vote, collect

ANSWERS_FILE = ".json"
# Mail programs and phones add an ending.
PERHAPS_ANSWERS = ".txt"


@dataclasses.dataclass(frozen=True)
class Study:
    """A study with its votes, unblinded."""

    folder: StudyFolder
    design: Design
    votes: StudyVotes


def read_study(folder: StudyFolder) -> Study:
    """A study and all its answers; practice does not count.

    An entry that came both ways counts once. The first and the last entry of a reader about an
    image are the first and the final answer; the time is that of all of them.

    Raises:
      UserError: if the folder is no study, its images, key or orders were changed, an answers file
        is of another study or was edited, or there are no answers.
    """
    design = folder.read_design()
    key = folder.read_key()
    unchanged = self_test.is_unchanged(folder)
    if unchanged is False:
        raise UserError(f"{folder.path}: {self_test.CHANGED}")
    orders = folder.read_orders()
    shown = {reader: [item.image for item in items] for reader, items in orders.items()}
    for image in {image for images in shown.values() for image in images}:
        if image not in key:
            raise UserError(f"{folder.key} lacks image {image}: the folder is damaged")
    entries, notes = merged(folder, design, shown)
    if unchanged is None:
        notes.append("There is no self-test: whether the key is the one of before cannot be told.")
    counted = {
        reader: [image for image in images if not key[image].practice]
        for reader, images in shown.items()
    }
    votes = [
        _vote(reader, image, position, own[image])
        for reader, images in counted.items()
        for own in [_by_image(entries.get(reader, []))]
        for position, image in enumerate(images, start=1)
        if image in own
    ]
    used = {image for images in counted.values() for image in images}
    images = [
        Image(row.image, row.truth, row.of_class, row.side, row.origin)
        for row in key.values()
        if row.image in used
    ]
    groups = {reader.name: reader.group for reader in design.readers}
    title = design.title or design.study
    return Study(folder, design, collect(title, groups, images, votes, counted, notes))


def merged(
    folder: StudyFolder, design: Design, shown: dict[str, list[str]]
) -> tuple[dict[str, list[Entry]], list[str]]:
    """Each reader's entries, each once, in the order of answering; and which files were not read.

    Args:
      folder: of the study.
      design: of the study.
      shown: images of each reader.

    Raises:
      UserError: naming the file that is wrong.
    """
    sources = [("the server's answers", reader, own) for reader, own in _of_server(folder).items()]
    returned, left_out = _returned(folder, design, shown)
    sources += returned
    notes = []
    if left_out:
        notes.append(
            f"Not read, as they are no answers files: {', '.join(left_out)} (in {folder.returned})."
        )
    found: dict[str, dict[str, Entry]] = {}
    added: dict[str, int] = {}
    for name, reader, own in sources:
        known = found.setdefault(reader, {})
        new = [entry for entry in own if entry.id not in known]
        for entry in own:
            if known.setdefault(entry.id, entry) != entry:
                raise UserError(
                    f"{name}: the answer {entry.id} of {reader} differs from one with the same id "
                    "that came another way: find out which is right and remove the other file"
                )
        added[reader] = added.get(reader, 0) + bool(new)
    # Each source is in order; only between several does the reader's clock have to tell.
    in_order = {
        reader: sorted(own.values(), key=lambda entry: entry.at)
        if added[reader] > 1
        else list(own.values())
        for reader, own in found.items()
    }
    return in_order, notes


def _returned(
    folder: StudyFolder, design: Design, shown: dict[str, list[str]]
) -> tuple[list[tuple[str, str, list[Entry]]], list[str]]:
    """(file, reader, entries) of every answers file, and the names of other files."""
    found, left_out = [], []
    for path in _files(folder.returned):
        own = str(path)[len(str(folder.returned)) :].lstrip("/")
        if path.suffix.lower() not in (ANSWERS_FILE, PERHAPS_ANSWERS):
            left_out.append(own)
            continue
        try:
            text = path.read_bytes().decode("utf-8-sig")
            if path.suffix.lower() == PERHAPS_ANSWERS and FORMAT not in text:
                left_out.append(own)
                continue
            found.append((str(path), *read_answers_file(text, design, shown)))
        except (UserError, UnicodeDecodeError, OSError) as error:
            raise UserError(f"{path}: {error}") from error
    return found, left_out


def _files(folder: Path) -> list[Path]:
    """Visible files anywhere below a folder, if there is one."""
    if not folder.is_dir():
        return []
    folders, found = listings.listing(folder)
    return sorted([*found, *(path for each in folders for path in _files(each))])


def _of_server(folder: StudyFolder) -> dict[str, list[Entry]]:
    if not folder.answers.is_file():
        return {}
    from dermgan_jax.readers.answers import Answers

    return Answers(folder.answers).entries()


def _by_image(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.image, []).append(entry)
    return found


def _vote(reader: str, image: str, position: int, entries: Sequence[Entry]) -> Vote:
    last = entries[-1].answers

    def number(name: str) -> float | None:
        return float(last[name]) if name in last else None

    return Vote(
        reader,
        image,
        answer=last[questions.TRUTH],
        first_answer=entries[0].answers[questions.TRUTH],
        confidence=number(questions.CONFIDENCE),
        class_answer=last.get(questions.CLASS, ""),
        realism=number(questions.REALISM),
        seconds=sum(entry.seconds for entry in entries),
        position=position,
        comment=last.get(questions.COMMENT, ""),
    )

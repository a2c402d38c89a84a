"""The folder of a reader study. What readers may see lies apart from what they may not.

STUDY/images/ID.png            all that is served, besides the page
STUDY/pages/READER.html        a page for each reader that works without a server
STUDY/returned/                answers files that readers of such pages have sent back
STUDY/private/design.json      what is asked of whom, and the seed
STUDY/private/key.csv          which image is what: read when the study is analysed, and before
                               its practice block is shown
STUDY/private/sources.json     which run made the synthetic images of each source
STUDY/private/orders.json      which images each reader sees, in order
STUDY/private/links.csv        each reader's token
STUDY/private/self_test.html   whether real and synthetic files can be told apart without looking
STUDY/private/answers.sqlite
"""

import dataclasses
import json
from collections.abc import Sequence

from dermgan_jax import files, listings
from dermgan_jax.data.csv_table import read_table, write_table
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers.design import Design

OWNER_ONLY = 0o700


@dataclasses.dataclass(frozen=True)
class KeyRow:
    """What an image is.

    Attributes:
      image: its opaque id.
      truth: REAL or FAKE.
      of_class: its class, or "".
      side: the source it is from, as it was named.
      origin: its file's name, or its position in the source.
      practice: whether it is shown in practice only.
    """

    image: str
    truth: str
    of_class: str
    side: str
    origin: str
    practice: bool = False


@dataclasses.dataclass(frozen=True)
class Item:
    """An image as a reader meets it; `block` counts from 0."""

    image: str
    block: int


class StudyFolder:
    """Names and files of a study's folder."""

    def __init__(self, path: Path):
        self.path = path
        self.images = path / "images"
        self.pages = path / "pages"
        self.returned = path / "returned"
        self.private = path / "private"
        self.design = self.private / "design.json"
        self.unfinished = self.private / "unfinished"
        self.self_test_page = self.private / "self_test.html"
        self.key = self.private / "key.csv"
        self.sources = self.private / "sources.json"
        self.orders = self.private / "orders.json"
        self.links = self.private / "links.csv"
        self.answers = self.private / "answers.sqlite"
        self.self_test = self.private / "self_test.json"

    @property
    def exists(self) -> bool:
        """Whether a study lies here."""
        return self.design.is_file()

    def require_free(self) -> None:
        """Checks that a study may be made here.

        Raises:
          UserError: if the folder holds one, or anything else but one that was never finished.
        """
        if self.exists:
            raise UserError(
                f"{self.path} holds a reader study: name another --out, no answer is overwritten"
            )
        if not self.unfinished.is_file() and any(
            listings.is_visible(each.name) for each in self._content()
        ):
            raise UserError(f"{self.path} is not empty: name a new folder for the study")

    def begin(self) -> None:
        """Makes the folder, or empties it of a study that was never finished."""
        self.require_free()
        if self.unfinished.is_file():
            print(f"note: {self.path} holds a study that was never finished; it is made anew")
            for folder in (self.images, self.pages, self.private):
                files.remove_folder(folder)
        files.make_folder(self.private).chmod(OWNER_ONLY)
        files.write_text(self.unfinished, "")
        files.make_folder(self.returned)

    def _content(self) -> list[Path]:
        return list(self.path.iterdir()) if self.path.is_dir() else []

    def image_file(self, image: str) -> Path:
        """The file of an image."""
        return self.images / f"{image}.png"

    def page(self, reader: str) -> Path:
        """The page of a reader that works without a server."""
        return self.pages / f"{reader}.html"

    def write_design(self, design: Design) -> None:
        """Writes the design; the study exists from then on, and is finished."""
        files.write_text(self.design, json.dumps(design.to_json(), indent=2) + "\n")
        self.unfinished.unlink(missing_ok=True)

    def read_design(self) -> Design:
        """The design.

        Raises:
          UserError: if there is none, or it is damaged.
        """
        if not self.exists:
            raise UserError(
                f"{self.path} holds no reader study: dermgan readers_design --out={self.path} "
                "makes one"
            )
        try:
            return Design.from_json(self.design.read_text())
        except ValueError as error:
            raise UserError(f"{self.design} is damaged: {error}") from error

    def write_key(self, rows: Sequence[KeyRow]) -> None:
        """Writes which image is what."""
        names = [field.name for field in dataclasses.fields(KeyRow)]
        cells = [[*dataclasses.astuple(row)[:-1], "yes" if row.practice else "no"] for row in rows]
        write_table(self.key, names, cells)

    def read_key(self) -> dict[str, KeyRow]:
        """Which image is what, by its id.

        Raises:
          UserError: if the table is missing or damaged.
        """
        if not self.key.is_file():
            raise UserError(f"{self.key} is missing: without it nobody knows what images are")
        _, rows = read_table(self.key)
        try:
            return {
                row["image"]: KeyRow(**{**row, "practice": row["practice"] == "yes"})
                for row in rows
            }
        except (KeyError, TypeError) as error:
            raise UserError(f"{self.key} is no key of a reader study: {error}") from error

    def write_orders(self, orders: dict[str, list[Item]]) -> None:
        """Writes which images each reader sees, in order."""
        plain = {
            reader: [dataclasses.astuple(item) for item in items]
            for reader, items in orders.items()
        }
        files.write_text(self.orders, json.dumps(plain) + "\n")

    def read_orders(self) -> dict[str, list[Item]]:
        """Which images each reader sees, in order, by the reader's name.

        Raises:
          UserError: if the file is missing or damaged.
        """
        try:
            plain = json.loads(self.orders.read_text())
            return {reader: [Item(*item) for item in items] for reader, items in plain.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                f"{self.orders}, which says who sees which images, is missing or damaged: {error}"
            ) from error

    def write_links(self, design: Design, tokens: dict[str, str]) -> None:
        """Writes every reader's token."""
        rows = [[reader.name, reader.group, tokens[reader.name]] for reader in design.readers]
        write_table(self.links, ["reader", "group", "token"], rows)

    def read_tokens(self) -> dict[str, str]:
        """Every reader's token, by the reader's name."""
        return {row["reader"]: row["token"] for row in read_table(self.links)[1]}

"""Readers' answers: a database with a row per entry, on the disk before `add` returns."""

import dataclasses
import datetime
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.readers.entries import Entry

APPLICATION = 0x64726D61  # marks the file as ours
VERSION = 1
COLUMNS = "reader, image, answers, seconds, at"
RESCUE = (
    "part of it is damaged. Copy it and the files beside it that begin alike, then rescue what can "
    "be read: sqlite3 {path} .recover | sqlite3 rescued.sqlite (with the sqlite3 of sqlite.org: "
    "some others cannot). Put rescued.sqlite in place of all of them"
)
TABLE = """
create table answers (
  id text primary key, reader text not null, image text not null, answers text not null,
  seconds real not null, at text not null, received text not null
)
"""


@dataclasses.dataclass
class _Waiting:
    """An entry that a thread wants stored, and what came of it."""

    reader: str
    entry: Entry
    once: bool
    done: bool = False
    is_new: bool = False
    refusal: BaseException | None = None


class Answers:
    """The database of a study's answers; threads and processes may share it.

    Threads that wait at the same time share one write to the disk.
    """

    def __init__(self, path: Path):
        """Opens the database, or makes it if there is none.

        Raises:
          UserError: if it is in a bucket, cannot be opened, or is something else.
        """
        self.path = files.require_local(path, "answers are kept in a database")
        self._waiting: list[_Waiting] = []
        self._queue = threading.Lock()
        self._database = threading.Lock()
        files.make_folder(self.path.parent)
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=30, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise UserError(f"{self.path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise UserError(f"{self.path} is no database of answers: {error}") from error

    def _prepare(self) -> None:
        if self._is_empty():
            with self._transaction():
                if self._is_empty():  # no other process was faster
                    self._connection.execute(TABLE)
                    self._connection.execute(f"pragma application_id = {APPLICATION}")
                    self._connection.execute(f"pragma user_version = {VERSION}")
        if self._value("pragma application_id") != APPLICATION:
            raise sqlite3.DatabaseError("another program wrote it")
        if self._value("pragma user_version") != VERSION:
            raise sqlite3.DatabaseError("another version of this program wrote it")
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")

    def _value(self, query: str, values: Sequence[str] = ()) -> int:
        return self._connection.execute(query, values).fetchone()[0]

    def _is_empty(self) -> bool:
        return self._value("select count(*) from sqlite_master") == 0

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("begin immediate")
        try:
            yield
            self._connection.execute("commit")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("rollback")
            raise

    def add(self, reader: str, entry: Entry, *, once: bool = False) -> bool:
        """Stores an entry; when this returns, it is on the disk.

        Args:
          reader: who answered.
          entry: the answer.
          once: whether an image that the reader has answered must not be answered again.

        Returns:
          Whether it is new; False if the same entry is stored already.

        Raises:
          UserError: if another entry has its id, or the image was answered before and `once`.
          sqlite3.Error: if it could not be stored, as when the disk is full.
        """
        mine = _Waiting(reader, entry, once)
        with self._queue:
            self._waiting.append(mine)
        with self._database:
            if not mine.done:
                self._store_waiting()
        if mine.refusal is not None:
            raise mine.refusal
        return mine.is_new

    def _store_waiting(self) -> None:
        with self._queue:
            batch, self._waiting = self._waiting, []
        try:
            with self._transaction():
                for each in batch:
                    self._store(each)
        except BaseException as error:  # raised again by `add`, of everybody who waits
            for each in batch:
                each.refusal = error
        for each in batch:
            each.done = True

    def _store(self, each: _Waiting) -> None:
        entry = each.entry
        answers = json.dumps(dict(entry.answers), sort_keys=True)
        row = (each.reader, entry.image, answers, entry.seconds, entry.at)
        do = self._connection.execute
        stored = do(f"select {COLUMNS} from answers where id = ?", (entry.id,)).fetchone()
        if stored == row:
            return
        if stored is not None:
            each.refusal = UserError(f"another answer has the id {entry.id}")
            return
        asked = "select 1 from answers where reader = ? and image = ?"
        if each.once and do(asked, (each.reader, entry.image)).fetchone():
            each.refusal = UserError("this image was answered before, and answers are final")
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        do("insert into answers values (?, ?, ?, ?, ?, ?, ?)", (entry.id, *row, now))
        each.is_new = True

    def entries(self) -> dict[str, list[Entry]]:
        """What readers answered, by their names, each in the order of arrival.

        Raises:
          UserError: if the database cannot be read, or is damaged.
        """
        found: dict[str, list[Entry]] = {}
        try:
            rows = self._read("", ())
        except sqlite3.OperationalError as error:  # busy, or the disk: no damage
            raise UserError(f"{self.path} cannot be read: {error}") from error
        except (sqlite3.DatabaseError, ValueError) as error:
            raise UserError(f"{self.path}: {RESCUE.format(path=self.path)} ({error})") from error
        for reader, entry in rows:
            found.setdefault(reader, []).append(entry)
        return found

    def of(self, reader: str) -> list[Entry]:
        """What one reader answered, in the order of arrival."""
        return [entry for _, entry in self._read("where reader = ?", (reader,))]

    def count(self, reader: str) -> int:
        """How many entries of a reader are stored."""
        with self._database:
            return self._value("select count(*) from answers where reader = ?", (reader,))

    def _read(self, where: str, values: Sequence[str]) -> list[tuple[str, Entry]]:
        query = f"select id, {COLUMNS} from answers {where} order by rowid"
        with self._database:
            rows = self._connection.execute(query, values).fetchall()
        return [
            (reader, Entry(name, image, json.loads(answers), seconds, at))
            for name, reader, image, answers, seconds, at in rows
        ]

    def close(self) -> None:
        """Closes the database."""
        with self._database:
            self._connection.close()

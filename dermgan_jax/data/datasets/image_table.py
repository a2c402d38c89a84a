"""One's own images as a table lists them: a row per image, see `table_columns` for its columns."""

import os
import posixpath
from collections.abc import Sequence

from dermgan_jax import files
from dermgan_jax.data.csv_table import StrippedTable
from dermgan_jax.data.datasets import grouping, listing, table_columns
from dermgan_jax.data.datasets.named_files import NamedFiles, spelled_otherwise
from dermgan_jax.data.datasets.split_names import SPLIT_NAMES, split_of
from dermgan_jax.data.datasets.table_columns import GROUP, LABEL, MASK, PATH, SPLIT, known
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import Record
from dermgan_jax.files import Path

Listed = tuple[tuple[str, ...], list[Record], list[Fault]]


def list_table(folder: Path, images: Sequence[Path], table: Path, pattern: str) -> Listed:
    """Classes, records and faults of a table.

    What is read otherwise than it is written is told once.

    Args:
      folder: of the images; paths in the table are relative to it.
      images: all below it.
      table: the file.
      pattern: `data.group_pattern`, which finds groups in paths; "": the table says them.

    Raises:
      DataError: if it is no table, or its columns do not tell what they are.
    """
    content = listing.read_stripped(table)
    means = table_columns.meanings(table, content.columns)
    if pattern and GROUP in means.columns:
        means.faults.append(
            Fault(
                "group_pattern",
                f"data.group_pattern is set and {table} has the column {means.columns[GROUP]!r}: "
                "leave one of them out",
            )
        )
    if means.faults:
        raise DataError(means.faults)
    rows = _Rows(folder, images, table, content, means)
    classes, records, faults = rows.listed()
    if pattern:
        groups, unmatched = grouping.by_pattern([record.id for record in records], pattern)
        records = grouping.regrouped(records, groups)
        faults += unmatched
    for note in [*content.notes, *means.notes, *rows.notes()]:
        files.tell_once(f"note: {table}: {note}")
    return classes, records, faults


class _Rows:
    """The rows of a table, by the roles of its columns."""

    def __init__(
        self,
        folder: Path,
        images: Sequence[Path],
        table: Path,
        content: StrippedTable,
        means: table_columns.Meanings,
    ):
        self.folder, self.table, self.lines = folder, table, content.lines
        self.roles, self.subgroups = means.columns, means.subgroups
        self.rows = content.rows
        self.paths = self._column(PATH)
        self.masks = [
            [name.strip() for name in cell.split(";") if name.strip()]
            for cell in self._column(MASK)
        ]
        self.mask_names = [name for some in self.masks for name in some]
        named = [name for name in (*self.paths, *self.mask_names) if name]
        self.found = NamedFiles(folder, images).find_all(named)

    def _column(self, role: str) -> list[str]:
        """The cells of a role; "" where nothing is known, as everywhere without such a column."""
        return [known(row.get(self.roles.get(role, ""), "")) for row in self.rows]

    def listed(self) -> Listed:
        """Classes, records of the rows whose files can be told, and faults."""
        faults = [*self._path_faults(), *self._split_faults()]
        kept = [i for i, path in enumerate(self.paths) if path and not self.found[path].hint]
        labels, groups, splits = (self._column(role) for role in (LABEL, GROUP, SPLIT))
        classes, indices = listing.label_indices([labels[i] for i in kept])
        records = []
        for i, label in zip(kept, indices, strict=True):
            id = self._id(self.paths[i])
            masks = [self.found[name].path for name in self.masks[i]]
            records.append(
                Record(
                    id=id,
                    label=label,
                    group=groups[i] or id,
                    image=self.found[self.paths[i]].path,
                    mask=masks[0] if masks else None,
                    further_masks=tuple(masks[1:]),
                    split=split_of(splits[i]),
                    subgroups={
                        name: known(self.rows[i][name]) or "unknown" for name in self.subgroups
                    },
                )
            )
        return classes, records, faults

    def notes(self) -> list[str]:
        """What was read otherwise than it is written, a clause each."""
        notes = spelled_otherwise(self.found, self.folder)
        for role, meaning in ((LABEL, "are of no class"), (GROUP, "are groups of their own")):
            missing = self._column(role).count("") if role in self.roles else 0
            if missing:
                notes.append(
                    f"{missing} of {len(self.rows)} images {meaning}, as their cell says nothing "
                    f"in the column {self.roles[role]!r}"
                )
        said = sorted({row[column] for row in self.rows for column in row} - {""})
        nothing = [cell for cell in said if not known(cell)]
        if nothing:
            notes.append(f"{', '.join(map(repr, nothing))} is read as an empty cell")
        splits = sorted({cell for cell in self._column(SPLIT) if cell and _renamed(cell)})
        if splits:
            named = ", ".join(f"{cell!r} is {split_of(cell)}" for cell in splits)
            notes.append(f"splits are read under other names: {named}")
        return [*notes, *table_columns.subgroup_notes(self.subgroups, self.rows)]

    def _id(self, name: str) -> str:
        """The name as the table has it, but for back-slashes."""
        return name.replace("\\", "/") if self.found[name].spelled_otherwise else name

    def _place(self, i: int) -> str:
        return f"{self.table}, line {self.lines[i]}"

    def _path_faults(self) -> list[Fault]:
        """Rows without a file's name, names that cannot be told, files that are named twice."""
        faults = [
            Fault(
                "rows without an image", f"{self._place(i)} names no image: write it or remove it"
            )
            for i, path in enumerate(self.paths)
            if not path
        ]
        for what, named in (("images", self.paths), ("masks", self.mask_names)):
            faults += self._hints(what, dict.fromkeys(name for name in named if name))
        first: dict[str, int] = {}
        for i, name in enumerate(self.paths):
            path = _place_on_disk(self.found[name].path) if name else ""
            if path and first.setdefault(path, i) != i and name != self.paths[first[path]]:
                faults.append(
                    Fault(
                        "images listed twice",
                        f"{self.table}: lines {self.lines[first[path]]} and {self.lines[i]} are "
                        f"the same file {name}: keep one",
                    )
                )
        return faults

    def _hints(self, what: str, names: Sequence[str]) -> list[Fault]:
        """One fault for all files that are not found but whose place can be guessed."""
        odd = [name for name in names if self.found[name].hint]
        if not odd:
            return []
        return [
            Fault(
                f"names of {what}",
                f"{self.table}: {len(odd)} of {len(names)} {what} are not found, such as "
                f"{odd[0]!r}, which {self.found[odd[0]].hint}",
            )
        ]

    def _split_faults(self) -> list[Fault]:
        return [
            Fault(
                "unknown splits",
                f"{self.table}: split {cell!r} of {self.paths[i]!r} is none of "
                f"{', '.join(SPLIT_NAMES)}: correct it",
            )
            for i, cell in enumerate(self._column(SPLIT))
            if cell and split_of(cell) is None
        ]


def _place_on_disk(path: Path) -> str:
    """A path without detours through parent folders, by which files are told apart."""
    return posixpath.normpath(os.fspath(path))


def _renamed(cell: str) -> bool:
    return split_of(cell) not in (None, cell)

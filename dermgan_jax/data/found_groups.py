"""What `data.groups` makes of a data set: which images belong together, and whether that is known.

given  as the data say: a table, folders, names, headers
auto   where they say nothing, images that show the same thing are found and are one group
none   every image is a group of its own
"""

import csv
import dataclasses
import hashlib
import io
import pathlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data.alike_pictures import pairs_sheet
from dermgan_jax.data.alike_records import SAME_FILE, alike_records
from dermgan_jax.data.duplicates import Pair, alike_throughout, groups, is_same
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.prepared_folder import prepared_dir
from dermgan_jax.data.records import FOUND, UNKNOWN, Dataset, Record
from dermgan_jax.data.splits import AUTO, NONE

SHOWN = 24  # pairs of the sheet, evenly spaced from the least to the most alike
MOST = 50_000  # images; every thousand takes a minute or so
DataConfig = ConfigDict | FrozenConfigDict


def grouped(dataset: Dataset, data_config: DataConfig) -> Dataset:
    """The data set with the groups that `data.groups` asks for; all that was found is told once.

    Raises:
      UserError: if `data.prepared_dir` is in a bucket.
    """
    records = dataset.records
    if data_config.groups == NONE:
        alone = [dataclasses.replace(record, group=_alone(record)) for record in records]
        return _unknown(dataclasses.replace(dataset, records=tuple(alone)))
    said = [_is_said(record, dataset) for record in records]
    if any(said):
        unsaid = len(said) - sum(said)
    elif _is_own(dataset):
        unsaid = len(records)
        dataset = _unknown(dataset)
    else:
        unsaid = 0
    if data_config.groups != AUTO:
        return dataset
    why_not = _why_not(records, unsaid)
    if why_not:
        files.tell_once(f"note: data.groups=auto finds no groups, as {why_not}")
        return dataset
    return _found(dataset, said, data_config)


def _unknown(dataset: Dataset) -> Dataset:
    """The data set, whose groups are called what they are: images."""
    return dataclasses.replace(dataset, grouping=UNKNOWN, group_noun="image")


def _is_own(dataset: Dataset) -> bool:
    """Whether the images are files of the user's own, in no publisher's layout."""
    return dataset.name.startswith("image_folder")


def _alone(record: Record) -> str:
    """The group of an image, or pair, of which nothing is said."""
    return record.pair or record.id


def _is_said(record: Record, dataset: Dataset) -> bool:
    return not _is_own(dataset) or record.group != _alone(record)


def _why_not(records: Sequence[Record], unsaid: int) -> str:
    if not unsaid:
        return "the data say which images belong together"
    if all(record.split for record in records):
        return "the data say which split each image is in: dermgan check says what is in several"
    if len(records) > MOST:
        return f"{len(records)} images are more than the {MOST} that it compares"
    return ""


def _found(dataset: Dataset, said: Sequence[bool], data_config: DataConfig) -> Dataset:
    records = dataset.records
    pairs = alike_records(dataset, records, data_config)
    if alike_throughout(len(records), pairs):
        files.tell_once(
            "warning: data.groups=auto finds no groups, as the images look alike throughout, as "
            "X-rays do: what shows the same patient cannot be told from what does not"
        )
        return dataset
    fixed = [record.group if known else "" for record, known in zip(records, said, strict=True)]
    of = groups(len(records), [*pairs, *_partners(records)], fixed)
    names = {row: records[row].group for row in of}
    names |= {group: name for group, name in zip(of, fixed, strict=True) if name}
    regrouped = [
        dataclasses.replace(record, group=names[group])
        for record, group in zip(records, of, strict=True)
    ]
    found = dataclasses.replace(
        dataset, records=tuple(regrouped), grouping=FOUND, group_noun="group"
    )
    table, is_new = _written(
        found, [pair for pair in pairs if of[pair.first] == of[pair.second]], data_config
    )
    sizes = Counter(record.group for record in regrouped)
    if not is_new:  # all else was told when it was written
        files.tell_once(f"note: data.groups=auto: {len(sizes)} groups, as listed in {table}")
        return dataclasses.replace(found, group_table=table)
    several = [size for size in sizes.values() if size > 1]
    sheet = table.with_suffix(".png")
    shown = f" and shown in {sheet}" if sheet.exists() else ""
    files.tell_once(
        f"note: data.groups=auto: {len(records)} images are of {len(sizes)} groups; {sum(several)} "
        f"images are in {len(several)} groups of more than one, listed in {table}{shown}"
    )
    return dataclasses.replace(found, group_table=table)


def _partners(records: Sequence[Record]) -> list[Pair]:
    """Images of one pair, which belong together whatever they look like."""
    first: dict[str, int] = {}
    return [
        Pair(first[record.pair], row, False, SAME_FILE)
        for row, record in enumerate(records)
        if record.pair and first.setdefault(record.pair, row) != row
    ]


def _written(
    dataset: Dataset, pairs: Sequence[Pair], data_config: DataConfig
) -> tuple[pathlib.Path, bool]:
    """The table of what was found, with the sheet beside it, and whether it was not there yet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("path", "group"))
    writer.writerows((record.id, record.group) for record in dataset.records)
    content = text.getvalue()
    mark = hashlib.sha256(content.encode(errors="surrogateescape")).hexdigest()[:32]
    table = prepared_dir(data_config) / "groups" / f"{mark}.csv"
    shown = sorted(filter(is_same, pairs), key=lambda p: (p.agreement, p))
    if shown and not table.with_suffix(".png").exists():
        rows = np.linspace(0, len(shown) - 1, min(SHOWN, len(shown))).astype(int)
        some = [shown[row] for row in rows]
        save_image(pairs_sheet(dataset, some), table.with_suffix(".png"))
    is_new = not table.exists()
    if is_new:
        with files.replacing(table) as file:
            file.write(content.encode(errors="surrogateescape"))
    return table, is_new

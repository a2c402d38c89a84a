"""Images of a data set that show the same thing, looked for once and kept.

They are decoded whole, whatever size and cut an experiment uses, so that what belongs together does
not depend on it. What was found is kept beside the prepared images for as long as files stay as
they are.
"""

import contextlib
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data import file_digests
from dermgan_jax.data.decode import DECODER_VERSION, in_room
from dermgan_jax.data.duplicates import VERSION, Pair, alike_pairs
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.keypoints import Keypoints, keypoints, none
from dermgan_jax.data.prepared_folder import prepared_dir
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.progress_bar import progress_bar

DataConfig = ConfigDict | FrozenConfigDict

SAME_FILE = 1000.0  # agreement of equal files, above all others
CHUNK = 256  # images decoded ahead


def alike_records(
    dataset: Dataset, records: Sequence[Record], data_config: DataConfig
) -> list[Pair]:
    """Pairs of records that are alike, as positions in `records`; those kept from before, or new.

    Images that cannot be decoded are like none: that they are at fault is told elsewhere.

    Args:
      dataset: reads them.
      records: with a file each.
      data_config: `config.data`; reads channels, bit_depth, frame, prepared_dir and workers.
    """
    known = known_pairs(dataset, records, data_config)
    if known is not None:
        return known
    pictures = list(_all_keypoints(dataset, records, data_config))
    found = alike_pairs(pictures, data_config.workers)
    best = {(pair.first, pair.second): pair for pair in found}
    best |= {(pair.first, pair.second): pair for pair in _same_files(records, data_config)}
    found = [best[rows] for rows in sorted(best)]
    with contextlib.suppress(OSError):
        files.write_text(_file(dataset, records, data_config), json.dumps(found))
    return found


def known_pairs(
    dataset: Dataset, records: Sequence[Record], data_config: DataConfig
) -> list[Pair] | None:
    """What `alike_records` found before of the same files, or None."""
    try:
        kept = json.loads(_file(dataset, records, data_config).read_text())
        return [Pair(int(a), int(b), bool(turned), float(much)) for a, b, turned, much in kept]
    except (OSError, ValueError, TypeError):
        return None


def _file(dataset: Dataset, records: Sequence[Record], data_config: DataConfig) -> pathlib.Path:
    """Where it is kept: named by all that it depends on."""
    facts = [
        *(VERSION, DECODER_VERSION, dataset.name, dataset.source_version),
        *(data_config.channels, data_config.bit_depth, data_config.frame),
    ]
    mark = hashlib.sha256(json.dumps(facts).encode())
    for digest in _digests(records, data_config):
        mark.update(digest.encode() + b"\n")
    return prepared_dir(data_config) / "alike" / f"{mark.hexdigest()[:32]}.json"


def _digests(records: Sequence[Record], data_config: DataConfig) -> list[str]:
    images = [record.image for record in records]
    return file_digests.digests(images, prepared_dir(data_config), data_config.workers)


def _same_files(records: Sequence[Record], data_config: DataConfig) -> list[Pair]:
    """Each file that is equal to an earlier one, with the first of them."""
    first: dict[str, int] = {}
    return [
        Pair(first[digest], row, False, SAME_FILE)
        for row, digest in enumerate(_digests(records, data_config))
        if digest not in ("", file_digests.UNREADABLE) and first.setdefault(digest, row) != row
    ]


def _all_keypoints(
    dataset: Dataset, records: Sequence[Record], data_config: DataConfig
) -> Iterator[Keypoints]:
    def of(record: Record) -> Keypoints:
        try:
            with in_room(record.image):
                return keypoints(dataset.read(record))
        except DataError:
            return none()

    with (
        ThreadPoolExecutor(data_config.workers or os.cpu_count()) as pool,
        progress_bar(len(records), f"looking for what is alike in {dataset.name}") as bar,
    ):
        for start in range(0, len(records), CHUNK):
            for found in pool.map(of, records[start : start + CHUNK]):
                bar.update()
                yield found

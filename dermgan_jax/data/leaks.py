"""Images of a held-out split that show what an image of another split shows, as far as told.

Found are those of different groups that are alike (`duplicates`): the split divides them because
nothing says that they belong together. Results on them are too good.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from dermgan_jax import stored_json
from dermgan_jax.data.alike_pictures import pairs_sheet
from dermgan_jax.data.alike_records import alike_records, known_pairs
from dermgan_jax.data.catalogue import Catalogue, DataConfig
from dermgan_jax.data.duplicates import Pair, across, alike_throughout
from dermgan_jax.data.records import FOUND, GIVEN
from dermgan_jax.data.splits import SPLITS
from dermgan_jax.errors import printable

MOST = 20_000  # images that are compared without being asked for groups
QUICK = 2000  # images; more are compared unasked only where grouping is unknown
SHOWN = 12  # pairs of a sheet
KEPT = 1000  # pairs that are written down


class Leak(NamedTuple):
    """Two images of different splits and groups that are alike.

    Attributes:
      image, split: the one in the later of the splits train, val and test.
      of, of_split: the other one.
      mirrored: one is like the mirror image of the other.
      agreement: see `same_scene.agreement`.
    """

    image: str
    split: str
    of: str
    of_split: str
    mirrored: bool
    agreement: float


@dataclasses.dataclass(frozen=True)
class Leaks:
    """What was found in a data set.

    Attributes:
      images: how many were compared.
      split_hash: of the split.
      held_out: split but "train" -> its images, and how many of them are alike to one of an earlier
        split.
      pairs: the best ones first; of many `KEPT`.
      number: of all pairs.
      alike_throughout: nothing can be told, see `duplicates.alike_throughout`.
    """

    images: int
    split_hash: str
    held_out: dict[str, list[int]]
    pairs: list[Leak]
    number: int
    alike_throughout: bool = False


def find(catalogue: Catalogue, data_config: DataConfig, *, search: bool) -> Leaks | None:
    """What leaks; None where nothing is told, see `why_not`.

    Args:
      catalogue: its real images are compared.
      data_config: as of `alike_records`.
      search: if not, only what was found before is told.
    """
    pairs = _pairs(catalogue, data_config, search) if not why_not(catalogue) else None
    if pairs is None:
        return None
    rows = _rows(catalogue)
    records = [catalogue.records[row] for row in rows]
    if alike_throughout(len(records), pairs):
        return Leaks(len(records), catalogue.split_hash, {}, [], 0, alike_throughout=True)
    order = {split: i for i, split in enumerate(SPLITS)}
    parts = [str(split) for split in catalogue.splits[rows]]
    found, touched = [], set()
    crossing = across(pairs, parts, [record.group for record in records])
    for pair in crossing:
        of, row = sorted(pair[:2], key=lambda row: order[parts[row]])
        touched.add(row)
        names = records[row].id, parts[row], records[of].id, parts[of]
        found.append(Leak(*names, pair.mirrored, pair.agreement))
    held_out = {
        split: [parts.count(split), sum(parts[row] == split for row in touched)]
        for split in SPLITS[1:]
    }
    return Leaks(len(records), catalogue.split_hash, held_out, found[:KEPT], len(found))


def is_quick(catalogue: Catalogue) -> bool:
    """Whether to look for leaks without being asked: it is soon done, or no groups are given."""
    return catalogue.dataset.grouping != GIVEN or len(_rows(catalogue)) <= QUICK


def _rows(catalogue: Catalogue) -> np.ndarray:
    """Of the images that are compared: int (n,)."""
    used = [not record.synthetic and record.image is not None for record in catalogue.records]
    return np.flatnonzero(used)


def why_not(catalogue: Catalogue) -> str:
    """Why images are not compared, or ""."""
    if catalogue.dataset.synthetic:
        return "images are drawn by a program"
    if len(np.unique(catalogue.splits)) < 2:
        return "all are in one split"
    if catalogue.domains.any():
        return "there are two domains"
    if catalogue.dataset.grouping != FOUND and len(_rows(catalogue)) > MOST:
        return f"there are more than {MOST}"
    return ""


def _pairs(catalogue: Catalogue, data_config: DataConfig, search: bool) -> list[Pair] | None:
    """Pairs as positions in `_rows`, from all of the data set where those are known."""
    dataset = catalogue.dataset
    records = [catalogue.records[row] for row in _rows(catalogue)]
    known = known_pairs(dataset, dataset.records, data_config)
    if known is None:
        compare = alike_records if search else known_pairs
        return compare(dataset, records, data_config)
    row_of = {record.id: row for row, record in enumerate(records)}
    rows = [row_of.get(record.id) for record in dataset.records]
    moved = []
    for pair in known:
        sides = rows[pair.first], rows[pair.second]
        if None not in sides:
            moved.append(pair._replace(first=min(sides), second=max(sides)))
    return moved


def told(found: Leaks) -> list[str]:
    """What was found, for the terminal."""
    numbers = ", ".join(
        f"{count} of {total} {split} images" for split, (total, count) in found.held_out.items()
    )
    if found.alike_throughout:
        return [
            "note: leaks: the images look alike throughout, as X-rays do, so that what shows the "
            "same cannot be told"
        ]
    if not found.number:
        return [
            f"leaks: none found; no image of a split looks like one of another split and group, "
            f"among {found.images} images; not every picture of the same thing is found"
        ]
    worst = found.pairs[0]
    shown, of = (printable(repr(name), but="") for name in (worst.image, worst.of))
    return [
        f"warning: leaks: {numbers} look like one of an earlier split that is of another group, "
        f"such as {shown} ({worst.split}) and {of} ({worst.of_split}): results on them are too "
        "good; give both the same group, as data.groups=auto does where the data say nothing"
    ]


def facts(found: Leaks) -> dict[str, Any]:
    """What was found, as JSON values."""
    return dataclasses.asdict(found)


def of_facts(plain: Mapping[str, Any]) -> Leaks:
    """The inverse of `facts`, of values that anybody may have written.

    Raises:
      ValueError: if they are none.
    """
    return stored_json.structure(plain, Leaks)


def sheet(found: Leaks, catalogue: Catalogue) -> np.ndarray | None:
    """The pairs that are most alike, uint8 (H, W, 3); None if there are none."""
    if not found.pairs:
        return None
    row_of = {record.id: row for row, record in enumerate(catalogue.dataset.records)}
    worst = found.pairs[:SHOWN]
    pairs = [
        Pair(row_of[leak.of], row_of[leak.image], leak.mirrored, leak.agreement) for leak in worst
    ]
    notes = [f"{leak.of_split} and {leak.split}" for leak in worst]
    return pairs_sheet(catalogue.dataset, pairs, notes)

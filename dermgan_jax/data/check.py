"""Finding everything that is wrong with the data before a step is trained."""

import pathlib
from collections.abc import Sequence

from ml_collections import FrozenConfigDict

from dermgan_jax import files
from dermgan_jax.data import other_files, used_range
from dermgan_jax.data.catalogue import Catalogue, DataConfig, list_dataset, select
from dermgan_jax.data.domains import DOMAINS
from dermgan_jax.data.faults import DataError, Fault, lines
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.masks import decode_classes, prepare_masks
from dermgan_jax.data.near_copies import NearCopy, compared, near_copies_once
from dermgan_jax.data.prepare import (
    Prepared,
    decode_all,
    digests,
    is_prepared,
    prepare,
    prepared_dir,
)
from dermgan_jax.data.records import FOUND, GIVEN, UNKNOWN, UNLABELLED
from dermgan_jax.data.splits import IMAGE, SPLITS, TRAIN
from dermgan_jax.errors import printable

_OR_A_PATTERN = ", or, if it is not the same patient, say who is with data.group_pattern"
FEW = 100  # training images; below, the summary warns
SMALL_SHARE = 0.1  # of the other domain's images; below, the summary warns


def check(config: FrozenConfigDict) -> list[str]:
    """Every fault of the data of a valid configuration, as messages for the user.

    Lists the data set, its classes and splits, and decodes every image, unless the very same files
    lie prepared and hence have been decoded before. Faults of one kind beyond
    `faults.SHOWN_PER_KIND` are only counted. No image is written, but digests of files are kept.
    """
    listed, found = _listed(config.data)
    if listed is not None and not is_prepared(listed, config.data):
        found += decode_all(listed, config.data, write=lambda image: None)
    if listed is not None:
        found += _mask_faults(listed, config.data)
    return lines(found)


def checked_catalogue(config: FrozenConfigDict) -> Catalogue:
    """The catalogue for a training run, whose images all decode.

    Unless `data.cache` is "none" the images are also prepared, so that each is decoded only once.

    Raises:
      DataError: naming every fault of the listing and of the images at once.
    """
    listed, found = _listed(config.data)
    if listed is not None:
        if not found and config.data.cache != "none":
            prepare(listed, config.data)
            if config.data.masks:
                prepare_masks(listed, config.data)
        else:
            if not is_prepared(listed, config.data):
                found += decode_all(listed, config.data, write=lambda image: None)
            found += _mask_faults(listed, config.data)
    if found:
        raise DataError(found)
    return listed


def _mask_faults(catalogue: Catalogue, data_config: DataConfig) -> list[Fault]:
    """What is wrong with the masks, if they are asked for."""
    if not data_config.masks:
        return []
    return decode_all(
        *(catalogue, data_config, lambda mask: None), decode=decode_classes, what="masks"
    )


def summary(catalogue: Catalogue) -> str:
    """What the data set is, and tables of images per class and split; of two domains, one each."""
    text = [
        f"{catalogue.dataset.name}: {len(catalogue.records)} images{_in_groups(catalogue)}",
        f"licence: {catalogue.dataset.licence}",
        f"split: {catalogue.split_hash[:16]}",
    ]
    if not catalogue.domains.any():
        return "\n".join([*text, *_table(catalogue)])
    for domain in DOMAINS:
        members = (catalogue.records[row] for row in catalogue.indices("all", domain))
        kinds = sorted({record.domain for record in members} - {""})
        title = f"domain {domain.upper()}" + (f": {', '.join(kinds)}" if kinds else "")
        title = printable(title, but="")
        text += ["", title, *_table(catalogue, domain)]
    return "\n".join([*text, "", *_balance(catalogue)])


def _in_groups(catalogue: Catalogue) -> str:
    """How many groups the images are of, as far as that is known."""
    groups, noun = len({r.group for r in catalogue.records}), catalogue.dataset.group_noun
    return {
        GIVEN: f" in {groups} {noun}s",
        FOUND: f" in {groups} groups found by data.groups=auto",
        UNKNOWN: ", grouping unknown",
    }[catalogue.dataset.grouping]


def cautions(catalogue: Catalogue, data_config: DataConfig) -> list[str]:
    """What a model of these training images is bound to suffer from, as warnings."""
    found_digests = digests(catalogue, data_config)
    rows = _training(catalogue, data_config)
    named = [(found_digests[row], catalogue.records[row].id) for row in rows]
    first: dict[str, str] = {}
    copies = [(name, first[d]) for d, name in named if d and first.setdefault(d, name) != name]
    found = [*_left_out(catalogue), *_without_class(catalogue), *_without_groups(catalogue)]
    if data_config.normal:
        found.append(
            f"note: training images are of {', '.join(data_config.normal)} only (data.normal); "
            "validation and test images are of every class"
        )
    if data_config.half:
        found.append(
            f"note: training images are of the {data_config.half} half of the groups only "
            "(data.half); validation and test images are all there"
        )
    if len(named) < FEW:
        found.append(
            f"warning: a model of {len(named)} training images repeats them: have {FEW} at least, "
            "and look for copies with dermgan audit"
        )
    if copies:
        found.append(
            f"warning: {len(copies)} of {len(named)} training images are copies of others, such as "
            f"{copies[0][0]!r} of {copies[0][1]!r}: a model learns these by heart; remove them"
        )
    if data_config.dir and not catalogue.dataset.synthetic:
        found += _of_pixels(catalogue, data_config)
        found += other_files.notes(files.to_path(data_config.dir))
    return [printable(line, but="") for line in found]


def _of_pixels(catalogue: Catalogue, data_config: DataConfig) -> list[str]:
    """What only the decoded pictures tell."""
    if data_config.cache == "none":
        return [
            "note: the same picture in several splits, and pictures that are dark throughout, are "
            "not looked for, as images are not kept decoded (data.cache=none)"
        ]
    prepared = prepare(catalogue, data_config)
    return _leaks(prepared, prepared_dir(data_config)) + _little_range(prepared.images)


def _leaks(prepared: Prepared, folder: pathlib.Path) -> list[str]:
    """Pictures that are in several splits without anything saying that they belong together."""
    catalogue = prepared.catalogue
    groups = [record.group for record in catalogue.records]
    found = near_copies_once(
        prepared.images, catalogue.splits, groups, prepared.fingerprint, folder
    )
    return [*_partly_compared(catalogue), *_told_copies(catalogue, found)]


def _partly_compared(catalogue: Catalogue) -> list[str]:
    """That of large splits a part is compared."""
    held_out = int((catalogue.splits != TRAIN).sum())
    if compared(catalogue.splits) == held_out:
        return []
    return [
        f"note: the same picture in several splits is looked for among "
        f"{compared(catalogue.splits)} of {held_out} validation and test images, evenly spaced"
    ]


def _told_copies(catalogue: Catalogue, found: Sequence[NearCopy]) -> list[str]:
    if not found:
        return []
    shown = [
        f"{catalogue.records[row].id!r} ({catalogue.splits[row]})"
        for row in (found[0].row, found[0].of)
    ]
    return [
        f"warning: {len(found)} images show the same picture as one of another split, such as "
        f"{' and '.join(shown)}: held-out results are too good by that; remove copies, or "
        "give both the same group"
    ]


def _little_range(images: ImageSet) -> list[str]:
    """Pictures that are dark or flat throughout, as those are whose bits were misread."""
    levels = used_range.median_range(images)
    if levels >= used_range.LEAST:
        return []
    return [
        f"warning: half of the pictures use {levels} of 256 grey levels or fewer, a quarter at "
        "most: if they hold more than 8 bits, say with data.bit_depth how many; look at them"
    ]


def _without_class(catalogue: Catalogue) -> list[str]:
    """Images that nothing gives a class, while others have one."""
    unlabelled = int((catalogue.labels == UNLABELLED).sum())
    if not unlabelled or not catalogue.classes:
        return []
    return [
        f"note: {unlabelled} of {len(catalogue.records)} images are of no class; "
        f"data.classes={tuple(catalogue.classes)} leaves them out"
    ]


def _left_out(catalogue: Catalogue) -> list[str]:
    """Classes of the data set that `data.classes` does not name."""
    others = [name for name in catalogue.dataset.classes if name not in catalogue.classes]
    if not others:
        return []
    return [f"note: only {', '.join(catalogue.classes)} is used; left out: {', '.join(others)}"]


def _without_groups(catalogue: Catalogue) -> list[str]:
    """That nothing says which images show the same lesion or patient."""
    if catalogue.dataset.grouping != UNKNOWN:
        return []
    return [
        "warning: grouping unknown: no groups are known, so images of one lesion or patient may be "
        "in different splits, and held-out results are too good by that; a column `group` in "
        "data.csv, or data.group_pattern, says which belong together, and data.groups=auto looks "
        "for pictures of the same lesion"
    ]


def _is_own(catalogue: Catalogue) -> bool:
    """Whether the images are files of the user's own, in no publisher's layout."""
    return catalogue.dataset.name.startswith("image_folder")


def _training(catalogue: Catalogue, data_config: DataConfig) -> list[int]:
    """Rows of the images of both domains, or of the only one, that are trained on."""
    wanted = SPLITS if data_config.split == "all" else (data_config.split,)
    return [row for row, split in enumerate(catalogue.splits) if split in wanted]


def _table(catalogue: Catalogue, domain: str = "") -> list[str]:
    """Images per class and split, of one domain if given, with each class's share of all."""
    counts = {split: catalogue.class_counts(split, domain) for split in SPLITS}
    names = [printable(name, but="") for name in catalogue.classes]
    rows = [(name, [counts[split][index] for split in SPLITS]) for index, name in enumerate(names)]
    if domain:
        rows = [(name, numbers) for name, numbers in rows if sum(numbers)]
    totals = [len(catalogue.indices(split, domain)) for split in SPLITS]
    width = max(len(name) for name in (*names, "class", "all"))
    columns = (*SPLITS, "share") if domain else SPLITS
    table = [f"{'class':<{width}}" + "".join(f"{column:>8}" for column in columns)]
    for name, numbers in [*rows, ("all", totals)]:
        share = f"{sum(numbers) / sum(totals):>8.1%}" if domain else ""
        table.append(f"{name:<{width}}" + "".join(f"{n:>8}" for n in numbers) + share)
    return table


def _balance(catalogue: Catalogue) -> list[str]:
    """How many pairs two domains have, how their sizes compare, and a warning if badly."""
    of_a, of_b = catalogue.domain_counts("all")
    text = []
    pairs = [len(catalogue.pairs(split)[0]) for split in SPLITS]
    if any(pairs):
        named = ", ".join(f"{split} {n}" for split, n in zip(SPLITS, pairs, strict=True))
        text.append(f"pairs: {named}")
    text.append(f"domain A to domain B: {of_a} to {of_b} images, a ratio of {of_a / of_b:.2f}")
    few, small, large = ("A", of_a, of_b) if of_a < of_b else ("B", of_b, of_a)
    if small < SMALL_SHARE * large:
        text.append(
            f"warning: domain {few} has {small} images, less than {SMALL_SHARE:.0%} of the other's "
            f"{large}: what is translated into it will repeat those few; add images, or leave some "
            "of the other domain out"
        )
    return text


def _sameness(catalogue: Catalogue, data_config: DataConfig) -> list[Fault]:
    """A fault if all training images are one and the same file."""
    rows, found = _training(catalogue, data_config), digests(catalogue, data_config)
    if len(rows) < 2 or not found[rows[0]] or len({found[row] for row in rows}) > 1:
        return []
    message = f"all {len(rows)} training images are the same picture: there is nothing to learn"
    return [Fault("copies", message)]


def _listed(data_config: DataConfig) -> tuple[Catalogue | None, list[Fault]]:
    """The catalogue of what is sound in the listing, if anything is, and what is not."""
    found = []
    try:
        dataset = list_dataset(data_config)
    except DataError as error:
        found += error.faults
        dataset = error.dataset
    if dataset is None or not dataset.records:
        return None, found
    try:
        listed = select(dataset, data_config)
    except DataError as error:
        return None, [*found, *error.faults]
    return listed, found + _split_faults(listed, data_config) + _sameness(listed, data_config)


def _split_faults(catalogue: Catalogue, data_config: DataConfig) -> list[Fault]:
    split = data_config.split
    found = []
    if not len(catalogue.indices(split)):
        found.append(Fault("splits", f"split {split!r} (data.split) is empty: choose another"))
    found += [
        Fault(
            "domains without training images",
            f"domain {domain.upper()} has no images in split {split!r} (data.split): add some, or "
            "choose another split",
        )
        for domain, count in zip(DOMAINS, catalogue.domain_counts(split), strict=False)
        if not count
    ]
    if not data_config.num_images:  # a small random subset may well miss a class
        found += [
            Fault(
                "classes without training images",
                f"class {name!r} has no images in split {split!r} (data.split): add some, or leave "
                "it out of data.classes",
            )
            for name, count in zip(catalogue.classes, catalogue.class_counts(split), strict=True)
            if not count and (not data_config.normal or name in data_config.normal)
        ]
    if data_config.split_by == IMAGE:
        return found
    first: dict[str, str] = {}
    several: dict[str, set[str]] = {}
    for record, assigned in zip(catalogue.records, catalogue.splits.tolist(), strict=True):
        if first.setdefault(record.group, assigned) != assigned:
            several.setdefault(record.group, {first[record.group]}).add(assigned)
    found += [
        Fault(
            "groups in several splits",
            f"group {group!r} is in the splits {', '.join(sorted(found_in))}: keep it in one"
            + _OR_A_PATTERN * (_is_own(catalogue) and not data_config.csv),
        )
        for group, found_in in sorted(several.items())
    ]
    return found

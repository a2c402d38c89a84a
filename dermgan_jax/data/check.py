"""Finding everything that is wrong with the data before a step is trained."""

from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.faults import DataError, Fault, lines
from dermgan_jax.data.prepare import (
    Catalogue,
    DataConfig,
    decode_all,
    is_prepared,
    prepare,
    select,
)
from dermgan_jax.data.splits import SPLITS


def check(config: FrozenConfigDict) -> list[str]:
    """Every fault of the data of a valid configuration, as messages for the user.

    Lists the data set, its classes and splits, and decodes every image, unless the very same files
    lie prepared and hence have been decoded before. Faults of one kind beyond
    `faults.SHOWN_PER_KIND` are only counted. Nothing is written.
    """
    listed, found = _listed(config.data)
    if listed is not None and not is_prepared(listed, config.data):
        found += decode_all(listed, config.data, write=lambda image: None)
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
        elif not is_prepared(listed, config.data):
            found += decode_all(listed, config.data, write=lambda image: None)
    if found:
        raise DataError(found)
    return listed


def summary(catalogue: Catalogue) -> str:
    """A table of images per class and split, and what the data set is."""
    width = max(len(name) for name in (*catalogue.classes, "class", "all"))
    rows = [
        (name, [catalogue.class_counts(s)[i] for s in SPLITS])
        for i, name in enumerate(catalogue.classes)
    ]
    rows.append(("all", [len(catalogue.indices(split)) for split in SPLITS]))
    header = f"{'class':<{width}}" + "".join(f"{split:>8}" for split in SPLITS)
    groups = len({record.group for record in catalogue.records})
    return "\n".join(
        [
            f"{catalogue.dataset.name}: {len(catalogue.records)} images in {groups} groups",
            f"licence: {catalogue.dataset.licence}",
            f"split: {catalogue.split_hash[:16]}",
            header,
            *(f"{name:<{width}}" + "".join(f"{n:>8}" for n in counts) for name, counts in rows),
        ]
    )


def _listed(data_config: DataConfig) -> tuple[Catalogue | None, list[Fault]]:
    """The catalogue of what is sound in the listing, if anything is, and what is not."""
    found = []
    try:
        dataset = registry.load("dataset", data_config.dataset)(data_config)
    except DataError as error:
        found += error.faults
        dataset = error.dataset
    if dataset is None or not dataset.records:
        return None, found
    try:
        listed = select(dataset, data_config)
    except DataError as error:
        return None, [*found, *error.faults]
    return listed, found + _split_faults(listed, data_config)


def _split_faults(catalogue: Catalogue, data_config: DataConfig) -> list[Fault]:
    split = data_config.split
    found = []
    if not len(catalogue.indices(split)):
        found.append(Fault("splits", f"split {split!r} (data.split) is empty: choose another"))
    if not data_config.num_images:  # a small random subset may well miss a class
        found += [
            Fault(
                "classes without training images",
                f"class {name!r} has no images in split {split!r} (data.split): add some, or leave "
                "it out of data.classes",
            )
            for name, count in zip(catalogue.classes, catalogue.class_counts(split), strict=True)
            if not count
        ]
    splits_of_group: dict[str, set[str]] = {}
    for record, assigned in zip(catalogue.records, catalogue.splits, strict=True):
        splits_of_group.setdefault(record.group, set()).add(str(assigned))
    found += [
        Fault(
            "groups in several splits",
            f"group {group!r} is in the splits {', '.join(sorted(found_in))}: keep it in one",
        )
        for group, found_in in sorted(splits_of_group.items())
        if len(found_in) > 1
    ]
    return found

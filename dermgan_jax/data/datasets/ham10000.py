"""HAM10000: 10,015 dermoscopic images of 7,470 lesions in seven classes.

P. Tschandl, C. Rosendahl, H. Kittler, "The HAM10000 dataset", Scientific Data 5, 180161 (2018),
doi:10.7910/DVN/DBW86T. The layouts of the Kaggle and Dataverse downloads are both read:

  HAM10000_metadata.csv, HAM10000_metadata.tab or HAM10000_metadata
  HAM10000_images_part_1/, HAM10000_images_part_2/ (or ..._part1/, ..._part2/), or the images
                                                         anywhere else in the folder
  HAM10000_segmentations_lesion_tschandl/ISIC_0024306_segmentation.png   if masks are wanted
"""

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import listings
from dermgan_jax.data.datasets import listing
from dermgan_jax.data.datasets.table_columns import known
from dermgan_jax.data.faults import Fault
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
LICENCE = "HAM10000 (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T), CC BY-NC 4.0"
TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
SUBGROUPS = ("age", "sex", "localization", "dx_type")


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists HAM10000. Classes that the table does not mention are left out.

    Args:
      data_config: `config.data`; reads dir and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    table = _table(folder)
    rows = listing.read_table(table, ("lesion_id", "image_id", "dx", *SUBGROUPS))
    published = folders_named(folder, "ham10000_images")
    everything = listing.find_images(folder)
    images = listing.images_named(everything, published, {row["image_id"] for row in rows})
    masks = listing.by_stem(folders_named(folder, "ham10000_segmentations"), "_segmentation")

    faults = [
        Fault(
            "unknown diagnoses",
            f"{table}: dx {row['dx']!r} of {row['image_id']} is none of {', '.join(CLASSES)}: "
            "correct it, or remove the row",
        )
        for row in rows
        if row["dx"] not in CLASSES
    ]
    classes = tuple(name for name in CLASSES if any(row["dx"] == name for row in rows))
    records = [
        Record(
            id=row["image_id"],
            label=classes.index(row["dx"]),
            group=known(row["lesion_id"]) or row["image_id"],
            image=images.get(row["image_id"]),
            mask=masks.get(row["image_id"]),
            subgroups={column: known(row[column]) or "unknown" for column in SUBGROUPS},
        )
        for row in rows
        if row["dx"] in CLASSES
    ]
    return listing.file_dataset(
        *("ham10000", classes, records, faults, data_config, LICENCE, "lesion"),
        folder=folder,
        images=everything,
    )


def _table(folder: Path) -> Path:
    """The table of diagnoses; capitals of its name do not matter."""
    _, found = listings.listing(folder)
    known = [name.lower() for name in TABLES]
    tables = [path for path in found if path.name.lower() in known]
    if not tables:
        raise listing.failure("table", f"{folder} holds none of {', '.join(TABLES)}: add one")
    return min(tables, key=lambda path: known.index(path.name.lower()))


def folders_named(folder: Path, prefix: str) -> list[Path]:
    """Sub-folders whose name begins with `prefix`, capitals disregarded, sorted.

    The Kaggle archive may hold its image folders a second time in lower case.
    """
    folders, _ = listings.listing(folder)
    return [path for path in folders if path.name.lower().startswith(prefix.lower())]

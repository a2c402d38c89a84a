"""derm7pt: 1,011 lesions, each with a clinical and a dermoscopic photograph.

J. Kawahara, S. Daneshvar, G. Argenziano, G. Hamarneh, "Seven-point checklist and skin lesion
classification using multitask multimodal neural nets", IEEE J. Biomed. Health Inform. 23(2), 2019,
doi:10.1109/JBHI.2018.2824327. Layout as downloaded; `data.dir` is release_v0 or its parent:

  release_v0/images/FOLDER/FILE.jpg        named in meta.csv, capitals sometimes different
  release_v0/meta/meta.csv                 a row per case: case_num, diagnosis, clinic, derm, …
  release_v0/meta/{train,valid,test}_indexes.csv    one column `indexes`: rows of meta.csv from 0

The domains are "clinical" and "dermoscopic", and the two photographs of a case are a pair.
"""

from pathlib import PurePosixPath

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.data.datasets import listing
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import Dataset, Record
from dermgan_jax.files import Path

CLASSES = ("bcc", "nev", "mel", "misc", "sk")  # the groups of the authors' experiments
CLASS_OF = {
    "basal cell carcinoma": "bcc",
    "blue nevus": "nev",
    "clark nevus": "nev",
    "combined nevus": "nev",
    "congenital nevus": "nev",
    "dermal nevus": "nev",
    "recurrent nevus": "nev",
    "reed or spitz nevus": "nev",
    "melanoma": "mel",
    "melanoma (in situ)": "mel",
    "melanoma (less than 0.76 mm)": "mel",
    "melanoma (0.76 to 1.5 mm)": "mel",
    "melanoma (more than 1.5 mm)": "mel",
    "melanoma metastasis": "mel",
    "dermatofibroma": "misc",
    "lentigo": "misc",
    "melanosis": "misc",
    "miscellaneous": "misc",
    "vascular lesion": "misc",
    "seborrheic keratosis": "sk",
}
DOMAINS = {"clinical": "clinic", "dermoscopic": "derm"}  # to columns of meta.csv
SUBGROUPS = ("diagnosis", "level_of_diagnostic_difficulty", "elevation", "location", "sex")
PARTS = {"train": "train", "valid": "val", "test": "test"}
LICENCE = (
    "derm7pt (Kawahara et al. 2019, doi:10.1109/JBHI.2018.2824327), images from the Interactive "
    "Atlas of Dermoscopy; for research only, not to be passed on"
)


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """Lists derm7pt: two records per case, in the published splits.

    Nothing tells which cases are of one patient, so that groups are cases.

    Args:
      data_config: `config.data`; reads dir and channels.

    Raises:
      DataError: naming every fault of the listing.
    """
    folder = listing.root(data_config)
    if not (folder / "meta").is_dir():
        folder = folder / "release_v0"
    table = folder / "meta" / "meta.csv"
    rows = listing.read_table(table, ("case_num", "diagnosis", *DOMAINS.values(), *SUBGROUPS))
    split_of, faults = _splits(folder / "meta", len(rows))
    faults += [
        Fault(
            "unknown diagnoses",
            f"{table}: diagnosis {row['diagnosis']!r} of case {row['case_num']} is none of "
            f"{', '.join(CLASS_OF)}: correct it, or remove the row",
        )
        for row in rows
        if row["diagnosis"].strip().lower() not in CLASS_OF
    ]
    images = folder / "images"
    found = {_spelling(path.relative_to(images)): path for path in listing.find_images(images)}
    names = [CLASS_OF.get(row["diagnosis"].strip().lower(), "") for row in rows]
    classes = tuple(name for name in CLASSES if name in names)
    records = []
    for number, (row, name) in enumerate(zip(rows, names, strict=True)):
        case = f"case_{row['case_num'].zfill(4)}"
        if name:
            records += [
                Record(
                    id=f"{case}_{domain}",
                    label=classes.index(name),
                    group=case,
                    image=found.get(_spelling(PurePosixPath(row[column])), images / row[column]),
                    split=split_of.get(number),
                    subgroups={key: row[key] or "unknown" for key in SUBGROUPS},
                    domain=domain,
                    pair=case,
                )
                for domain, column in DOMAINS.items()
            ]
    return listing.file_dataset(
        "derm7pt", classes, records, faults, data_config, LICENCE, "case", folder
    )


def _spelling(path: PurePosixPath) -> str:
    """A path by which names are compared: folders and suffixes differ in capitals."""
    return path.as_posix().lower()


def _splits(folder: Path, num_rows: int) -> tuple[dict[int, str], list[Fault]]:
    """Row of meta.csv -> split, from the three tables of row numbers."""
    split_of: dict[int, str] = {}
    faults: list[Fault] = []
    for part, split in PARTS.items():
        table = folder / f"{part}_indexes.csv"
        try:
            entries = [row["indexes"] for row in listing.read_table(table, ("indexes",))]
        except DataError as error:
            faults += error.faults
            continue
        for entry in entries:
            if not entry.isdecimal() or int(entry) >= num_rows:
                wrong = f"is no row of meta.csv, which has 0 to {num_rows - 1}: correct it"
            elif int(entry) in split_of:
                wrong = f"is also in the split {split_of[int(entry)]!r}: keep one"
            else:
                split_of[int(entry)] = split
                continue
            faults.append(Fault("split tables", f"{table}: index {entry!r} {wrong}"))
    return split_of, faults

"""What DICOM files say of the patients they show joins their records."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from dermgan_jax import files
from dermgan_jax.data import dicom
from dermgan_jax.data.decode import DICOM_SUFFIXES
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.data.records import Record
from dermgan_jax.files import Path


def described(
    root: Path, records: Sequence[Record], pattern: str = ""
) -> tuple[list[Record], list[Fault]]:
    """The records, those of DICOM files with their patients as groups and with subgroups.

    Groups and subgroups that the folders or a table tell stay as they are. Headers are read.

    Args:
      root: `data.dir`, for messages.
      records: of any files.
      pattern: `data.group_pattern`, which has said all groups if there is one.

    Returns:
      The records, and faults of the files that cannot be read.
    """
    rows = [i for i, record in enumerate(records) if _is_dicom(record)]
    if not rows:
        return list(records), []
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_describe, (records[i].image for i in rows)))
    joined, faults, patients = list(records), [], []
    for i, said in zip(rows, found, strict=True):
        if isinstance(said, DataError):
            faults += said.faults
            continue
        record = records[i]
        alone = not pattern and record.group == record.id and said.group
        patients += [said.group] if alone else []
        joined[i] = dataclasses.replace(
            record,
            group=said.group if alone else record.group,
            subgroups={**said.subgroups, **record.subgroups},
        )
    files.tell_once(
        f"note: {root}: {len(patients)} of {len(rows)} DICOM files are grouped by the patient or "
        f"study that they name, {len(set(patients))} in all; names and numbers are kept nowhere, "
        "only digests"
    )
    return joined, faults


def _is_dicom(record: Record) -> bool:
    return record.image is not None and record.image.suffix.lower() in DICOM_SUFFIXES


def _describe(path: Path) -> dicom.Description | DataError:
    try:
        return dicom.describe(path)
    except DataError as error:
        return error

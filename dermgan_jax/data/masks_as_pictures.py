"""Masks as a kind of picture of its own, from which translators can learn to paint.

Where `data.domain_a` or `domain_b` names "mask", every image that has a mask is there twice: as
"image", under its own id, and its mask as "mask", white where the lesion is. The two are a pair.
"""

import dataclasses

import numpy as np

from dermgan_jax.data.records import Dataset, Record

IMAGE, MASK = "image", "mask"


def with_masks_as_pictures(dataset: Dataset, channels: int) -> Dataset:
    """The data set with the masks of its images beside these; images without a mask stay alone.

    Args:
      dataset: of one kind of picture.
      channels: of pictures, 1 or 3.
    """
    originals = {record.id: record for record in dataset.records}

    def read(record: Record) -> np.ndarray:
        original = originals[record.pair]
        if record.domain == IMAGE:
            return dataset.read(original)
        mask = dataset.read_mask(original).astype(np.uint8)[..., None] * 255
        return np.repeat(mask, channels, axis=-1)

    def read_mask(record: Record) -> np.ndarray | None:
        return dataset.read_mask(originals[record.pair])

    records = []
    for record in dataset.records:
        records.append(dataclasses.replace(record, domain=IMAGE, pair=record.id))
        if dataset.has_mask(record):
            records.append(
                dataclasses.replace(
                    record, id=f"{record.id}_mask", domain=MASK, pair=record.id, image=record.mask
                )
            )
    return dataclasses.replace(dataset, records=tuple(records), read=read, read_mask=read_mask)

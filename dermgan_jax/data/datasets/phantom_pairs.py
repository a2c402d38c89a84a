"""Drawn lesions, each seen through a dermatoscope and by a camera at arm's length. No real skin.

The pictures of `phantom` and their clinical partners, so that translation between the two domains
"clinical" and "dermoscopic" can be tried and scored without a download.
"""

import dataclasses

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.records import Dataset, Record, load_resolution

DRAW = {"clinical": phantom.draw_clinical, "dermoscopic": phantom.draw}


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """The phantom's pairs as a data set; both pictures of a pair have masks.

    Args:
      data_config: `config.data`; reads num_images (pictures, hence twice the pairs; 0: 2000),
        resolution, load_resolution and channels (3, or 1 for luminance).
    """
    size, channels = load_resolution(data_config), data_config.channels

    def draw(record: Record) -> phantom.Phantom:
        index = int(record.pair.removeprefix("phantom_"))
        return DRAW[record.domain](phantom.DRAWING_SEED, index, size)

    def read(record: Record) -> np.ndarray:
        return phantom.as_channels(draw(record).image, channels)

    def read_mask(record: Record) -> np.ndarray:
        return draw(record).mask

    count = (data_config.num_images or phantom.DEFAULT_NUM_IMAGES) // 2
    lesions = (phantom.describe(phantom.DRAWING_SEED, index) for index in range(count))
    return Dataset(
        name="phantom_pairs",
        classes=phantom.CLASSES,
        records=tuple(
            dataclasses.replace(lesion, id=f"{lesion.id}_{domain}", domain=domain, pair=lesion.id)
            for lesion in lesions
            for domain in DRAW
        ),
        read=read,
        read_mask=read_mask,
        licence=phantom.LICENCE,
        synthetic=True,
        source_version=phantom.SOURCE_VERSION,
    )

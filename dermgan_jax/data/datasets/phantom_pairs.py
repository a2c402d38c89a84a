"""Drawn lesions, each seen through a dermatoscope and by a camera. No real skin.

The pictures of `phantom` are the domain "dermoscopic". Their partners are "clinical", taken at
arm's length and another angle as in derm7pt, and "close_up", taken in the very frame of the
dermatoscope, so that every pixel has its counterpart. Translation can be tried and scored without
a download.
"""

import dataclasses

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.records import Dataset, Record, load_resolution

DRAW = {
    "clinical": phantom.draw_clinical,
    "close_up": phantom.draw_close_up,
    "dermoscopic": phantom.draw,
}


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """The phantom's pairs as a data set; every picture has a mask.

    Args:
      data_config: `config.data`; reads num_images (pictures of two domains, hence twice the pairs;
        0: 2000), resolution, load_resolution and channels (3, or 1 for luminance).
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
        group_noun="lesion",
        synthetic=True,
        source_version=phantom.SOURCE_VERSION,
    )

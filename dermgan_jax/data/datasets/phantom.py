"""The embedded data set: dermoscopy-like lesions drawn from parameters. It shows no real skin.

It needs no download and knows its ground truth: diagnosis, outline, skin tone. Seven classes carry
the names of HAM10000 and imitate what dermoscopy shows of each. Image `index` of drawing `seed` is
always the same picture, at whatever size it is asked for.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict
from PIL import Image

from dermgan_jax.data.datasets import phantom_lesion, phantom_render
from dermgan_jax.data.datasets.phantom_lesion import CLASSES
from dermgan_jax.data.records import Dataset, Record, load_resolution

DRAWING_SEED = 20181
DEFAULT_NUM_IMAGES = 2000
SOURCE_VERSION = "phantom-1"  # raise it whenever the drawing changes
LICENCE = "drawn by this program, not patients; free to use (Apache-2.0)"


@dataclasses.dataclass(frozen=True)
class Phantom:
    """One drawn image and its ground truth.

    Attributes:
      image: uint8 (size, size, 3), sRGB.
      mask: bool (size, size), the lesion.
      label: index into CLASSES.
      group: the lesion; one lesion may have up to three images.
      subgroups: skin_tone (bin of the individual typology angle), localization, age, hair.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int
    group: str
    subgroups: Mapping[str, str]


def draw(seed: int, index: int, size: int) -> Phantom:
    """The dermoscopic image `index` >= 0 of drawing `seed` >= 0, `size` pixels square."""
    return _draw(seed, index, size, phantom_lesion.draw_photograph(seed, index))


def draw_clinical(seed: int, index: int, size: int) -> Phantom:
    """The lesion of `draw(seed, index, size)` as a camera at arm's length sees it."""
    return _draw(seed, index, size, phantom_lesion.draw_clinical_photograph(seed, index))


def draw_close_up(seed: int, index: int, size: int) -> Phantom:
    """The lesion of `draw(seed, index, size)` in the same frame, seen by a camera."""
    return _draw(seed, index, size, phantom_lesion.draw_close_up_photograph(seed, index))


def _draw(seed: int, index: int, size: int, photo: phantom_lesion.Photograph) -> Phantom:
    lesion = phantom_lesion.draw_lesion(seed, phantom_lesion.lesion_number(index))
    image, mask = phantom_render.render(lesion, photo, size)
    record = describe(seed, index)
    return Phantom(image, mask, record.label, record.group, record.subgroups)


def describe(seed: int, index: int) -> Record:
    """What is known of image `index` without drawing it."""
    number = phantom_lesion.lesion_number(index)
    identity = phantom_lesion.draw_identity(seed, number)
    hairs = phantom_lesion.draw_photograph(seed, index).hairs
    return Record(
        id=f"phantom_{index:06d}",
        label=identity.label,
        group=f"lesion_{number:06d}",
        subgroups={
            "skin_tone": identity.skin_tone,
            "localization": identity.site,
            "age": identity.age,
            "hair": "yes" if len(hairs) else "no",
        },
    )


def load(data_config: ConfigDict | FrozenConfigDict) -> Dataset:
    """The phantom as a data set.

    Args:
      data_config: `config.data`; reads num_images (0: 2000), resolution, load_resolution and
        channels (3, or 1 for luminance).
    """
    size, channels = load_resolution(data_config), data_config.channels

    def read(record: Record) -> np.ndarray:
        return as_channels(draw(DRAWING_SEED, _index(record), size).image, channels)

    def read_mask(record: Record) -> np.ndarray:
        return draw(DRAWING_SEED, _index(record), size).mask

    count = data_config.num_images or DEFAULT_NUM_IMAGES
    return Dataset(
        name="phantom",
        classes=CLASSES,
        records=tuple(describe(DRAWING_SEED, index) for index in range(count)),
        read=read,
        read_mask=read_mask,
        licence=LICENCE,
        group_noun="lesion",
        synthetic=True,
        source_version=SOURCE_VERSION,
    )


def _index(record: Record) -> int:
    return int(record.id.removeprefix("phantom_"))


def as_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """A drawn image (H, W, 3) as it is, or as luminance (H, W, 1) if `channels` is 1."""
    return image if channels == 3 else np.asarray(Image.fromarray(image).convert("L"))[..., None]

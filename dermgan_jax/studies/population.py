"""Who is in the images: scores by subgroup, and what synthetic images leave out.

A synthetic image has no age, sex or site. Each is given those of the nearest real training image in
feature space, and real validation images are given theirs in the same way, so that what the method
itself distorts is the same on both sides. Skin tone is measured on either side's own pixels.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from dermgan_jax.data.image_sets import FolderImages, ImageSet, select
from dermgan_jax.data.prepare import at_full_size, decode_mask, prepare
from dermgan_jax.data.splits import TRAIN, VAL
from dermgan_jax.features import weights as pretrained
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.files import Path
from dermgan_jax.metrics import skin_tone
from dermgan_jax.statistics import subgroups
from dermgan_jax.studies.augmentation_arms import FILTERED, UNFILTERED
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.augmentation_result import Population, SubgroupRow
from dermgan_jax.studies.held_out import LEAD, HeldOut

BLOCK = 256  # images whose distances are in memory at a time


def population(part: Part, test: HeldOut, said: Mapping[str, np.ndarray], best: str) -> Population:
    """Scores by subgroup, and how synthetic images differ from real ones in the same columns.

    Args:
      part: of the study.
      test: its test images.
      said: arm -> probabilities (seeds, n, K) of the test images.
      best: the arm that is shown beside the base arm.
    """
    config, data = part.config, at_full_size(part.config.data)
    images = prepare(part.data, data).images[test.rows]
    masks = [decode_mask(part.data, row, data) for row in test.rows]
    masked = None if any(mask is None for mask in masks) else np.stack(masks)
    columns = subgroups.columns(
        [record.subgroups for record in test.records], _tones(part, images, masked)
    )
    names = ("accuracy", LEAD, f"recall/{config.target}")
    tables = {
        arm: subgroups.subgroup_scores(
            test.images, said[arm], columns, names=names, resampling=test.resampling
        )
        for arm in (config.base, best)
    }
    rows = []
    for at, row in enumerate(tables[config.base]):
        of_arms = {arm: table[at].scores for arm, table in tables.items() if table[at].scores}
        rows.append(SubgroupRow(row.column, row.value, row.images, row.groups, of_arms))
    shown = next((arm for arm in (FILTERED, UNFILTERED, *part.sets) if arm in part.sets), None)
    if shown is None:
        return Population(rows, [], "")
    real, fake, method = neighbour_columns(part, part.sets[shown])
    drift = subgroups.drift(real.columns, fake, real_groups=real.groups, resampling=test.resampling)
    return Population(rows, drift, f"{shown}: {method}")


@dataclasses.dataclass(frozen=True)
class Described:
    """Columns of attributes, name -> (N,) values, and the group of each image."""

    columns: dict[str, np.ndarray]
    groups: np.ndarray


def neighbour_columns(part: Part, folder: Path) -> tuple[Described, dict[str, np.ndarray], str]:
    """Attributes of real validation images and of synthetic ones, and how they were found.

    Only real images of the folder's classes are looked at.

    Args:
      part: of the study.
      folder: FOLDER/CLASS/*.png.
    """
    name = "lite0" if pretrained.available("efficientnet_lite0", part.weights) else "pixels"
    space = open_space(name, part.weights)
    data = part.data
    images = prepare(data, at_full_size(part.config.data)).images
    made = FolderImages(folder, part.config.data.channels)
    kept = [data.classes.index(name) for name in made.classes()[0]]
    train, val = (
        np.array([row for row in data.indices(split) if data.labels[row] in kept])
        for split in (TRAIN, VAL)
    )
    known = space.features(select(images, train), "training images", keep=True)
    subgroups_of = [data.records[row].subgroups for row in train]

    def described(shown: ImageSet, title: str, keep: bool) -> dict[str, np.ndarray]:
        nearest = nearest_rows(known, space.features(shown, title, keep=keep))
        tones = _tones(part, shown[np.arange(len(shown))], None)
        return subgroups.columns([subgroups_of[i] for i in nearest], tones)

    groups = np.array([data.records[row].group for row in val])
    real = Described(described(select(images, val), "validation images", True), groups)
    method = (
        f"age, sex and site of the nearest of {len(train)} real training images of the same "
        f"classes ({space.protocol}), for synthetic images and for {len(val)} real validation "
        "images alike"
    )
    if _tones(part, images[val[:1]], None) is not None:
        method += "; skin tone from the border of each image"
    return real, described(made, "synthetic images", False), method


def _tones(part: Part, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray | None:
    """Names (N,); None for phantoms, whose tone is recorded and whose lamps tint the skin, and for
    grey images."""
    if part.data.dataset.synthetic or images.shape[-1] != 3:
        return None
    return skin_tone.tone(skin_tone.ita(images, masks))


def nearest_rows(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Which row of `known` (N, D) is nearest to each of `asked` (M, D): int64 (M,)."""
    squares = np.square(known, dtype=np.float64).sum(axis=1)
    return np.concatenate(
        [
            (squares - 2 * asked[first : first + BLOCK].astype(np.float64) @ known.T).argmin(axis=1)
            for first in range(0, len(asked), BLOCK)
        ]
    )

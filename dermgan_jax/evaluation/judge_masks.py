"""A segmenter as judge of painted images: does it find the masks that they were painted from?

It learned from real images, and how well it does on real test images stands beside: that is the
most that can be expected of painted ones (Park et al., 2019, section 4, with other segmenters).
"""

import dataclasses
from typing import Any

import numpy as np

from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.data.image_sets import FolderImages, ImageSet, evenly_spaced
from dermgan_jax.data.mask_pictures import as_rgb, mask_picture, outlined
from dermgan_jax.data.masks import decode_files, prepare_masks
from dermgan_jax.data.prepare import at_full_size
from dermgan_jax.data.splits import TEST
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics import segmentation_scores
from dermgan_jax.models.segmenter import Segmenter, segment
from dermgan_jax.registry import DRAWN_DATASETS
from dermgan_jax.runs.restore import LATEST, Restored, restore
from dermgan_jax.runs.training_data import TrainingData, split_images
from dermgan_jax.statistics import group_mean
from dermgan_jax.synthesis import made_by
from dermgan_jax.synthesis.made_by import MadeBy
from dermgan_jax.synthesis.paint import IMAGES, MASKS

ALL = "all"
SHOWN, COLUMNS = 24, 9  # painted images on the sheet, and pictures in a row of it


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How far found masks agree with the known ones; means over images.

    Attributes:
      n: images.
      dice, iou: see `metrics.segmentation_scores`.
      dice_interval, iou_interval: 95 %, over lesions; None with fewer than two.
    """

    n: int
    dice: float
    iou: float
    dice_interval: tuple[float, float] | None
    iou_interval: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class MaskJudgement:
    """What a segmenter finds in real test images and in painted ones.

    Attributes:
      checkpoint: step of the segmenter.
      real, synthetic: class -> overlap, "all" first; only classes that have images.
      made_by: what made the synthetic images, if they say so.
      phantom: the images called real are drawings of a program.
      sheet: painted images, evenly spaced, three by three: the mask, the image, the image with the
        outline that was found, and its Dice; uint8 (H, W, 3).
    """

    checkpoint: int
    real: dict[str, Overlap]
    synthetic: dict[str, Overlap]
    made_by: MadeBy | None
    phantom: bool
    sheet: np.ndarray

    @property
    def of_ceiling(self) -> float:
        """Dice of the painted images over that of real ones."""
        return self.synthetic[ALL].dice / self.real[ALL].dice

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        told = self.made_by.to_json() if self.made_by else None
        fields = dataclasses.asdict(self)
        del fields["sheet"]
        return {**fields, "made_by": told, "of_ceiling": self.of_ceiling}

    def text(self) -> str:
        """A table: a class per row, real images and synthetic ones side by side."""
        lines = [
            f"{'':12}{'real test images':>36}{'synthetic images':>36}",
            f"{'class':12}" + f"{'n':>6}{'Dice (95 %)':>22}{'IoU':>8}" * 2,
        ]
        for name in self.real | self.synthetic:
            sides = (side.get(name) for side in (self.real, self.synthetic))
            lines.append(f"{name:12}" + "".join(map(_cells, sides)))
        lines.append(
            f"Dice of the synthetic images is {self.of_ceiling:.2f} of what the same segmenter "
            "reaches on real ones"
        )
        if self.phantom:
            lines.append("note: the images called real are drawings of a program")
        return "\n".join(lines)


def _cells(row: Overlap | None) -> str:
    if row is None:
        return f"{0:>6}{'–':>22}{'–':>8}"
    interval = ""
    if row.dice_interval:
        interval = " ({:.3f} … {:.3f})".format(*row.dice_interval)
    return f"{row.n:>6}{f'{row.dice:.3f}{interval}':>22}{row.iou:>8.3f}"


def judge_masks(workdir: Path, painted: Path, checkpoint: str = LATEST) -> MaskJudgement:
    """How far a segmenter finds the masks that images were painted from.

    Args:
      workdir: of a segmenter.
      painted: what `dermgan generate --masks` has written: folders images and masks, which may
        have a subfolder per class.
      checkpoint: "latest", "best" or a step.

    Raises:
      UserError: if an image has no mask, sizes differ, or the segmenter's data are not there.
    """
    if not (painted / IMAGES).is_dir():
        raise UserError(
            f"{painted} has no folder {IMAGES}: name what dermgan generate --masks has written"
        )
    restored = restored_segmenter(workdir, checkpoint)
    model = restored.model
    images = FolderImages(painted / IMAGES, model.data.channels)
    told = made_by.read(painted / IMAGES)
    side = model.data.height
    if images.shape[1:3] != (side, side):
        raise UserError(
            f"the images of {painted} are {images.shape[2]}x{images.shape[1]} pixels, the "
            f"segmenter learned from {side}x{side}: judge images of that size"
        )
    masks = np.stack([_mask_of(path, painted, model) for path in images.paths])
    found = segment(model, restored.variables, images)
    names, labels = images.classes()
    groups = [str(path) for path in images.paths]
    class_names = [names[label] if len(names) > 1 else "" for label in labels]
    synthetic = overlaps(masks, found, class_names, groups, model.data.mask_classes)
    return MaskJudgement(
        restored.step,
        overlap_of_split(workdir, restored, TEST),
        synthetic,
        told,
        model.config.data.dataset in DRAWN_DATASETS,
        _sheet(images, masks, found, model.data.mask_classes),
    )


def _sheet(images: ImageSet, masks: np.ndarray, found: np.ndarray, num_classes: int) -> np.ndarray:
    shown = evenly_spaced(len(images), SHOWN)
    pixels, masks, found = np.asarray(images[shown]), masks[shown], found[shown]
    scores = segmentation_scores.dice(masks, found, num_classes)
    cells = np.stack([mask_picture(masks), as_rgb(pixels), outlined(pixels, found)], axis=1)
    captions = [text for dice in scores for text in ("mask", "painted", f"found: Dice {dice:.2f}")]
    return contact_sheet(list(cells.reshape(-1, *cells.shape[2:])), captions, COLUMNS)


def restored_segmenter(workdir: Path, checkpoint: str) -> Restored:
    """A segmenter as its checkpoint holds it.

    Raises:
      UserError: if there is no such checkpoint, or it is of another kind of model.
    """
    found = restore(workdir, checkpoint)
    if not isinstance(found.model, Segmenter):
        raise UserError(
            f"{workdir} holds a {found.model.config.model.name}, which segments nothing: give the "
            "--workdir of a segmenter"
        )
    return found


def overlap_of_split(workdir: Path, restored: Restored, split: str) -> dict[str, Overlap]:
    """Class -> overlap on the real images of a split of the segmenter's own data."""
    data = TrainingData(workdir)
    rows = split_images(data.catalogue, data.config, split)
    if not len(rows.images):
        raise UserError(f"the split {split!r} has no images: see data.split_fractions")
    fields = at_full_size(data.config)
    masks = prepare_masks(data.catalogue, fields)[data.catalogue.indices(split)]
    found = segment(restored.model, restored.variables, rows.images)
    return overlaps(
        *(np.asarray(masks)[..., 0], found, rows.class_names, rows.groups),
        restored.model.data.mask_classes,
    )


def overlaps(
    masks: np.ndarray, found: np.ndarray, class_names: list[str], groups, num_classes: int
) -> dict[str, Overlap]:
    """ "all" and every class -> overlap.

    Args:
      masks, found: class indices of pixels (N, H, W).
      class_names: of the images; "" where there is none.
      groups: N names, of lesions.
      num_classes: of pixels.
    """
    dice = segmentation_scores.dice(masks, found, num_classes)
    iou = segmentation_scores.iou(masks, found, num_classes)
    names, groups = np.asarray(class_names), np.asarray(groups)
    rows = {ALL: np.full(len(names), True)}
    rows |= {name: names == name for name in sorted(set(class_names) - {""})}
    return {
        name: Overlap(
            int(here.sum()),
            *(float(dice[here].mean()), float(iou[here].mean())),
            group_mean.interval(dice[here], groups[here]),
            group_mean.interval(iou[here], groups[here]),
        )
        for name, here in rows.items()
    }


def _mask_of(image: Path, painted: Path, model: Segmenter) -> np.ndarray:
    mask = (painted / MASKS / image.relative_to(painted / IMAGES)).with_suffix(".png")
    if not mask.is_file():
        raise UserError(f"{image} has no mask {mask}: judge what dermgan generate --masks wrote")
    return decode_files([mask], at_full_size(model.config.data))

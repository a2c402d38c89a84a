"""What is drawn and measured of a segmenter, from validation images and their masks."""

import functools

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.mask_pictures import outlined
from dermgan_jax.data.masks import prepare_masks
from dermgan_jax.data.prepare import at_full_size
from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics import segmentation_scores
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.models.contract import Stage, Variables
from dermgan_jax.models.segmenter import Segmenter, segment
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots


class SegmenterSnapshots(Snapshots[Segmenter]):
    """Sheets of the validation images segmented worst, and scores of all of them."""

    sheet_comment = "sheet of a training: real images and what a model says of them"
    sheet_is_made = False

    def __init__(self, model: Segmenter, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        rows = data.indices(VAL)
        self.rows = rows[evenly_spaced(len(rows), model.config.eval.num_images)]

    @classmethod
    def published(cls, model: Segmenter, data: Catalogue) -> tuple[Published, ...]:
        del data
        return tuple(Published(name, split=VAL) for name in model.config.eval.metrics)

    @classmethod
    def faults(cls, model: Segmenter, data: Catalogue) -> list[str]:
        found = super().faults(model, data)
        if not len(data.indices(VAL)):
            found.append(
                "there are no validation images, on which a segmenter is measured: see "
                "data.split_fractions"
            )
        return found

    @functools.cached_property
    def images_and_masks(self) -> tuple[ImageSet, np.ndarray]:
        """Validation images and class indices uint8 (N, H, W)."""
        fields = at_full_size(self.model.config.data)
        masks = prepare_masks(self.data, fields)
        return select(self.images(), self.rows), np.asarray(masks[self.rows])[..., 0]

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """The images of lowest Dice: the true outline, and beside it the one found."""
        del stage
        rows, columns = self.model.config.eval.grid
        images, masks = self.images_and_masks
        found = segment(self.model, variables, images)
        scores = segmentation_scores.dice(masks, found, self.model.data.mask_classes)
        worst = np.argsort(scores, kind="stable")[: max(rows * columns // 2, 1)]
        shown = np.asarray(images[worst])
        sides = (outlined(shown, masks[worst]), outlined(shown, found[worst]))
        pairs = np.stack(sides, axis=1).reshape(-1, *sides[0].shape[1:])
        columns = min(2 * max(columns // 2, 1), len(pairs))
        return grid(pairs, -(-len(pairs) // columns), columns)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        del stage
        images, masks = self.images_and_masks
        found = segment(self.model, variables, images)
        return by_key(
            *(
                Measurement(
                    registry.load("segmenter_metric", name)(
                        masks, found, self.model.data.mask_classes
                    ),
                    split=VAL,
                )
                for name in self.model.config.eval.metrics
            )
        )

"""What is drawn and measured of a model that paints masks: of held-out masks, if there are any."""

import dataclasses
import functools

import numpy as np

from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.mask_pictures import mask_picture
from dermgan_jax.data.masks import prepare_masks
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.prepare import at_full_size
from dermgan_jax.data.splits import VAL
from dermgan_jax.metrics import mask_overlap
from dermgan_jax.metrics.measure import Request, measure, value_names
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.metrics.named_metrics import of_summary
from dermgan_jax.models.contract import Stage, Variables
from dermgan_jax.models.painter import Painter, paint
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots

PAINTED_IOU = "painted_iou"


class PainterSnapshots(Snapshots[Painter]):
    """Sheets of masks, what is painted from them and the real images; the usual distances.

    The overlap of each mask with the dark part of the painted image is measured too, and as its
    yardstick the same of the real images (`metrics.mask_overlap`; crude, but it needs no trained
    segmenter, and of several classes it takes all but the background).
    """

    def __init__(self, model: Painter, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        rows = data.indices(_split(model, data))
        self.rows = rows[evenly_spaced(len(rows), model.config.eval.num_images)]
        self.known: Measurements = {}

    @classmethod
    def published(cls, model: Painter, data: Catalogue) -> tuple[Published, ...]:
        names = (*value_names(model.config.eval.metrics), PAINTED_IOU)
        return tuple(Published(name, split=_split(model, data)) for name in names)

    @functools.cached_property
    def images_and_masks(self) -> tuple[ImageSet, np.ndarray]:
        """The images and their class indices, uint8 (N, H, W)."""
        masks = prepare_masks(self.data, at_full_size(self.model.config.data))
        return select(self.images(), self.rows), np.asarray(masks[self.rows])[..., 0]

    @property
    def labels(self) -> np.ndarray:
        """Classes of the images, int32 (N,)."""
        return self.data.labels[self.rows]

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """Mask | painted | real, and so on; the images are held out if any are."""
        del stage
        rows, columns = self.model.config.eval.grid
        across = max(columns // 3, 1)
        images, masks = self.images_and_masks
        shown = evenly_spaced(len(masks), rows * across)
        painted = paint(self.model, variables, masks[shown], self.labels[shown])
        real = np.asarray(images[shown])
        three = (mask_picture(masks[shown], real.shape[-1]), to_uint8(painted), real)
        cells = np.stack(three, axis=1).reshape(-1, *real.shape[1:])
        return grid(cells, -(-len(shown) // across), 3 * across)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        del stage
        config, split = self.model.config, _split(self.model, self.data)
        images, masks = self.images_and_masks
        painted = to_uint8(paint(self.model, variables, masks, self.labels, config.seed))
        request = Request(tuple(config.eval.metrics), config.seed, config.data.mirror)
        known = {key: one for key, one in self.known.items() if key != PAINTED_IOU}
        found = measure(images, painted, request, known=known)
        found[PAINTED_IOU] = self._overlap(painted, images, masks)
        self.known = found
        return by_key(*(dataclasses.replace(one, split=split) for one in found.values()))

    def _overlap(self, painted: np.ndarray, images: ImageSet, masks: np.ndarray) -> Measurement:
        def overlap(shown: ImageSet):
            summary = mask_overlap.against_masks(shown, masks=masks > 0)
            return of_summary(PAINTED_IOU, mask_overlap.PROTOCOL, summary, "higher")

        bound = self.known[PAINTED_IOU].real_against_real if self.known else overlap(images)
        return Measurement(overlap(painted), real_against_real=bound)


def _split(model: Painter, data: Catalogue) -> str:
    """Which images are painted again: held out, if any are."""
    return VAL if len(data.indices(VAL)) else model.config.data.split

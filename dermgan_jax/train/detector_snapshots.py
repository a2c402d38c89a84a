"""What is drawn and measured of a detector, from the validation images."""

import functools

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data import heat_map
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.pixel_range import to_signed, to_uint8
from dermgan_jax.data.splits import TRAIN, VAL
from dermgan_jax.metrics.detector_metrics import OF_DETECTION, Judged
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.models import detector, keys
from dermgan_jax.models.contract import Stage, Variables
from dermgan_jax.models.detector import Detector
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.statistics.held_out_images import HeldOutImages
from dermgan_jax.train.snapshots import Snapshots

TRIPLE = 3  # an image, what the model takes for normal, and the map


class DetectorSnapshots(Snapshots[Detector]):
    """Sheets of validation images beside their reconstructions and maps, and scores of them all."""

    def __init__(self, model: Detector, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        self.grid = model.config.eval.grid

    @classmethod
    def published(cls, model: Detector, data: Catalogue) -> tuple[Published, ...]:
        del data
        return tuple(Published(name, split=VAL) for name in model.config.eval.metrics)

    @classmethod
    def faults(cls, model: Detector, data: Catalogue) -> list[str]:
        found, config = super().faults(model, data), model.config
        if config.data.split != TRAIN:
            return [
                *found,
                f"data.split is {config.data.split!r}; a detector learns from {TRAIN!r} and is "
                f"measured on {VAL!r}",
            ]
        labels = data.labels[data.indices(TRAIN)]
        present = [data.classes[label] for label in np.unique(labels[labels >= 0])]
        if not config.data.normal and len(data.classes) > 1:
            return [
                *found,
                f"the training images are of {len(present)} classes ({', '.join(present)}), and a "
                "detector learns from normal images only: name the normal classes in data.normal",
            ]
        abnormal = abnormal_rows(data, data.indices(VAL))
        if not len(abnormal) or abnormal.all():
            found.append(
                "there are no normal validation images, by which the best checkpoint and the "
                "threshold are found: see data.split_fractions"
            )
        wanting = [name for name in config.eval.metrics if name in OF_DETECTION]
        if wanting and not abnormal.any():
            found.append(
                f"eval.metrics names {', '.join(wanting)}, and of {len(abnormal)} validation "
                "images none is abnormal (data.normal): leave them out, or add abnormal images"
            )
        return found

    @functools.cached_property
    def rows(self) -> np.ndarray:
        """Positions of at most `eval.num_images` validation images."""
        rows = self.data.indices(VAL)
        return rows[evenly_spaced(len(rows), self.model.config.eval.num_images)]

    @functools.cached_property
    def validation(self) -> ImageSet:
        """Those images."""
        return select(self.images(), self.rows)

    @functools.cached_property
    def abnormal(self) -> np.ndarray:
        """bool (n,), of those images."""
        return abnormal_rows(self.data, self.rows)

    @functools.cached_property
    def drawn(self) -> np.ndarray:
        """Positions in `validation` of the sheet's images: normal ones, then abnormal ones."""
        num = self.grid[0] * self.grid[1]
        normal, abnormal = np.flatnonzero(~self.abnormal), np.flatnonzero(self.abnormal)
        half = min(len(abnormal), num // 2)
        return np.concatenate(
            [
                normal[evenly_spaced(len(normal), num - half)],
                abnormal[evenly_spaced(len(abnormal), half)] if half else abnormal[:0],
            ]
        )

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """Triples of image, reconstruction and map, uint8 (H, W, 3); all maps on one scale.

        As long as nothing can be detected, images that the model draws at random.
        """
        if self.model.not_yet(stage):
            return self._draw_at_random(variables)
        images = np.asarray(self.validation[self.drawn])
        found = detector.detect(self.model, variables, images)
        triples = [
            np.broadcast_to(part, (*part.shape[:3], 3))
            for part in (
                images,
                to_uint8(found.normal),
                heat_map.colours(found.maps, heat_map.top_of(found.maps)),
            )
        ]
        cells = np.stack(triples, axis=1).reshape(-1, *triples[0].shape[1:])
        return grid(cells, self.grid[0], TRIPLE * self.grid[1])

    def _draw_at_random(self, variables: Variables) -> np.ndarray:
        rows, columns = self.grid[0], TRIPLE * self.grid[1]
        key = keys.samples_key(self.model.config.seed)
        images = np.asarray(detector.drawn(self.model, variables, key, rows * columns))
        return grid(to_uint8(images), rows, columns)

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        """The configured metrics; no numbers as long as the curriculum has not come to detection.

        An untrained encoder may reconstruct better than a trained one ever will: by grey images.
        """
        judged = self._undecided() if self.model.not_yet(stage) else self._judged(variables)
        return by_key(
            *(
                Measurement(registry.load("detector_metric", name)(judged), split=VAL)
                for name in self.model.config.eval.metrics
            )
        )

    def _undecided(self) -> Judged:
        """What is said of the validation images before anything can be."""
        nothing = np.full(len(self.rows), np.nan)
        images = held_out(self.data, self.rows)
        return Judged(images, self.abnormal, nothing, nothing, float("nan"))

    def _judged(self, variables: Variables) -> Judged:
        """Scores and errors of the validation images, a batch of reconstructions at a time."""
        scores, errors, first = [], [], 0
        of_images, of_made = Spread(), Spread()
        for found in detector.batches(self.model, variables, self.validation):
            rows = np.arange(first, first + len(found.scores))
            first += len(rows)
            images = to_signed(np.asarray(self.validation[rows]))
            scores.append(found.scores)
            errors.append(np.square(images - found.normal).mean((1, 2, 3)))
            normal = ~self.abnormal[rows]
            of_images.add(images[normal])
            of_made.add(found.normal[normal])
        return Judged(
            images=held_out(self.data, self.rows),
            abnormal=self.abnormal,
            scores=np.concatenate(scores).astype(np.float64),
            errors=np.concatenate(errors),
            spread=of_made.deviation() / max(of_images.deviation(), 1e-12),
        )


class Spread:
    """How much images that come a batch at a time differ from one another."""

    def __init__(self):
        self.count, self.sums, self.squares = 0, 0.0, 0.0

    def add(self, images: np.ndarray) -> None:
        """(n, H, W, C), n may be 0."""
        wide = images.astype(np.float64)
        self.count += len(images)
        self.sums = self.sums + wide.sum(0)
        self.squares = self.squares + np.square(wide).sum(0)

    def deviation(self) -> float:
        """Root mean square over the pixels of their standard deviation between images."""
        if not self.count:
            return 0.0
        variance = self.squares / self.count - np.square(self.sums / self.count)
        return float(np.sqrt(np.maximum(variance, 0).mean()))


def abnormal_rows(data: Catalogue, rows: np.ndarray) -> np.ndarray:
    """bool (n,): which of the images at `rows` are of no class that the model learned from.

    Images without a class count as normal where no data have one, and as abnormal elsewhere.
    """
    trained = np.unique(data.labels[data.indices(TRAIN)])
    return ~np.isin(data.labels[rows], trained)


def held_out(data: Catalogue, rows: np.ndarray) -> HeldOutImages:
    """The images at `rows` as statistics take them; those without a class are of one more."""
    labels = np.where(data.labels[rows] < 0, len(data.classes), data.labels[rows])
    return HeldOutImages(
        labels=labels,
        groups=[data.records[row].group for row in rows],
        classes=(*data.classes, "without a class"),
        group_noun=data.dataset.group_noun,
    )

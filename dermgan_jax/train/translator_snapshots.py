"""What is drawn and measured of a translator: sheets, and metrics per direction and split."""

import dataclasses
import functools

import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.pixel_range import to_signed, to_uint8, with_channels
from dermgan_jax.data.prepare import at_full_size, decode_mask
from dermgan_jax.data.splits import TEST, VAL
from dermgan_jax.metrics import mask_overlap
from dermgan_jax.metrics.measure import Request, measure, value_names
from dermgan_jax.metrics.measurement import Measurement, Measurements, Published, by_key
from dermgan_jax.metrics.named_metrics import of_summary
from dermgan_jax.metrics.paired import Summary, summarise
from dermgan_jax.models import translation
from dermgan_jax.models.contract import Stage, Translator, Variables
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train.snapshots import Snapshots

CYCLE_ERROR, MASK_IOU = "cycle_error", "mask_iou"
CYCLE_PROTOCOL = "cycle:l1"  # of values in [-1, 1]


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of one direction and split.

    Attributes:
      direction, split: which.
      source: what is translated, uint8 (N, H, W, C).
      target: real images of the other domain; the true counterparts if the data know them.
      masks: lesions in `source`, bool (N, H, W), or None.
    """

    direction: str
    split: str
    source: ImageSet
    target: ImageSet
    masks: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which images of a catalogue are translated and compared.

    Attributes:
      data: the catalogue of both domains.
      trained: the split that the model learns from.
      most: images of each domain at most.
    """

    data: Catalogue
    trained: str
    most: int

    @functools.cached_property
    def paired(self) -> bool:
        """Whether the data know true counterparts, used in training or not."""
        return len(self.data.pairs(self.trained)[0]) > 0

    @functools.cached_property
    def splits(self) -> tuple[str, ...]:
        """The split trained on, then those held out that have images of both domains."""
        held_out = [
            split
            for split in (VAL, TEST)
            if split != self.trained and all(len(rows) for rows in self._of_split(split))
        ]
        return (self.trained, *held_out)

    def of(self, direction: str, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Positions of sources and of targets."""
        of_a, of_b = (rows[evenly_spaced(len(rows), self.most)] for rows in self._of_split(split))
        return (of_a, of_b) if direction == "AtoB" else (of_b, of_a)

    def _of_split(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        if self.paired:
            return self.data.pairs(split)
        return self.data.indices(split, "a"), self.data.indices(split, "b")

    def have_masks(self, direction: str, split: str) -> bool:
        """Whether every source has a mask."""
        sources, _ = self.of(direction, split)
        records = self.data.records
        return all(self.data.dataset.has_mask(records[row]) for row in sources)


def _rows(model: Translator, data: Catalogue) -> Rows:
    return Rows(data, model.config.data.split, model.config.eval.num_images)


class TranslatorSnapshots(Snapshots[Translator]):
    """Sheets of fixed images, and evaluation on the training split and on held-out groups."""

    def __init__(self, model: Translator, data: Catalogue, workdir: WorkDir):
        super().__init__(model, data, workdir)
        self.rows = _rows(model, data)
        self.known: Measurements = {}

    @classmethod
    def published(cls, model: Translator, data: Catalogue) -> tuple[Published, ...]:
        rows, found = _rows(model, data), []
        for direction in model.directions:
            for split in rows.splits:
                names = [*value_names(model.config.eval.metrics)]
                if translation.opposite(direction) in model.directions:
                    names.append(CYCLE_ERROR)
                if rows.have_masks(direction, split):
                    names.append(MASK_IOU)
                found += [Published(name, direction, split) for name in names]
        return tuple(found)

    @functools.cached_property
    def prepared(self) -> ImageSet:
        """All prepared images."""
        return self.images()

    @functools.cached_property
    def parts(self) -> dict[tuple[str, str], Part]:
        """(direction, split) -> its images, at most `eval.num_images` of each domain."""
        return {
            (direction, split): self._part(direction, split)
            for direction in self.model.directions
            for split in self.rows.splits
        }

    def _part(self, direction: str, split: str) -> Part:
        sources, targets = self.rows.of(direction, split)
        masks = None
        if self.rows.have_masks(direction, split):
            fields = at_full_size(self.model.config.data)
            masks = np.stack([decode_mask(self.data, row, fields) for row in sources])
        chosen = (select(self.prepared, rows) for rows in (sources, targets))
        return Part(direction, split, *chosen, masks)

    def draw(self, variables: Variables, stage: Stage) -> np.ndarray:
        """Real | fake | reconstructed | true counterpart, of each direction side by side.

        Reconstructions need both directions, true counterparts data that know them. The images are
        held out if any are.
        """
        del stage
        rows = self.model.config.eval.grid[0]
        columns = []
        for direction in self.model.directions:
            part = self.parts[direction, self.rows.splits[-1]]
            real = part.source[evenly_spaced(len(part.source), rows)]
            fake = translation.translate(self.model, variables, real, direction)
            columns += [real, to_uint8(with_channels(fake, real.shape[-1]))]
            back = translation.opposite(direction)
            if back in self.model.directions:
                again = translation.translate(self.model, variables, fake, back)
                columns.append(to_uint8(again))
            if self.rows.paired:
                columns.append(part.target[evenly_spaced(len(part.target), rows)])
        shown = min(map(len, columns))
        images = np.stack([column[:shown] for column in columns], axis=1)
        return grid(images.reshape(-1, *images.shape[2:]), shown, len(columns))

    def evaluate(self, variables: Variables, stage: Stage) -> Measurements:
        """Beside the configured metrics: the cycle error, and where there are masks their overlap.

        What compares pairs stands beside the same for images left as they are and for the mean
        colour of the target.
        """
        del stage
        # Yardsticks are the same throughout a run.
        self.known = by_key(
            *(
                dataclasses.replace(one, direction=part.direction, split=part.split)
                for part in self.parts.values()
                for one in self._evaluate_part(variables, part)
            )
        )
        return self.known

    def _evaluate_part(self, variables: Variables, part: Part) -> list[Measurement]:
        config = self.model.config
        known = {
            one.name: one
            for one in self.known.values()
            if (one.direction, one.split) == (part.direction, part.split)
        }
        fake = translation.translate(self.model, variables, part.source, part.direction)
        images = to_uint8(with_channels(fake, part.target.shape[-1]))
        request = Request(tuple(config.eval.metrics), config.seed)
        found = measure(part.target, images, request, known=known)
        if known:
            found = {name: one.with_yardsticks_of(known[name]) for name, one in found.items()}
        else:
            found = _beside_stand_ins(found, part, request)
        more = []
        back = translation.opposite(part.direction)
        if back in self.model.directions:
            again = translation.translate(self.model, variables, fake, back)
            error = cycle_error(part.source, again)
            more.append(Measurement(of_summary(CYCLE_ERROR, CYCLE_PROTOCOL, error, "lower")))
        if part.masks is not None:
            more.append(_overlap(part, images, known.get(MASK_IOU)))
        return [*found.values(), *more]


def _beside_stand_ins(found: Measurements, part: Part, request: Request) -> Measurements:
    """Values of pairs beside the same of doing nothing and of the mean colour of the target."""
    paired = tuple(name for name in request.metrics if registry.load("metric", name).paired)
    if not paired:
        return found
    request = dataclasses.replace(request, metrics=paired)
    mean = part.target[:].mean((0, 1, 2)).round().astype(np.uint8)
    constant = np.broadcast_to(mean, part.target.shape)
    identity = measure(part.target, part.source, request)
    mean_colour = measure(part.target, constant, request)
    beside = {
        name: dataclasses.replace(
            found[name], identity=identity[name].value, mean_colour=mean_colour[name].value
        )
        for name in identity
    }
    return {**found, **beside}


def _overlap(part: Part, images: np.ndarray, known: Measurement | None) -> Measurement:
    """Of the lesion's known outline with the translated image's, and with the image as it is."""

    def overlap(shown: ImageSet):
        summary = mask_overlap.against_masks(shown, masks=part.masks)
        return of_summary(MASK_IOU, mask_overlap.PROTOCOL, summary, "higher")

    identity = overlap(part.source) if known is None else known.identity
    return Measurement(overlap(images), identity=identity)


def cycle_error(images: ImageSet, again: np.ndarray) -> Summary:
    """Mean absolute difference per image between uint8 images and float ones in [-1, 1]."""
    errors = [
        np.abs(to_signed(images[row : row + 1]) - again[row]).mean() for row in range(len(again))
    ]
    return summarise(np.array(errors))

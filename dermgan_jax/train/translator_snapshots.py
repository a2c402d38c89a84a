"""What is drawn and measured of a translator while it trains: sheets, and metrics per direction."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_files import grid, save_image, to_uint8
from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.data.prepare import at_full_size, decode_mask, prepare
from dermgan_jax.evaluation.evaluate import IDENTITY, MEAN_COLOUR, evaluate_arrays, is_yardstick
from dermgan_jax.metrics import mask_overlap
from dermgan_jax.metrics.named_metrics import of_summary
from dermgan_jax.metrics.paired import Summary, summarise
from dermgan_jax.models import translation
from dermgan_jax.models.contract import Stage, Translator, Variables
from dermgan_jax.runs.metrics_log import sample_sheet_name
from dermgan_jax.runs.workdir import WorkDir

CYCLE_PROTOCOL = "cycle:l1"  # of values in [-1, 1]

Values = dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Part:
    """Images of one direction and split.

    Attributes:
      source: what is translated, uint8 (N, H, W, C).
      target: real images of the other domain; the true counterparts if the data know them.
      masks: lesions in `source`, bool (N, H, W), or None.
    """

    source: ImageSet
    target: ImageSet
    masks: np.ndarray | None


class TranslationSnapshots:
    """Sheets of fixed images, and evaluation on the training split and on held-out groups.

    Args:
      model: the family, configured.
      data: the catalogue of both domains.
      workdir: where sheets are written, by the first process.
    """

    def __init__(self, model: Translator, data: Catalogue, workdir: WorkDir):
        self.model = model
        self.data = data
        self.folder = workdir.samples
        self.yardsticks: Values = {}

    @functools.cached_property
    def splits(self) -> tuple[str, ...]:
        """The split trained on, then those held out that have images of both domains."""
        trained = self.model.config.data.split
        held_out = [
            split
            for split in ("val", "test")
            if split != trained and all(len(rows) for rows in self._rows(split))
        ]
        return (trained, *held_out)

    @functools.cached_property
    def prepared(self) -> np.ndarray:
        """All images at the size of a test, not of training: uint8 (N, R, R, C), memory-mapped."""
        return prepare(self.data, at_full_size(self.model.config.data)).images

    @functools.cached_property
    def paired(self) -> bool:
        """Whether the data know true counterparts, used in training or not."""
        return len(self.data.pairs(self.model.config.data.split)[0]) > 0

    def _rows(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        if self.paired:
            return self.data.pairs(split)
        return self.data.indices(split, "a"), self.data.indices(split, "b")

    @functools.cached_property
    def parts(self) -> dict[tuple[str, str], Part]:
        """(direction, split) -> its images, at most `eval.num_images` of each domain."""
        return {
            (direction, split): self._part(direction, split)
            for direction in self.model.directions
            for split in self.splits
        }

    def _part(self, direction: str, split: str) -> Part:
        most = self.model.config.eval.num_images
        of_a, of_b = (rows[evenly_spaced(len(rows), most)] for rows in self._rows(split))
        sources, targets = (of_a, of_b) if direction == "AtoB" else (of_b, of_a)
        data_config = at_full_size(self.model.config.data)
        masks = [decode_mask(self.data, row, data_config) for row in sources]
        return Part(
            select(self.prepared, sources),
            select(self.prepared, targets),
            None if any(mask is None for mask in masks) else np.stack(masks),
        )

    def sheet(self, variables: Variables, stage: Stage, images_seen: int) -> np.ndarray:
        """Real | fake | reconstructed | true counterpart, of each direction side by side.

        Reconstructions need both directions, true counterparts data that know them. The images are
        held out if any are. Writes a PNG and returns it as uint8 (H, W, C).
        """
        rows = self.model.config.eval.grid[0]
        columns = []
        for direction in self.model.directions:
            part = self.parts[direction, self.splits[-1]]
            real = part.source[evenly_spaced(len(part.source), rows)]
            fake = translation.translate(self.model, variables, real, direction)
            columns += [real, to_uint8(fake)]
            back = translation.opposite(direction)
            if back in self.model.directions:
                columns.append(to_uint8(translation.translate(self.model, variables, fake, back)))
            if self.paired:
                columns.append(part.target[evenly_spaced(len(part.target), rows)])
        shown = min(map(len, columns))
        images = np.stack([column[:shown] for column in columns], axis=1)
        sheet = grid(images.reshape(-1, *images.shape[2:]), shown, len(columns))
        if jax.process_index() == 0:
            self.folder.mkdir(exist_ok=True)
            save_image(sheet, self.folder / sample_sheet_name(images_seen, str(stage)))
        return sheet

    def evaluate(self, variables: Variables, stage: Stage) -> Values:
        """Values with their protocols, as JSON values, under DIRECTION/SPLIT/METRIC.

        Beside the configured metrics: "cycle_error", and "mask_iou" where there are masks. What
        compares pairs has "_identity" and "_mean_colour" beside it.
        """
        del stage
        values: Values = {}
        for (direction, split), part in self.parts.items():
            prefix = f"{direction}/{split}/"
            known = {
                name.removeprefix(prefix): value
                for name, value in self.yardsticks.items()
                if name.startswith(prefix)
            }
            found = self._evaluate_part(variables, direction, part, known)
            values |= {prefix + name: value for name, value in found.items()}
        # They are the same throughout a run.
        self.yardsticks = {name: value for name, value in values.items() if is_yardstick(name)}
        return values

    def _evaluate_part(
        self, variables: Variables, direction: str, part: Part, known: Values
    ) -> Values:
        config = self.model.config
        paired = [n for n in config.eval.metrics if registry.load("metric", n).paired]
        fake = translation.translate(self.model, variables, part.source, direction)
        images = to_uint8(fake)
        measure = functools.partial(evaluate_arrays, seed=config.seed, mirror=False)
        values = measure(part.target, images, config.eval.metrics, yardsticks=known)
        if paired and not known:
            mean = part.target[:].mean((0, 1, 2)).round().astype(np.uint8)
            constant = np.broadcast_to(mean, part.target.shape)
            for suffix, stand_in in ((IDENTITY, part.source), (MEAN_COLOUR, constant)):
                found = measure(part.target, stand_in, paired)
                values |= {name + suffix: value for name, value in found.items()}
        values |= {name: value for name, value in known.items() if name not in values}
        back = translation.opposite(direction)
        if back in self.model.directions:
            again = translation.translate(self.model, variables, fake, back)
            values["cycle_error"] = _json(
                "cycle_error", CYCLE_PROTOCOL, cycle_error(part.source, again), "lower"
            )
        if part.masks is not None:
            overlap = functools.partial(mask_overlap.against_masks, masks=part.masks)
            for name, shown in (("mask_iou", images), ("mask_iou" + IDENTITY, part.source)):
                if name not in values:
                    values[name] = _json(
                        "mask_iou", mask_overlap.PROTOCOL, overlap(shown), "higher"
                    )
        return values


def cycle_error(images: ImageSet, again: np.ndarray) -> Summary:
    """Mean absolute difference per image between uint8 images and float ones in [-1, 1]."""
    errors = [
        np.abs(images[row : row + 1].astype(np.float32) / 127.5 - 1 - again[row]).mean()
        for row in range(len(again))
    ]
    return summarise(np.array(errors))


def _json(name: str, protocol: str, summary: Summary, better: str) -> dict[str, Any]:
    return of_summary(name, protocol, summary, better).to_json()

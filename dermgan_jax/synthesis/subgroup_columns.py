"""Subgroups that images can be sorted into by their pixels: class, skin tone, brightness, and what
a linear probe can predict of them, such as sex.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dermgan_jax.data.image_sets import ImageSet, evenly_spaced, select
from dermgan_jax.errors import UserError
from dermgan_jax.features.feature_spaces import FeatureSpace
from dermgan_jax.metrics import skin_tone
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.training_data import RealImages
from dermgan_jax.statistics import subgroups
from dermgan_jax.synthesis import linear_probe

CLASS, TONE, BRIGHTNESS = MEASURED = ("class", "tone", "brightness")
PREDICTED = ("age", *subgroups.AS_PUBLISHED)
THIRDS = ("darkest third", "middle third", "brightest third")
ORDER = (*skin_tone.TONES, *THIRDS)  # of values in tables
COMPARED = 2000  # real images that are measured, at most
FEWEST = 20  # training images of a value that is predicted
CHUNK = 64  # images measured at a time
PERMUTATIONS = 1000
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A probe that tells the values of one column.

    Attributes:
      column: which.
      values: K names.
      probe: fitted on training images.
      accuracy: balanced, of the validation images; chance is 1 / K.
    """

    column: str
    values: tuple[str, ...]
    probe: linear_probe.LinearProbe
    accuracy: float

    def of(self, features: np.ndarray) -> np.ndarray:
        """The likeliest value (N,) of features (N, D)."""
        return np.asarray(self.values)[self.probe.probabilities(features).argmax(axis=1)]


def require_known(names: Sequence[str], flag: str, known: Sequence[str]) -> None:
    """Raises UserError for names of columns that are none of the known."""
    for name in names:
        if name not in known:
            raise UserError(
                f"--{flag}: unknown column {name!r}{did_you_mean(name, tuple(known))}; there are "
                f"{', '.join(known)}"
            )


def brightness(images: ImageSet) -> np.ndarray:
    """Mean luma (ITU-R BT.601) of uint8 images (N, H, W, C), 0 to 255: float (N,)."""
    weights = _LUMA if images.shape[-1] == 3 else np.full(images.shape[-1], 1 / images.shape[-1])
    return np.concatenate([chunk.mean((1, 2)) @ weights for chunk in _chunks(images)])


def tones(images: ImageSet) -> np.ndarray | None:
    """Names of `skin_tone.TONES` (N,), by the border of each image; None of grey images."""
    if images.shape[-1] != 3:
        return None
    angles = np.concatenate([skin_tone.ita(chunk) for chunk in _chunks(images)])
    return skin_tone.tone(angles)


def thirds(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Names of `THIRDS` (N,): where values lie among those of a reference."""
    bounds = np.quantile(reference, (1 / 3, 2 / 3))
    return np.asarray(THIRDS)[np.searchsorted(bounds, values)]


class Classed(NamedTuple):
    """Images uint8 (N, H, W, C) and N names of classes, "" where none is known."""

    images: ImageSet
    classes: Sequence[str]

    def some(self, most: int) -> "Classed":
        """As many of them, evenly spaced, or all."""
        rows = evenly_spaced(len(self.classes), most)
        return Classed(select(self.images, rows), [self.classes[row] for row in rows])


def measured(
    shown: Classed, real: Classed | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Columns of images and of real ones: name -> (N,) values.

    Args:
      shown: a column of classes is only of images that all have one.
      real: None if they are not there; then thirds of brightness are those of the images.
    """
    of_shown, of_real = _of(shown), {} if real is None else _of(real)
    light, of_reals = (columns.pop(BRIGHTNESS, None) for columns in (of_shown, of_real))
    reference = light if of_reals is None else of_reals
    if of_reals is not None:
        of_real[BRIGHTNESS] = thirds(of_reals, reference)
    return {**of_shown, BRIGHTNESS: thirds(light, reference)}, of_real


def _of(shown: Classed) -> dict[str, np.ndarray]:
    """Class and tone where they are known, and brightness as a number."""
    found = {BRIGHTNESS: brightness(shown.images)}
    if all(shown.classes):
        found[CLASS] = np.asarray(shown.classes)
    if (of_images := tones(shown.images)) is not None:
        found[TONE] = of_images
    return found


def _chunks(images: ImageSet) -> Iterator[np.ndarray]:
    return (np.asarray(images[first : first + CHUNK]) for first in range(0, len(images), CHUNK))


def fit(column: str, train: RealImages, val: RealImages, space: FeatureSpace) -> Predictor:
    """A predictor of a recorded column.

    Args:
      column: of `PREDICTED`.
      train: that it learns from. Values of fewer than 20 images are left out.
      val: that choose its penalty, and show whether it is better than chance.

    Raises:
      UserError: if the column is not recorded, or cannot be told from the pixels.
    """
    sides = [subgroups.columns(side.subgroups).get(column) for side in (train, val)]
    values = [] if sides[0] is None else [str(value) for value in np.unique(sides[0])]
    values = tuple(
        value
        for value in values
        if value != subgroups.UNKNOWN and (sides[0] == value).sum() >= FEWEST
    )
    if len(values) < 2 or sides[1] is None or len(set(sides[1]) & set(values)) < 2:
        raise UserError(
            f"--subgroups={column}: the data of the run do not record two values of it, of "
            f"{FEWEST} training images each, in training and validation images"
        )
    known = []
    for images, of_images in zip((train, val), sides, strict=True):
        labels = np.array([values.index(each) if each in values else -1 for each in of_images])
        features = space.features(images.images, "real images", keep=True)
        known.append((features[labels >= 0], labels[labels >= 0]))
    probe = linear_probe.fit(*known, len(values))
    said = probe.probabilities(known[1][0]).argmax(axis=1)
    accuracy, p = _better_than_chance(said, known[1][1])
    if p >= 0.05:
        raise UserError(
            f"--subgroups={column}: {space.protocol} does not tell it (balanced accuracy "
            f"{accuracy:.2f} of {len(said)} validation images, as by chance)"
        )
    return Predictor(column, values, probe, accuracy)


def _better_than_chance(said: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Balanced accuracy, and the share of shuffled answers that are as good."""
    rng = np.random.default_rng(0)

    def accuracy(answers: np.ndarray) -> float:
        return float(np.mean([(answers[labels == k] == k).mean() for k in np.unique(labels)]))

    found = accuracy(said)
    as_good = sum(accuracy(rng.permutation(said)) >= found for _ in range(PERMUTATIONS))
    return found, (as_good + 1) / (PERMUTATIONS + 1)


def predicted(
    predictors: Sequence[Predictor], space: FeatureSpace, images: ImageSet, title: str
) -> Mapping[str, np.ndarray]:
    """Column -> values (N,) that the predictors give images uint8 (N, H, W, C)."""
    if not predictors:
        return {}
    features = space.features(images, title)
    return {each.column: each.of(features) for each in predictors}

"""What a reader of an evaluation has to know before believing its values."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from dermgan_jax.data.image_sets import digest
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.files import Path
from dermgan_jax.metrics.measurement import FID_PROTOCOLS, Measurements, is_frechet
from dermgan_jax.metrics.measurement_table import warnings
from dermgan_jax.metrics.named_metrics import Metric

FEW = 30  # images of a side, below which values are warned of
EXAMPLES = 16  # images of a source that are looked at


def of_sources(real: ImageSource, fake: ImageSource) -> list[str]:
    """What the images themselves say, a few of either side being looked at."""
    sides = [(each, each.examples(EXAMPLES)) for each in (real, fake) if len(each.images)]
    found = []
    if real.phantom:
        found.append(f"note: {real.name} are drawings of a program, not real images")
    for source, images in sides:
        found += _of_empty_pictures(source.name, images)
    return [*found, *_of_colours(sides), *_of_same_images(real, fake)]


def of_values(
    metrics: Sequence[Metric], measured: Measurements, num_real: int | None, weights: Path | None
) -> list[str]:
    """What values of sets of images say.

    Args:
      metrics: those of sets.
      measured: their values.
      num_real: real images that were compared; None if they are not here.
      weights: folder that pretrained weights are looked for first in.
    """
    values = list(measured.values())
    return [
        *_of_undefined(measured),
        *_of_few(measured),
        *_of_missing_floors(metrics, measured, num_real),
        *_of_smaller_floors(measured),
        *_of_singular_covariances(metrics, measured, weights),
        *warnings(values),
    ]


def _of_empty_pictures(name: str, images: np.ndarray) -> list[str]:
    """Images of one colour, as a broken generator or a failed conversion gives, and copies."""
    flat = int((np.ptp(images, axis=(1, 2)).max(axis=-1) == 0).sum())
    looked_at = f"{len(images)} images of {name} that were looked at"
    if flat:
        return [f"warning: {flat} of {looked_at} are of one colour each, as black ones are"]
    if len(images) > 1 and (images == images[0]).all():
        return [f"warning: the {looked_at} are all the same picture"]
    return []


def _of_colours(sides: Sequence[tuple[ImageSource, np.ndarray]]) -> list[str]:
    """A source of grey images against one of coloured images: every metric is about that alone."""
    grey = [np.ptp(images, axis=-1).max() == 0 for _, images in sides]
    names = [source.name for source, _ in sides]
    if len(sides) < 2 or sides[0][1].shape[-1] == 1 or grey[0] == grey[1]:
        return []
    names = names if grey[0] else names[::-1]
    return [f"warning: the images of {names[0]} are grey, those of {names[1]} coloured"]


def _of_same_images(real: ImageSource, fake: ImageSource) -> list[str]:
    """Both sides being one set, as of a folder that was named twice or copied."""
    if real.compared.shape != fake.images.shape or digest(real.compared) != digest(fake.images):
        return []
    return [
        f"warning: {real.name} and {fake.name} hold the same images: distances are 0, and those "
        "without bias (KID) below it"
    ]


def _of_undefined(measured: Measurements) -> list[str]:
    names = [key for key, one in measured.items() if math.isnan(one.value.value)]
    return [f"warning: {', '.join(names)}: not defined by these images"] if names else []


def _of_few(measured: Measurements) -> list[str]:
    few = min((one.value.fewest for one in measured.values()), default=FEW)
    if few >= FEW:
        return []
    return [
        f"warning: {few} images are too few: chance moves such values more than a model does, "
        "and one below that of real against real means nothing"
    ]


def _of_missing_floors(
    metrics: Iterable[Metric], measured: Measurements, num_real: int | None
) -> list[str]:
    names = [
        name
        for metric in metrics
        if metric.yardstick
        for name in metric.publishes
        if name in measured and measured[name].real_against_real is None
    ]
    if not names or num_real is None:
        return []
    return [f"note: {num_real} real images are too few for real against real of {', '.join(names)}"]


def _of_smaller_floors(measured: Measurements) -> list[str]:
    """Fréchet distances grow as images get fewer, so that a good value may lie below its floor."""
    names = [
        f"{key} ({one.real_against_real.n} images, not {one.value.n})"
        for key, one in measured.items()
        if is_frechet(one.name)
        and one.real_against_real is not None
        and one.real_against_real.n < one.value.n
    ]
    if not names:
        return []
    return [
        f"note: too few real images for two sets of as many: real against real of "
        f"{', '.join(names)} is higher than what could be reached"
    ]


def _of_singular_covariances(
    metrics: Iterable[Metric], measured: Measurements, weights: Path | None
) -> list[str]:
    """Fréchet distances of no more images than features have numbers; FID has its own warning."""
    found = []
    for metric in metrics:
        names = [name for name in metric.publishes if is_frechet(name) and name in measured]
        for name in set(names) - set(FID_PROTOCOLS):
            fewest = measured[name].value.fewest
            dim = metric.load_extractor(weights).dim
            if fewest <= dim:
                found.append(
                    f"warning: {name} of {fewest} images is biased upwards, as its features have "
                    f"{dim} numbers: have more images than that, or read a kernel distance first"
                )
    return found

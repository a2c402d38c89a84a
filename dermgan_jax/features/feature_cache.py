"""Features of images, kept on disk: those of real ones are asked for again and again.

What is kept is found by the images' own bytes, the extractor's protocol and its weights, so one
changed pixel means a new extraction.
"""

import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from dermgan_jax import files
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.image_sets import ImageSet, digest
from dermgan_jax.features.extractor import Advance, Extractor, Features
from dermgan_jax.progress_bar import progress_bar

READ_AT_ONCE = 512  # images in memory that several extractors look at


def features_of(
    extractor: Extractor, images: ImageSet, *, keep: bool, title: str = "images"
) -> Features:
    """Those of one extractor; see `features_of_all`."""
    return features_of_all((extractor,), images, keep=keep, title=title)[extractor]


def features_of_all(
    extractors: Iterable[Extractor], images: ImageSet, *, keep: bool, title: str = "images"
) -> dict[Extractor, Features]:
    """Of each extractor, layer name -> float32 (N, D), read back if kept before.

    Images are uint8 (N, H, W, C). Those that several extractors have not seen are read once for all
    of them, a part at a time. A bar with the remaining time goes to standard error.

    Args:
      extractors: networks and protocols.
      images: read a batch at a time.
      keep: whether results are looked for on disk, and kept there for the next time.
      title: what the images are, for the bar.

    Raises:
      UserError: if the images do not suit an extractor.
    """
    found: dict[Extractor, Features] = {}
    places = {}
    for extractor in dict.fromkeys(extractors):
        place = _place(extractor, images) if keep else None
        if place is not None and place.is_file():
            with np.load(place) as kept:
                found[extractor] = dict(kept)
        else:
            places[extractor] = place
    if places:
        names = ", ".join(extractor.name for extractor in places)
        with progress_bar(len(images) * len(places), f"{names} features of {title}") as bar:
            new = _extracted(tuple(places), images, bar.update)
        for extractor, features in new.items():
            if places[extractor] is not None:
                files.write_arrays(places[extractor], **features)
        found |= new
    return found


def _extracted(
    extractors: Sequence[Extractor], images: ImageSet, advance: Advance
) -> dict[Extractor, Features]:
    if len(extractors) == 1:
        return {extractors[0]: extractors[0].extract(images, advance)}
    parts: dict[Extractor, list[Features]] = {extractor: [] for extractor in extractors}
    for first in range(0, len(images), READ_AT_ONCE):
        part = np.asarray(images[first : first + READ_AT_ONCE])
        for extractor in extractors:
            parts[extractor].append(extractor.extract(part, advance))
    return {
        extractor: {name: np.concatenate([part[name] for part in of]) for name in of[0]}
        for extractor, of in parts.items()
    }


def _place(extractor: Extractor, images: ImageSet) -> pathlib.Path:
    protocol = extractor.name.replace(":", "-")
    name = f"{protocol}-{extractor.weights_id}-{digest(images)[:32]}.npz"
    return cache_dir() / "features" / name

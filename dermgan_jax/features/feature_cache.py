"""Features of real images, kept on disk: they are asked for again and again and never change.

What is kept is found by the images' own bytes, the extractor's protocol and its weights, so one
changed pixel means a new extraction.
"""

import pathlib

import numpy as np

from dermgan_jax import files
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.image_sets import ImageSet, digest
from dermgan_jax.features.extractor import Extractor, Features
from dermgan_jax.progress_bar import progress_bar


def features_of(
    extractor: Extractor, images: ImageSet, *, keep: bool, title: str = "images"
) -> Features:
    """Layer name -> float32 (N, D) of images uint8 (N, H, W, C), read back if kept before.

    A bar with the remaining time goes to standard error.

    Args:
      extractor: network and protocol.
      images: read a batch at a time.
      keep: whether the result is looked for on disk, and kept there for the next time.
      title: what the images are, for the bar.

    Raises:
      UserError: if the images do not suit the extractor.
    """
    path = _place(extractor, images) if keep else None
    if path is not None and path.is_file():
        with np.load(path) as kept:
            return dict(kept)
    with progress_bar(len(images), f"{extractor.name} features of {title}") as bar:
        features = extractor.extract(images, bar.update)
    if path is not None:
        files.write_arrays(path, **features)
    return features


def _place(extractor: Extractor, images: ImageSet) -> pathlib.Path:
    protocol = extractor.name.replace(":", "-")
    name = f"{protocol}-{extractor.weights_id}-{digest(images)[:32]}.npz"
    return cache_dir() / "features" / name

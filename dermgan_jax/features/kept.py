"""Features of real images, kept on disk: they are asked for again and again and never change.

What is kept is found by the images' own bytes, the extractor's protocol and its weights, so one
changed pixel means a new extraction.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from dermgan_jax.cache import cache_dir
from dermgan_jax.features.base import Extractor, Features

CHUNK = 1024  # images hashed or extracted at a time


def features_of(extractor: Extractor, images: np.ndarray, *, keep: bool) -> Features:
    """Layer name -> float32 (N, D) of images uint8 (N, H, W, C), read back if kept before.

    Args:
      extractor: network and protocol.
      images: an array or a memory map; a part at a time is read.
      keep: whether the result is kept for the next time.

    Raises:
      UserError: if the images do not suit the extractor.
    """
    path = _place(extractor, images)
    if path.is_file():
        with np.load(path) as kept:
            return dict(kept)
    parts = [
        extractor.extract(np.asarray(images[first : first + CHUNK]))
        for first in range(0, len(images), CHUNK)
    ]
    features = {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}
    if keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        np.savez(unfinished, **features)
        os.replace(unfinished, path)
    return features


def _place(extractor: Extractor, images: np.ndarray) -> Path:
    digest = hashlib.sha256(repr((images.shape, str(images.dtype))).encode())
    for first in range(0, len(images), CHUNK):
        digest.update(np.ascontiguousarray(images[first : first + CHUNK]))
    protocol = extractor.name.replace(":", "-")
    name = f"{protocol}-{extractor.weights_id}-{digest.hexdigest()[:32]}.npz"
    return cache_dir() / "features" / name

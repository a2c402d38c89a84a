"""Small pictures as features: a stand-in that needs no weights.

The distance of two images is that of their 16×16 versions, each less its mean colour and divided by
its contrast, so that neither the light nor the camera decides. More pixels would let noise and JPEG
artefacts of dull images hide that they are copies. Of what a picture means it knows nothing.
"""

import jax
import jax.numpy as jnp

from dermgan_jax.features.extractor import Extractor, Features, Variables, batched
from dermgan_jax.features.resize import resize
from dermgan_jax.files import Path

SIDE = 16
LEAST_CONTRAST = 1.0  # grey values; below, an image is flat and its noise is not blown up


def load(folder: Path | None = None) -> Extractor:
    """The extractor, with "pixels" (N, 768); `folder` is not looked into.

    The squared distance of two images is 2 - 2r, where r is the correlation of their pixels.
    """
    del folder
    return Extractor(
        name=f"pixels:clean{SIDE}",
        weights_id="none",
        dim=3 * SIDE**2,
        extract=batched(_preprocess, _flatten, {}),
    )


def standardise(images: jax.Array) -> jax.Array:
    """Images (N, H, W, C) of any numbers 0 to 255, each of mean 0 per channel and length 1."""
    deviations = images - images.mean(axis=(1, 2), keepdims=True)
    squares = jnp.square(deviations).mean(axis=(1, 2, 3), keepdims=True)
    contrast = jnp.maximum(jnp.sqrt(squares), LEAST_CONTRAST)
    return deviations / (contrast * jnp.sqrt(deviations[0].size))


def _preprocess(images: jax.Array) -> jax.Array:
    return standardise(resize(images, (SIDE, SIDE), "clean"))


def _flatten(variables: Variables, images: jax.Array) -> Features:
    del variables
    return {"pixels": images.reshape(len(images), -1)}

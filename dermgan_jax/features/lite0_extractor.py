"""The feature extractor that works on any machine with a package index: EfficientNet-Lite0.

Distances between its features are not FID; they go by names of their own (fd_lite0, kd_lite0).
"""

import jax
import jax.numpy as jnp

from dermgan_jax.features import weights
from dermgan_jax.features.efficientnet_lite import IMAGE_SIZE, EfficientNetLite0, from_package
from dermgan_jax.features.extractor import Extractor, Features, Variables, batched
from dermgan_jax.features.published_weights import FILES
from dermgan_jax.features.resize import resize
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors

NAME = "efficientnet_lite0"


def load(folder: Path | None = None) -> Extractor:
    """The extractor, with "pooled" (N, 1280) and "logits" (N, 1000).

    Args:
      folder: where to look for the weights first.

    Raises:
      UserError: if the weights are not found or not the right ones.
    """
    variables = from_package(EfficientNetLite0(), read_tensors(weights.find(NAME, folder)))
    return Extractor(
        name="lite0:clean224",
        weights_id=FILES[NAME].sha256[:8],
        dim=1280,
        extract=batched(_preprocess, _network, variables),
    )


def _preprocess(images: jax.Array) -> jax.Array:
    resized = resize(images, (IMAGE_SIZE, IMAGE_SIZE), "clean")
    return jnp.clip(resized, 0, 255) / 127.5 - 1


def _network(variables: Variables, images: jax.Array) -> Features:
    with jax.default_matmul_precision("highest"):
        pooled, logits = EfficientNetLite0().apply(variables, images)
    return {"pooled": pooled, "logits": logits}

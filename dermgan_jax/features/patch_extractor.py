"""Features of places in an image: maps of EfficientNet-Lite0, for detectors that work on patches.

As PatchCore takes them of a ResNet (Roth et al., CVPR 2022, section 3.1): the maps at an eighth and
a sixteenth of the side, each averaged over 3×3 places, the coarser one scaled up, joined.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.features import weights
from dermgan_jax.features.efficientnet_lite import EfficientNetLite0, from_package
from dermgan_jax.features.extractor import Extractor, Features, Variables, batched
from dermgan_jax.features.published_weights import FILES
from dermgan_jax.features.resize import resize
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors

NAME = "efficientnet_lite0"
SIDE = 224  # pixels to which images are resized
TAPS = (4, 6)  # stages after which maps are taken
PLACES = SIDE // 8  # along either side of the joined map
CHANNELS = 40 + 112


def load(folder: Path | None = None) -> Extractor:
    """The extractor, with "patches" (N, 28, 28, 152).

    Args:
      folder: where to look for the weights first.

    Raises:
      UserError: if the weights are not found or not the right ones.
    """
    whole = from_package(EfficientNetLite0(), read_tensors(weights.find(NAME, folder)))
    return Extractor(
        name=f"lite0:patches{SIDE}",
        weights_id=FILES[NAME].sha256[:8],
        dim=CHANNELS,
        extract=batched(_preprocess, _network, whole),
    )


def _preprocess(images: jax.Array) -> jax.Array:
    resized = resize(images, (SIDE, SIDE), "clean")
    return jnp.clip(resized, 0, 255) / 127.5 - 1


def _network(variables: Variables, images: jax.Array) -> Features:
    fine, coarse = EfficientNetLite0(taps=TAPS).apply(variables, images)
    return {"patches": joined(fine, coarse)}


def joined(fine: jax.Array, coarse: jax.Array) -> jax.Array:
    """(N, h, w, C) and (N, h / 2, w / 2, D) -> (N, h, w, C + D)."""
    fine, coarse = (
        nn.avg_pool(each, (3, 3), padding="SAME", count_include_pad=False)
        for each in (fine, coarse)
    )
    shape = (*fine.shape[:3], coarse.shape[-1])
    return jnp.concatenate([fine, jax.image.resize(coarse, shape, "bilinear")], -1)

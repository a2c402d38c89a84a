"""The networks of classifiers, each cut in two: a frozen trunk and a tail that is trained.

The trunk is the first stages of a published network with what images need before them; the tail is
the other stages and a head. Parameters keep the names of the whole network, so that its published
weights fill both.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.features import efficientnet_lite, resnet, vit, weights
from dermgan_jax.features.resize import resize
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.nets.dense import Dense

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SYMMETRIC = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))  # images in [-1, 1] as they are

Importer = Callable[[nn.Module, Mapping[str, np.ndarray]], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A network that classifiers can be made of.

    Attributes:
      whole: the module with the last layer that its published weights have. It takes (images,
        train) and has `num_stages`, `begin`, `end` and `num_classes`; see `features.resnet`.
      normalisation: mean and deviation per channel of images in [0, 1].
      from_torch: published tensors as variables of `whole`; None if no weights are published.
      least_side: the smallest side of images in pixels, of which all sides are multiples.
    """

    whole: nn.Module
    normalisation: tuple[tuple[float, ...], tuple[float, ...]]
    from_torch: Importer | None = None
    least_side: int = 1

    @property
    def num_stages(self) -> int:
        return self.whole.num_stages


# By the names that `features.published_weights` has for them; "tiny" learns from nothing.
ARCHITECTURES = {
    "efficientnet_lite0": Architecture(
        efficientnet_lite.EfficientNetLite0(), SYMMETRIC, efficientnet_lite.from_package
    ),
    "efficientnet_lite1": Architecture(
        efficientnet_lite.EfficientNetLite1(), SYMMETRIC, efficientnet_lite.from_package
    ),
    "resnet18": Architecture(resnet.ResNet18(), IMAGENET, resnet.from_torch),
    "resnet50": Architecture(resnet.ResNet50(), IMAGENET, resnet.from_torch),
    "vit_s16": Architecture(vit.ViTS16(), IMAGENET, vit.from_torch, least_side=16),
    "vit_b16": Architecture(vit.ViTB16(), IMAGENET, vit.from_torch, least_side=16),
    "tiny": Architecture(
        resnet.ResNet(0, (1, 1), (16, 32), stem_width=16, bottleneck=False), SYMMETRIC
    ),
}


@dataclasses.dataclass(frozen=True)
class Trunk:
    """The frozen stages of a network, and what is done to images before them. Hashable.

    Attributes:
      name: a key of `ARCHITECTURES`.
      num_stages: how many of the first stages; 0: images are prepared and nothing else.
      image_size: side in pixels of the squares that images are resized to.
      precision: of the arithmetic, "float32" or "bfloat16".
    """

    name: str
    num_stages: int
    image_size: int
    precision: str = "float32"

    @property
    def module(self) -> nn.Module:
        return ARCHITECTURES[self.name].whole.clone(num_classes=0, end=self.num_stages)

    def init(self, rng: jax.Array) -> dict[str, Any]:
        """Random variables; "params" is there even where it is empty."""
        images = jnp.zeros((1, self.image_size, self.image_size, 3))
        return {"params": {}, **self.module.init(rng, images)}

    def apply(self, variables: Mapping[str, Any], images: jax.Array) -> jax.Array:
        """What the tail takes, of images (N, H, W, C) in [-1, 1], C 1 or 3.

        They are resized as Pillow's bicubic does (`features.resize`), smoothed when shrinking,
        which "clean" FID and the Lite0 extractor share. Batch norm uses running statistics.
        """
        mean, deviation = map(jnp.asarray, ARCHITECTURES[self.name].normalisation)
        size = (self.image_size, self.image_size)
        rgb = jnp.broadcast_to(images, (*images.shape[:3], 3))
        resized = rgb if rgb.shape[1:3] == size else jnp.clip(resize(rgb, size, "clean"), -1, 1)
        prepared = ((resized + 1) / 2 - mean) / deviation
        if not self.num_stages:
            return prepared
        return self.module.apply(*at_precision(self.precision, variables, prepared))


class Tail(nn.Module):
    """The trained stages and a head: Dropout, then Dense, ReLU and Dropout per hidden layer, Dense.

    Attributes:
      backbone: the trained stages of a network, which give features (N, D); None if the trunk does.
      hidden: widths of the layers between features and logits.
      dropout: share of the numbers before each dense layer that are dropped in training.
      num_classes: of the logits.
      head: False gives what the logits are made from.
    """

    backbone: nn.Module | None
    hidden: tuple[int, ...]
    dropout: float
    num_classes: int
    head: bool = True

    @nn.compact
    def __call__(self, activations: jax.Array, train: bool = False) -> jax.Array:
        """Logits (N, classes) of what the trunk gives out.

        Args:
          activations: (N, …).
          train: drop out, by the "dropout" key; normalise by the batch and update "batch_stats".
        """
        x = activations if self.backbone is None else self.backbone(activations, train)
        for index, width in enumerate(self.hidden):
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = nn.relu(Dense(width, name=f"hidden_{index}")(x))
        if not self.head:
            return x
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return Dense(self.num_classes, name="logits")(x)


def cut(name: str, trained_stages: int) -> tuple[int, nn.Module | None]:
    """How many stages are frozen, and the trained ones as a module, or None without any.

    Args:
      name: a key of `ARCHITECTURES`.
      trained_stages: so many of the last; -1: all.
    """
    architecture = ARCHITECTURES[name]
    total = architecture.num_stages
    frozen = 0 if trained_stages == -1 else total - trained_stages
    if frozen == total:
        return frozen, None
    return frozen, architecture.whole.clone(num_classes=0, begin=frozen)


def at_precision(precision: str, variables: Mapping[str, Any], inputs: jax.Array) -> tuple:
    """(variables, inputs) with parameters and inputs of a type; statistics stay float32."""
    dtype = jnp.dtype(precision)
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), variables["params"])
    return {**variables, "params": params}, inputs.astype(dtype)


@functools.lru_cache(maxsize=2)
def published(name: str, folder: Path | None = None) -> dict[str, Any]:
    """Variables of a whole network from its published file, in host memory.

    Args:
      name: a key of `ARCHITECTURES`.
      folder: where to look for the file first.

    Raises:
      UserError: if the file is not found or not the right one; the message says how to get it.
    """
    architecture = ARCHITECTURES[name]
    if architecture.from_torch is None:
        raise UserError(
            f"the network {name!r} has no published weights: set model.pretrained=False"
        )
    tensors = read_tensors(weights.find(name, folder))
    return architecture.from_torch(architecture.whole, tensors)


def fill(variables: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of a part of a network, each layer taken from those of the whole network.

    Args:
      variables: collection -> layer -> …, the part's.
      source: the same of the whole network.
    """
    return {
        collection: {layer: source[collection][layer] for layer in layers}
        for collection, layers in variables.items()
    }

"""A U-Net that segments: which class each pixel belongs to (Ronneberger et al., 2015).

Trained on real images it judges images that were painted from masks; trained on both it tells what
those are worth.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.augment.turning import turned
from dermgan_jax.models.contract import Aux, Phase, Stage, Variables, bind
from dermgan_jax.models.segmenter import Segmenter
from dermgan_jax.nets.segmentation_unet import SegmentationUnet

# Added to both parts of Dice's fraction, in pixels, so that a class that is absent does not divide
# by zero.
SMOOTH = 1.0


@dataclasses.dataclass(frozen=True)
class UnetSegmenter(Segmenter):
    """A U-Net, cross entropy and soft Dice."""

    bounds: ClassVar[Mapping[str, str]] = {
        "width": "[1, 65536]",
        "levels": "[1, 16]",
        "dice": "[0, 1e6]",
        "decay_kimg": "[0, 1e9]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        return ConfigDict(
            {
                "model": {
                    "width": 16,  # channels at full size
                    "levels": 4,  # times that the size is halved
                    "dice": 1.0,  # weight of 1 − soft Dice beside the cross entropy
                    "turn": True,  # images are laid in any of the eight ways
                    # The learning rate falls to 0 along a cosine in so many thousand images; 0: it
                    # stays.
                    "decay_kimg": 0.0,
                },
                "optimizers": {"s": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8}},
                "data": {"masks": True},
                "train": {"batch_size": 16},
                "ema": {"decay": 0.99},
                "eval": {"metrics": ("dice", "iou", "pixel_accuracy")},
            }
        )

    @property
    def net(self) -> SegmentationUnet:
        """The network."""
        fields = self.config.model
        dtype = jnp.dtype(self.config.precision)
        return SegmentationUnet(self.data.mask_classes, fields.width, fields.levels, dtype)

    @property
    def multiple(self) -> int:
        return 2**self.config.model.levels

    def faults(self) -> list[str]:
        found = []
        if not self.config.data.masks:
            found.append("data.masks is False: a segmenter learns from masks")
        height, width = self.data.height, self.data.width
        if height % self.multiple or width % self.multiple:
            found.append(
                f"images of {height}x{width} do not suit model.levels={self.config.model.levels}: "
                f"sides have to be multiples of {self.multiple}"
            )
        if self.config.model.turn and height != width:
            found.append(f"images of {height}x{width} cannot be turned: set model.turn=False")
        return found

    def init(self, rng: jax.Array) -> Variables:
        side = self.multiple
        images = jnp.zeros((1, side, side, self.data.channels))
        return {"s": dict(self.net.init(rng, images, train=False))}

    def stage(self, images_seen: int) -> Stage:
        stage, kimg = super().stage(images_seen), self.config.model.decay_kimg
        if not kimg:
            return stage
        done = min(images_seen / (kimg * 1000), 1.0)
        factor = 0.5 * (1 + math.cos(math.pi * done))
        rates = {net: rate * factor for net, rate in stage.learning_rates.items()}
        return dataclasses.replace(stage, learning_rates=rates)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("segment", ("s",), self._loss),)

    def _loss(self, trainable, frozen, batch, rng, context):
        del context
        images, masks = batch["image"], batch["mask"]
        if self.config.model.turn:
            images, masks = turned((images, masks), rng)
        logits, changed = self.net.apply(
            bind(trainable, frozen, "s"), images, train=True, mutable=["batch_stats"]
        )
        wanted = jax.nn.one_hot(masks, self.data.mask_classes)
        entropy = -(wanted * jax.nn.log_softmax(logits)).sum(-1).mean()
        overlap = soft_dice(jax.nn.softmax(logits), wanted)
        loss = entropy + self.config.model.dice * (1 - overlap)
        metrics = {"cross_entropy": entropy, "soft_dice": overlap}
        return loss, Aux(metrics, collections={"s": changed})

    def probabilities(self, variables: Variables, images: jax.Array) -> jax.Array:
        return jax.nn.softmax(self.net.apply(variables["s"], images, train=False))


def soft_dice(probabilities: jax.Array, wanted: jax.Array) -> jax.Array:
    """Dice with probabilities in place of decisions, mean over images and all classes but 0.

    Milletari et al., 3DV 2016, arXiv:1606.04797, without squares.

    Args:
      probabilities, wanted: (N, H, W, K), the latter of 0 and 1.
    """
    both = (probabilities * wanted)[..., 1:].sum((1, 2))
    either = (probabilities + wanted)[..., 1:].sum((1, 2))
    return ((2 * both + SMOOTH) / (either + SMOOTH)).mean()

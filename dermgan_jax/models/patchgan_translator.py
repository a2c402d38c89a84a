"""What CycleGAN, pix2pix and CUT share: networks, learning rates, the discriminator's loss."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax import losses
from dermgan_jax.models.contract import Stage, Translator
from dermgan_jax.nets.conv_layers import KERNEL_INITIALIZERS
from dermgan_jax.nets.patch_discriminator import PatchDiscriminator, PixelDiscriminator
from dermgan_jax.nets.resnet_generator import ResnetGenerator
from dermgan_jax.nets.unet import UnetGenerator

GENERATORS = ("resnet", "unet")
DISCRIMINATORS = ("patch", "pixel")
NORMS = ("instance", "batch", "none")
ADAM = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}


BOUNDS = {
    "num_blocks": "[1, 1000]",
    "num_downs": "[2, 16]",
    "width": "[1, 65536]",
    "discriminator_layers": "[1, 16]",
    "discriminator_width": "[1, 65536]",
    "gradient_penalty": "[0, 1e6]",
    "constant_epochs": "[0, 1e9]",
    "decay_epochs": "[0, 1e9]",
}


def default_fields() -> dict[str, Any]:
    """Those of `config.model` that choose the networks: CycleGAN's (Zhu et al., 2017)."""
    return {
        "generator": "resnet",  # resnet | unet
        "num_blocks": 9,  # resnet: 6 for 128 px, 9 from 256 px on
        "num_downs": 8,  # unet: 7 for 128 px, 8 for 256 px
        "width": 64,  # channels of the generator's first layer
        "norm": "instance",  # instance | batch | none
        "dropout": False,
        "antialias": False,  # resnet and patch: blurred down- and up-sampling
        "discriminator": "patch",  # patch | pixel
        "discriminator_layers": 3,  # patch: 3 is the 70×70 PatchGAN
        "discriminator_width": 64,
        "loss": "lsgan",  # lsgan | vanilla | nonsaturating | wgangp
        "gradient_penalty": 10.0,  # weight of the penalty of wgangp
        "init": "normal",  # normal | xavier
        "constant_epochs": 100,
        "decay_epochs": 100,
    }


def constant_then_linear(epoch: int, decay_epochs: int, first_drop: int) -> float:
    """The factor of the learning rate: 1, then falling linearly to 0 or nearly.

    Args:
      epoch: counted from 1.
      decay_epochs: over how many it falls.
      first_drop: the first epoch with less than 1. In the code of CycleGAN and pix2pix that is the
        last of the constant epochs, so that the last epoch of all has 0; in CUT's the one after.
    """
    return max(1.0 - max(0, epoch - first_drop + 1) / (decay_epochs + 1), 0.0)


def mean_metrics(metrics: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Means of everything, as float32 scalars."""
    return {name: jnp.mean(value) for name, value in metrics.items()}


@dataclasses.dataclass(frozen=True)
class PatchGanTranslator(Translator):
    """A translator with ResNet or U-Net generators and PatchGAN or pixel discriminators."""

    # The epoch in which learning rates first fall, counted from the last constant one: in the code
    # of CycleGAN and pix2pix it is that one.
    first_drop: ClassVar[int] = 0

    @property
    def generator(self) -> nn.Module:
        """The network of every generator."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        channels = self.data.channels
        if fields.generator == "unet":
            return UnetGenerator(
                channels,
                fields.num_downs,
                fields.width,
                fields.norm,
                fields.dropout,
                fields.init,
                dtype,
            )
        return ResnetGenerator(
            *(channels, fields.width, fields.num_blocks, fields.norm, fields.dropout),
            *(fields.antialias, fields.init, dtype),
        )

    @property
    def discriminator(self) -> nn.Module:
        """The network of every discriminator."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        if fields.discriminator == "pixel":
            return PixelDiscriminator(fields.discriminator_width, fields.norm, fields.init, dtype)
        return PatchDiscriminator(
            *(fields.discriminator_width, fields.discriminator_layers, fields.norm),
            *(fields.antialias, fields.init, dtype),
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images trained on."""
        return (self.data.height, self.data.width, self.data.channels)

    @property
    def multiple(self) -> int:
        fields = self.config.model
        return 2**fields.num_downs if fields.generator == "unet" else 4

    def faults(self) -> list[str]:
        fields = self.config.model
        found = [
            f"model.{key} is {fields[key]!r}; expected one of {', '.join(known)}"
            for key, known in (
                ("generator", GENERATORS),
                ("discriminator", DISCRIMINATORS),
                ("norm", NORMS),
                ("loss", tuple(losses.ADVERSARIAL)),
                ("init", tuple(KERNEL_INITIALIZERS)),
            )
            if fields[key] not in known
        ]
        return found or self._size_faults()

    def _size_faults(self) -> list[str]:
        fields, found = self.config.model, []
        height, width, _ = self.image_shape
        if height % self.multiple or width % self.multiple:
            found.append(
                f"images of {height}x{width} do not suit model.generator={fields.generator!r}: "
                f"sides have to be multiples of {self.multiple}"
            )
        # Each of the strided layers halves the map, the two others take one pixel off it.
        smallest = 3 * 2**fields.discriminator_layers
        if fields.discriminator == "patch" and min(height, width) < smallest:
            found.append(
                f"images of {height}x{width} are smaller than the patch discriminator can see: "
                f"with model.discriminator_layers={fields.discriminator_layers} sides have to be "
                f"at least {smallest}; take fewer layers"
            )
        return found

    def stage(self, images_seen: int) -> Stage:
        fields, stage = self.config.model, super().stage(images_seen)
        epoch = images_seen // self.data.num_examples + 1
        factor = constant_then_linear(
            epoch, fields.decay_epochs, fields.constant_epochs + self.first_drop
        )
        rates = {net: rate * factor for net, rate in stage.learning_rates.items()}
        return dataclasses.replace(stage, learning_rates=rates)

    def discriminator_loss(
        self, variables: Mapping[str, Any], real: jax.Array, fake: jax.Array, rng: jax.Array
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Half of the judgements of reals and of fakes, and the penalty of "wgangp".

        Args:
          variables: of the discriminator.
          real, fake: (N, H, W, C), what it takes.
          rng: of the penalty.

        Returns:
          The loss, and metrics: float32 scalars.
        """
        fields = self.config.model

        def score(images: jax.Array) -> jax.Array:
            return self.discriminator.apply(variables, images, train=True)

        if fields.norm == "batch":  # whose statistics would mix reals and fakes
            of_real, of_fake = score(real), score(fake)
        else:
            of_real, of_fake = jnp.split(score(jnp.concatenate([real, fake])), 2)
        loss = losses.toward_real(fields.loss, of_real)
        loss += losses.toward_fake(fields.loss, of_fake)
        loss = 0.5 * loss.mean()
        metrics = {"score_real": of_real.mean(), "score_fake": of_fake.mean()}
        if fields.loss == "wgangp":
            # Scores of an image's patches are summed, so that the norm grows with their number, as
            # in the original (models/networks.py, cal_gradient_penalty).
            between = losses.interpolates(real, fake, jax.random.uniform(rng, (len(real),)))
            norms = losses.gradient_norms(lambda x: score(x).reshape(len(x), -1).sum(-1), between)
            penalty = losses.absolute_gradient_penalty(norms, 1.0).mean()
            loss += fields.gradient_penalty * penalty
            metrics["gradient_penalty"] = penalty
        return loss, metrics

"""What CycleGAN, pix2pix and CUT share: networks, learning rates, the discriminator's loss."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax import losses
from dermgan_jax.gans.base import Stage, Translator
from dermgan_jax.nets.patch_discriminator import PatchDiscriminator, PixelDiscriminator
from dermgan_jax.nets.resnet_generator import ResnetGenerator
from dermgan_jax.nets.unet import UnetGenerator

GENERATORS = ("resnet", "unet")
DISCRIMINATORS = ("patch", "pixel")
NORMS = ("instance", "batch", "none")
ADAM = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}


def default_fields() -> dict[str, Any]:
    """Those of `config.gan` that choose the networks: CycleGAN's (Zhu et al., 2017)."""
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
        gan, dtype = self.config.gan, jnp.dtype(self.config.precision)
        channels = self.data.channels
        if gan.generator == "unet":
            return UnetGenerator(
                channels, gan.num_downs, gan.width, gan.norm, gan.dropout, gan.init, dtype
            )
        return ResnetGenerator(
            *(channels, gan.width, gan.num_blocks, gan.norm, gan.dropout),
            *(gan.antialias, gan.init, dtype),
        )

    @property
    def discriminator(self) -> nn.Module:
        """The network of every discriminator."""
        gan, dtype = self.config.gan, jnp.dtype(self.config.precision)
        if gan.discriminator == "pixel":
            return PixelDiscriminator(gan.discriminator_width, gan.norm, gan.init, dtype)
        return PatchDiscriminator(
            *(gan.discriminator_width, gan.discriminator_layers, gan.norm),
            *(gan.antialias, gan.init, dtype),
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the images trained on."""
        return (self.data.height, self.data.width, self.data.channels)

    @property
    def multiple(self) -> int:
        gan = self.config.gan
        return 2**gan.num_downs if gan.generator == "unet" else 4

    def faults(self) -> list[str]:
        gan = self.config.gan
        found = [
            f"gan.{key} is {gan[key]!r}; expected one of {', '.join(known)}"
            for key, known in (
                ("generator", GENERATORS),
                ("discriminator", DISCRIMINATORS),
                ("norm", NORMS),
                ("loss", tuple(losses.ADVERSARIAL)),
            )
            if gan[key] not in known
        ]
        return found or self._size_faults()

    def _size_faults(self) -> list[str]:
        gan, found = self.config.gan, []
        height, width, _ = self.image_shape
        if height % self.multiple or width % self.multiple:
            found.append(
                f"images of {height}x{width} do not suit gan.generator={gan.generator!r}: sides "
                f"have to be multiples of {self.multiple}"
            )
        # Each of the strided layers halves the map, the two others take one pixel off it.
        smallest = 3 * 2**gan.discriminator_layers
        if gan.discriminator == "patch" and min(height, width) < smallest:
            found.append(
                f"images of {height}x{width} are smaller than the patch discriminator can see: "
                f"with gan.discriminator_layers={gan.discriminator_layers} sides have to be at "
                f"least {smallest}; take fewer layers"
            )
        return found

    def stage(self, images_seen: int) -> Stage:
        gan, stage = self.config.gan, super().stage(images_seen)
        epoch = images_seen // self.data.num_examples + 1
        factor = constant_then_linear(
            epoch, gan.decay_epochs, gan.constant_epochs + self.first_drop
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
        gan = self.config.gan

        def score(images: jax.Array) -> jax.Array:
            return self.discriminator.apply(variables, images, train=True)

        if gan.norm == "batch":  # whose statistics would mix reals and fakes
            of_real, of_fake = score(real), score(fake)
        else:
            of_real, of_fake = jnp.split(score(jnp.concatenate([real, fake])), 2)
        loss = losses.adversarial(gan.loss, of_real, True)
        loss += losses.adversarial(gan.loss, of_fake, False)
        loss = 0.5 * loss.mean()
        metrics = {"score_real": of_real.mean(), "score_fake": of_fake.mean()}
        if gan.loss == "wgangp":
            # Scores of an image's patches are summed, so that the norm grows with their number, as
            # in the original (models/networks.py, cal_gradient_penalty).
            between = losses.interpolates(real, fake, jax.random.uniform(rng, (len(real),)))
            norms = losses.gradient_norms(lambda x: score(x).reshape(len(x), -1).sum(-1), between)
            penalty = losses.absolute_gradient_penalty(norms, 1.0).mean()
            loss += gan.gradient_penalty * penalty
            metrics["gradient_penalty"] = penalty
        return loss, metrics

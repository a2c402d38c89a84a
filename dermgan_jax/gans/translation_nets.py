"""What CycleGAN, pix2pix and CUT share: their networks from a configuration, schedule, penalty."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax import losses
from dermgan_jax.nets.patch_discriminator import PatchDiscriminator, PixelDiscriminator
from dermgan_jax.nets.resnet_generator import ResnetGenerator
from dermgan_jax.nets.unet import UnetGenerator

GENERATORS = ("resnet", "unet")
DISCRIMINATORS = ("patch", "pixel")
NORMS = ("instance", "batch", "none")
ADAM = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}

Apply = Callable[..., Any]


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


def generator(config: Any, out_channels: int) -> nn.Module:
    """The generator of a configuration."""
    gan, dtype = config.gan, jnp.dtype(config.precision)
    if gan.generator == "unet":
        return UnetGenerator(
            out_channels, gan.num_downs, gan.width, gan.norm, gan.dropout, gan.init, dtype
        )
    return ResnetGenerator(
        out_channels,
        gan.width,
        gan.num_blocks,
        gan.norm,
        gan.dropout,
        gan.antialias,
        gan.init,
        dtype,
    )


def discriminator(config: Any) -> nn.Module:
    """The discriminator of a configuration."""
    gan, dtype = config.gan, jnp.dtype(config.precision)
    if gan.discriminator == "pixel":
        return PixelDiscriminator(gan.discriminator_width, gan.norm, gan.init, dtype)
    return PatchDiscriminator(
        gan.discriminator_width,
        gan.discriminator_layers,
        gan.norm,
        gan.antialias,
        gan.init,
        dtype,
    )


def multiple(config: Any) -> int:
    """What the sides of the generator's images have to be multiples of."""
    return 2**config.gan.num_downs if config.gan.generator == "unet" else 4


def faults(config: Any, height: int, width: int) -> list[str]:
    """Why the networks cannot be built for images of this size."""
    gan = config.gan
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
    if found:
        return found
    sides = multiple(config)
    if height % sides or width % sides:
        found.append(
            f"images of {height}x{width} do not suit gan.generator={gan.generator!r}: sides have "
            f"to be multiples of {sides}"
        )
    if gan.discriminator == "patch":
        # Each of the strided layers halves the map, the two others take one pixel off it.
        smallest = 3 * 2**gan.discriminator_layers
        if min(height, width) < smallest:
            found.append(
                f"images of {height}x{width} are smaller than the patch discriminator can see: "
                f"with gan.discriminator_layers={gan.discriminator_layers} sides have to be at "
                f"least {smallest}; take fewer layers"
            )
    return found


def constant_then_linear(epoch: int, decay_epochs: int, first_drop: int) -> float:
    """The factor of the learning rate: 1, then falling linearly to 0 or nearly.

    Args:
      epoch: counted from 1.
      decay_epochs: over how many it falls.
      first_drop: the first epoch with less than 1. In the code of CycleGAN and pix2pix that is the
        last of the constant epochs, so that the last epoch of all has 0; in CUT's the one after.
    """
    return max(1.0 - max(0, epoch - first_drop + 1) / (decay_epochs + 1), 0.0)


def discriminator_loss(
    config: Any,
    net: nn.Module,
    variables: Mapping[str, Any],
    real: jax.Array,
    fake: jax.Array,
    rng: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Half of the judgements of reals and of fakes, and the penalty of "wgangp".

    Args:
      config: reads `gan`.
      net, variables: the discriminator.
      real, fake: (N, H, W, C), what it takes.
      rng: of the penalty.

    Returns:
      The loss, and metrics: float32 scalars.
    """

    def score(images: jax.Array) -> jax.Array:
        return net.apply(variables, images, train=True)

    if config.gan.norm == "batch":  # whose statistics would mix reals and fakes
        of_real, of_fake = score(real), score(fake)
    else:
        of_real, of_fake = jnp.split(score(jnp.concatenate([real, fake])), 2)
    loss = losses.adversarial(config.gan.loss, of_real, True)
    loss += losses.adversarial(config.gan.loss, of_fake, False)
    loss = 0.5 * loss.mean()
    metrics = {"score_real": of_real.mean(), "score_fake": of_fake.mean()}
    if config.gan.loss == "wgangp":
        # Scores of an image's patches are summed, so that the norm grows with their number, as in
        # the original (models/networks.py, cal_gradient_penalty).
        between = losses.interpolates(real, fake, jax.random.uniform(rng, (len(real),)))
        norms = losses.gradient_norms(lambda x: score(x).reshape(len(x), -1).sum(-1), between)
        penalty = losses.absolute_gradient_penalty(norms, 1.0).mean()
        loss += config.gan.gradient_penalty * penalty
        metrics["gradient_penalty"] = penalty
    return loss, metrics


def mean_metrics(metrics: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Means of everything, as float32 scalars."""
    return {name: jnp.mean(value) for name, value in metrics.items()}

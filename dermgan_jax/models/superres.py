"""Super-resolution: first by pixels, then adversarially, as SRGAN, ESRGAN and Real-ESRGAN.

Ledig et al., CVPR 2017, arXiv:1609.04802; Wang et al., 2018, arXiv:1809.00219, and 2021,
arXiv:2107.10833. Until `model.pixel_kimg` only the generator learns, by L1; then discriminator and
generator, with a perceptual term. Source: XPixelGroup/BasicSR, basicsr/models/sr_model.py and
esrgan_model.py: the generator is updated first and the discriminator judges the fakes it was
updated on. Real-ESRGAN's sharpening of the target is left out: it is detail that is not there.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.augment import degradation
from dermgan_jax.augment.turning import turned
from dermgan_jax.data import matlab_resize
from dermgan_jax.models.contract import Aux, Phase, Stage, Variables, bind
from dermgan_jax.models.perceptual import PUBLISHED, Perceptual
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.nets import rrdbnet, srresnet, unet_discriminator, vgg_discriminator
from dermgan_jax.nets.srgan_discriminator import SrganDiscriminator

# Generator -> the scales that it can have.
GENERATORS = {
    "rrdbnet": rrdbnet.SCALES,
    "msrresnet": srresnet.MSR_SCALES,
    "srresnet": srresnet.SR_SCALES,
}
DISCRIMINATORS = ("vgg", "unet", "srgan")
DEGRADATIONS = ("bicubic", "second_order")
MUTABLE = ["batch_stats", "spectral"]

_FLOOR = 5e-4  # of the cosine, as a share of the rate: 1e-7 of 2e-4
_BY_PIXELS, _ADVERSARIAL = ("pixel",), ("g", "d")


class SuperResolution(Upscaler):
    """A generator "g", a discriminator "d", and the network "f" of the perceptual term."""

    bounds: ClassVar[Mapping[str, str]] = {
        "scale": "[1, 4]",
        "width": "[1, 65536]",
        "num_blocks": "[1, 1000]",
        "growth": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
        "pixel_kimg": "[0, 1e9]",
        "cosine_kimg": "[0, 1e9]",
        "gan_learning_rate": "[0, 1]",
        "halve_kimg": "[0, 1e9]",
        "pixel": "[0, 1e6]",
        "perceptual": "[0, 1e6]",
        "adversarial": "[0, 1e6]",
        "perceptual_tap_weights": "[0, 1e6]",
        "perceptual_divisor": "[1, 65536]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """ESRGAN's, with the VGG16 that this program can get in place of VGG19."""
        adam = {"b1": 0.9, "b2": 0.99, "eps": 1e-8}
        fields = {
            "generator": "rrdbnet",  # rrdbnet | msrresnet | srresnet
            "scale": 4,  # rrdbnet: 1, 2, 4 | msrresnet: 2, 3, 4 | srresnet: 2, 4
            "width": 64,  # channels of the generator
            "num_blocks": 23,  # rrdbnet: 23 | msrresnet and srresnet: 16
            "growth": 32,  # rrdbnet: channels that a convolution within a block adds
            # vgg: one judgement | unet: one per pixel | srgan: one, of images of any size
            "discriminator": "vgg",
            "discriminator_width": 64,
            # How small images are made: bicubic | second_order (blur, noise, JPEG, twice).
            "degradation": "bicubic",
            "rotate": True,  # random quarter turns
            "pixel_kimg": 16000.0,  # thousands of images of the first stage, by L1 alone
            "cosine_kimg": 4000.0,  # period of its learning rate, with restarts; 0: constant
            "gan_learning_rate": 1e-4,  # of the generator in the second stage
            # Thousands of images of the second stage after which its rates halve.
            "halve_kimg": (800.0, 1600.0, 3200.0, 4800.0),
            # Second stage: weights of L1, of the perceptual and of the adversarial term.
            "pixel": 0.01,
            "perceptual": 1.0,
            "adversarial": 0.005,
            "loss": "vanilla",  # vanilla | lsgan
            "relativistic": True,  # more real than the average real image; False: plainly real
            "perceptual_network": "vgg16",  # vgg16 | vgg19, of which the user has the file
            "perceptual_taps": ("conv5_3",),  # before or after (relu…) any ReLU
            "perceptual_tap_weights": (1.0,),
            "pretrained": True,  # False: a random perceptual network, for tests
            "perceptual_divisor": 1,  # of its widths, for tests
        }
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {
                    "g": {"learning_rate": 2e-4, **adam},
                    "d": {"learning_rate": 1e-4, **adam},
                },
                "train": {"batch_size": 16, "total_kimg": 22400.0},
                "eval": {"metrics": ("psnr_y", "ssim_y", "consistency")},
            }
        )

    def faults(self) -> list[str]:
        fields = self.config.model
        found = [
            f"model.{key} is {fields[key]!r}; expected one of {', '.join(known)}"
            for key, known in (
                ("generator", tuple(GENERATORS)),
                ("discriminator", DISCRIMINATORS),
                ("degradation", DEGRADATIONS),
                ("loss", ("vanilla", "lsgan")),
            )
            if fields[key] not in known
        ]
        if self.config.data.domain_a or self.config.data.domain_b:
            found.append(
                "data.domain_a and data.domain_b are set: super-resolution makes its small images "
                "of the large ones; leave them empty"
            )
        if not found and fields.scale not in GENERATORS[fields.generator]:
            scales = ", ".join(map(str, GENERATORS[fields.generator]))
            found.append(f"model.scale is {fields.scale}; {fields.generator} has {scales}")
        return found or [*self._size_faults(), *self._loss_faults()]

    def _size_faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        height, width = data.height, data.width
        found = []
        step = self.scale * self.multiple
        if height % step or width % step:
            found.append(
                f"images of {height}x{width} cannot be learnt at model.scale={self.scale}: sides "
                f"have to be multiples of {step}"
            )
        square = height == width
        if fields.discriminator == "vgg" and not (
            square and height >= vgg_discriminator.SMALLEST and math.log2(height).is_integer()
        ):
            found.append(
                f"images of {height}x{width} do not suit model.discriminator='vgg': squares with a "
                f"side of a power of two from {vgg_discriminator.SMALLEST} on do"
            )
        multiple = unet_discriminator.MULTIPLE
        if fields.discriminator == "unet" and (height % multiple or width % multiple):
            found.append(
                f"images of {height}x{width} do not suit model.discriminator='unet': sides have to "
                f"be multiples of {multiple}"
            )
        if fields.rotate and not square:
            found.append(f"images of {height}x{width} cannot be turned: set model.rotate=False")
        return found

    def _loss_faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        found = []
        if fields.perceptual > 0:
            found += self.perceptual.faults(min(data.height, data.width))
        return found

    @property
    def scale(self) -> int:
        return self.config.model.scale

    @property
    def multiple(self) -> int:
        fields = self.config.model
        return 4 // fields.scale if fields.generator == "rrdbnet" else 1

    @property
    def generator(self) -> nn.Module:
        """The network of "g", of images in [0, 1]."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        sizes = (self.data.channels, fields.scale, fields.width, fields.num_blocks)
        if fields.generator == "rrdbnet":
            return rrdbnet.RrdbNet(*sizes, fields.growth, dtype)
        if fields.generator == "msrresnet":
            return srresnet.MsrResNet(*sizes, dtype)
        return srresnet.SrResNet(*sizes, dtype)

    @property
    def discriminator(self) -> nn.Module:
        """The network of "d", of images in [0, 1]."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        if fields.discriminator == "unet":
            return unet_discriminator.UnetDiscriminator(fields.discriminator_width, dtype)
        if fields.discriminator == "srgan":
            widths = tuple(fields.discriminator_width * times for times in (1, 2, 4, 8))
            return SrganDiscriminator(widths, 2 * widths[-1], dtype)
        return vgg_discriminator.VggDiscriminator(fields.discriminator_width, dtype)

    @property
    def perceptual(self) -> Perceptual:
        """The perceptual term."""
        fields = self.config.model
        return Perceptual(
            fields.perceptual_network,
            tuple(fields.perceptual_taps),
            tuple(fields.perceptual_tap_weights),
            fields.perceptual_divisor,
        )

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng, f_rng = jax.random.split(rng, 3)
        data = self.data
        large = jnp.zeros((1, data.height, data.width, data.channels))
        small = large[:, :: self.scale, :: self.scale]
        variables = {
            "g": dict(self.generator.init(g_rng, small, train=False)),
            "d": dict(self.discriminator.init(d_rng, large, train=False)),
        }
        if self.config.model.perceptual > 0:
            variables["f"] = self.perceptual.init(f_rng)
        return variables

    @property
    def published_weights(self) -> tuple[str, ...]:
        """The perceptual network's."""
        fields = self.config.model
        wanted = fields.perceptual > 0 and fields.pretrained
        return (PUBLISHED[fields.perceptual_network],) if wanted else ()

    def pretrained(self, variables: Variables) -> Variables:
        if not self.published_weights:
            return variables
        return {**variables, "f": self.perceptual.published()}

    def stage(self, images_seen: int) -> Stage:
        fields, stage = self.config.model, super().stage(images_seen)
        rates = dict(stage.learning_rates)
        beyond = images_seen - fields.pixel_kimg * 1000
        if beyond < 0:
            phases = _BY_PIXELS
            if fields.cosine_kimg:
                rates["g"] *= cosine(images_seen / (fields.cosine_kimg * 1000))
        else:
            phases = _ADVERSARIAL
            halvings = sum(beyond >= kimg * 1000 for kimg in fields.halve_kimg)
            rates = {"g": fields.gan_learning_rate, "d": rates["d"]}
            rates = {net: rate * 0.5**halvings for net, rate in rates.items()}
        return dataclasses.replace(stage, learning_rates=rates, phases=phases, moments=phases)

    def upscale(self, variables: Variables, images: jax.Array) -> jax.Array:
        large = self.generator.apply(variables["g"], to_unit(images), train=False)
        return jnp.clip(2 * large - 1, -1, 1)

    def degrade(self, images: jax.Array, rng: jax.Array) -> jax.Array:
        if self.config.model.degradation == "second_order":
            small = 2 * degradation.second_order(to_unit(images), rng, self.scale) - 1
        else:
            small = matlab_resize.shrink(images, self.scale)
        return matlab_resize.to_steps_of_bytes(small)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("pixel", ("g",), self._pixel_phase),
            Phase("g", ("g",), self._g_phase),
            Phase("d", ("d",), self._d_phase),
        )

    def _fakes(
        self, g: Mapping[str, Any], batch: Mapping[str, jax.Array], rng: jax.Array
    ) -> tuple[jax.Array, jax.Array, dict[str, Any]]:
        """(large images, enlarged ones, changed collections); images (B, H, W, C) in [0, 1]."""
        turn_rng, degrade_rng = jax.random.split(rng)
        real = batch["image"]
        if self.config.model.rotate:
            (real,) = turned((real,), turn_rng)
        small = jax.lax.stop_gradient(self.degrade(real, degrade_rng))
        fake, changed = self.generator.apply(g, to_unit(small), train=True, mutable=MUTABLE)
        return to_unit(real), fake, {"g": changed} if changed else {}

    def _pixel_phase(self, trainable, frozen, batch, rng, context):
        del context
        real, fake, changed = self._fakes(bind(trainable, frozen, "g"), batch, rng)
        error = losses.absolute_error(fake, real).mean()
        return error, Aux({"l1": error}, collections=changed)

    def _g_phase(self, trainable, frozen, batch, rng, context):
        """Hands on what it enlarged, for the discriminator."""
        del context
        fields = self.config.model
        real, fake, changed = self._fakes(bind(trainable, frozen, "g"), batch, rng)
        d = bind(trainable, frozen, "d")
        # No gradient is asked for the judgement of reals, and its changes are not kept.
        of_fake, of_real = self._judge(d, fake)[0], self._judge(d, real)[0]
        if fields.relativistic:
            adversarial = losses.relativistic_generator(fields.loss, of_fake, of_real)
        else:
            adversarial = losses.toward_real(fields.loss, of_fake)
        terms = {
            "l1": fields.pixel * losses.absolute_error(fake, real).mean(),
            "adversarial": fields.adversarial * adversarial.mean(),
        }
        if fields.perceptual > 0:
            distance = self.perceptual.distance(frozen["f"], fake, real).mean()
            terms["perceptual"] = fields.perceptual * distance
        handoff = {"real": real, "fake": jax.lax.stop_gradient(fake)}
        return sum(terms.values()), Aux(terms, collections=changed, handoff=handoff)

    def _d_phase(self, trainable, frozen, batch, rng, context):
        del batch, rng
        fields, d = self.config.model, bind(trainable, frozen, "d")
        of_real, changed = self._judge(d, context.handoff["real"])
        of_fake, changed = self._judge({**d, **changed}, context.handoff["fake"])
        if fields.relativistic:
            loss = losses.relativistic_discriminator(fields.loss, of_real, of_fake)
        else:
            loss = losses.toward_real(fields.loss, of_real)
            loss += losses.toward_fake(fields.loss, of_fake)
        metrics = {"score_real": of_real.mean(), "score_fake": of_fake.mean()}
        return loss.mean(), Aux(metrics, collections={"d": changed} if changed else {})

    def _judge(self, d: Mapping[str, Any], images: jax.Array) -> tuple[jax.Array, dict[str, Any]]:
        """(logits (N, …), changed collections) as in training."""
        return self.discriminator.apply(d, images, train=True, mutable=MUTABLE)


def to_unit(images: jax.Array) -> jax.Array:
    """[-1, 1] -> [0, 1], which the originals' networks see."""
    return (images + 1) / 2


def cosine(periods: float) -> float:
    """The factor of a learning rate after so many periods: from 1 down to 0.0005 in each."""
    return _FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * (periods % 1))) / 2

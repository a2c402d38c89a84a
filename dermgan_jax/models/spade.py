"""SPADE (Park et al., CVPR 2019, arXiv:1903.07291): images from masks.

Follows NVlabs/SPADE (models/pix2pix_model.py, trainers/pix2pix_trainer.py): the generator is
updated first, then the discriminators, of fresh fakes; hinge loss, feature matching, a perceptual
loss; with a VAE the style of the real image is the latent. The class of an image may be a channel
beside its mask. Unlike the original the average of the generator's weights may be used
(`ema.decay`, 0 as published), and images are painted with running statistics.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from dermgan_jax.models import feature_matching
from dermgan_jax.models.contract import Aux, Phase, Stage, Variables, bind, unlabelled_faults
from dermgan_jax.models.painter import Painter
from dermgan_jax.models.patchgan_translator import constant_then_linear
from dermgan_jax.models.perceptual import PUBLISHED, Perceptual
from dermgan_jax.nets.multiscale_discriminator import MultiscaleDiscriminator
from dermgan_jax.nets.semantic_map import semantic_map
from dermgan_jax.nets.spade_encoder import LAST_SIDE, SpadeEncoder, divergence
from dermgan_jax.nets.spade_generator import DOUBLINGS, SpadeGenerator
from dermgan_jax.nets.spade_layers import GAIN
from dermgan_jax.nets.xavier import with_xavier_kernels

MUTABLE = ["batch_stats", "spectral"]
TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
TAP_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
SMALLEST = 16  # pixels that the discriminator of the largest scale has to see


@dataclasses.dataclass(frozen=True)
class Spade(Painter):
    """Generator "g", discriminators "d", with a VAE an encoder "e"; "vgg" compares features."""

    bounds: ClassVar[Mapping[str, str]] = {
        "width": "[1, 65536]",
        "hidden": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
        "discriminator_layers": "[1, 16]",
        "scales": "[1, 8]",
        "feature_matching": "[0, 1e6]",
        "perceptual": "[0, 1e6]",
        "latent_size": "[1, 65536]",
        "encoder_width": "[1, 65536]",
        "encoder_side": "[4, 4096]",
        "divergence": "[0, 1e6]",
        "gain": "(0, 1e3]",
        "constant_epochs": "[0, 1e9]",
        "decay_epochs": "[0, 1e9]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """That of the published code."""
        generator = {"learning_rate": 1e-4, "b1": 0.0, "b2": 0.9, "eps": 1e-8}
        fields = {
            "width": 64,  # channels of the generator's last block (ngf)
            "hidden": 128,  # channels between a mask and its scales and shifts
            "upsampling": "normal",  # the size is doubled 5 times | more: 6 | most: 7
            "discriminator_width": 64,
            "discriminator_layers": 4,
            "scales": 2,  # discriminators, each of half the size
            "conditional": False,  # the image's class is a channel beside its mask
            "feature_matching": 10.0,
            "perceptual": 10.0,  # 0: without, and nothing to download
            "perceptual_network": "vgg19",  # vgg19 | vgg16, that of LPIPS
            "vae": False,  # styles are latents
            "latent_size": 256,
            "encoder_width": 64,
            "encoder_side": 256,  # to which the encoder resizes images, pixels
            "divergence": 0.05,  # weight of the sum over batch and latents
            # Of Xavier's initial kernels. At 0.02 masks count for little in the beginning.
            "gain": GAIN,
            "constant_epochs": 50,
            "decay_epochs": 0,
        }
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {
                    "g": generator,
                    "e": dict(generator),
                    "d": {**generator, "learning_rate": 4e-4},
                },
                "data": {"masks": True},
                "ema": {"decay": 0.0},
                "train": {"batch_size": 32, "total_epochs": 50.0},
            }
        )

    @property
    def _dtype(self) -> Any:
        return jnp.dtype(self.config.precision)

    @property
    def generator(self) -> SpadeGenerator:
        """The network "g"."""
        fields = self.config.model
        return SpadeGenerator(
            *(self.data.channels, fields.width, fields.hidden, fields.upsampling),
            *(fields.vae, self._dtype),
        )

    @property
    def discriminator(self) -> MultiscaleDiscriminator:
        """The networks "d"."""
        fields = self.config.model
        return MultiscaleDiscriminator(
            fields.scales, fields.discriminator_width, fields.discriminator_layers, self._dtype
        )

    @property
    def encoder(self) -> SpadeEncoder:
        """The network "e"."""
        fields = self.config.model
        return SpadeEncoder(
            fields.encoder_width, fields.latent_size, fields.encoder_side, self._dtype
        )

    @property
    def perceptual(self) -> Perceptual:
        """The network of the perceptual loss."""
        network = self.config.model.perceptual_network
        return Perceptual(network, TAPS, TAP_WEIGHTS, imagenet=False)

    @property
    def multiple(self) -> int:
        return self.generator.multiple

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    def faults(self) -> list[str]:
        fields, found = self.config.model, []
        if not self.config.data.masks:
            found.append("data.masks is False: images are painted from masks")
        if fields.upsampling not in DOUBLINGS:
            found.append(
                f"model.upsampling is {fields.upsampling!r}; expected one of {', '.join(DOUBLINGS)}"
            )
        elif self.data.height % self.multiple or self.data.width % self.multiple:
            found.append(
                f"images of {self.data.height}x{self.data.width} do not suit model.upsampling="
                f"{fields.upsampling!r}: sides have to be multiples of {self.multiple}"
            )
        if fields.conditional and not self.data.num_classes:
            found.append(
                "model.conditional is set but the data have no classes: set it to False or use "
                "labelled data"
            )
        elif fields.conditional:
            found += unlabelled_faults(self.data)
        if self.data.height >> (fields.scales - 1) < SMALLEST:
            found.append(
                f"model.scales is {fields.scales}: images of {self.data.height} pixels allow 1 to "
                f"{max((self.data.height // SMALLEST).bit_length(), 1)}"
            )
        side = fields.encoder_side
        if fields.vae and (side < 2 * LAST_SIDE or side & (side - 1)):
            found.append(f"model.encoder_side is {side}: expected 8, 16, 32 …")
        if fields.perceptual and fields.perceptual_network not in PUBLISHED:
            found.append(
                f"model.perceptual_network is {fields.perceptual_network!r}; expected one of "
                f"{', '.join(PUBLISHED)}"
            )
        return found

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng, e_rng, vgg_rng = jax.random.split(rng, 4)
        fields, size = self.config.model, (self.data.height, self.data.width)
        image = jnp.zeros((1, *size, self.data.channels))
        maps = self._maps(jnp.zeros((1, *size), jnp.int32), jnp.zeros(1, jnp.int32))
        latents = (jnp.zeros((1, fields.latent_size)),) if fields.vae else ()
        seen = jnp.concatenate([maps, image], -1)
        nets = {
            "g": self._initial(self.generator, g_rng, maps, *latents),
            "d": self._initial(self.discriminator, d_rng, seen),
            # Without a VAE an encoder of nothing, so that its optimiser has something to hold.
            "e": {"params": {}},
        }
        if fields.vae:
            nets["e"] = self._initial(self.encoder, e_rng, image)
        if fields.perceptual:
            nets["vgg"] = self.perceptual.init(vgg_rng)
        return nets

    def _initial(self, net: nn.Module, rng: jax.Array, *inputs: jax.Array) -> dict[str, Any]:
        """A network's first variables."""
        variables = net.init(rng, *inputs, train=False)
        return with_xavier_kernels(rng, variables, self.config.model.gain)

    @property
    def published_weights(self) -> tuple[str, ...]:
        fields = self.config.model
        return (PUBLISHED[fields.perceptual_network],) if fields.perceptual else ()

    def pretrained(self, variables: Variables) -> Variables:
        if not self.config.model.perceptual:
            return variables
        return {**variables, "vgg": self.perceptual.published()}

    def stage(self, images_seen: int) -> Stage:
        fields, stage = self.config.model, super().stage(images_seen)
        if not fields.decay_epochs:
            return stage
        epoch = images_seen // self.data.num_examples + 1
        factor = constant_then_linear(epoch, fields.decay_epochs, fields.constant_epochs + 1)
        rates = {net: rate * factor for net, rate in stage.learning_rates.items()}
        return dataclasses.replace(stage, learning_rates=rates)

    def phases(self) -> tuple[Phase, ...]:
        trained = ("g", "e") if self.config.model.vae else ("g",)
        return (Phase("g", trained, self._g_loss), Phase("d", ("d",), self._d_loss))

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        size = self.config.model.latent_size if self.config.model.vae else 0
        return jax.random.normal(rng, (num, size))

    def paint(
        self, variables: Variables, masks: jax.Array, labels: jax.Array, latents: jax.Array
    ) -> jax.Array:
        maps = self._maps(masks, labels)
        given = (latents,) if self.config.model.vae else ()
        return self.generator.apply(variables["g"], maps, *given, train=False)

    def _maps(self, masks: jax.Array, labels: jax.Array) -> jax.Array:
        """What the networks see of masks int (N, H, W) and labels int32 (N,)."""
        num_labels = self.data.num_classes if self.conditional else 0
        return semantic_map(masks, self.data.mask_classes, labels, num_labels)

    def _fakes(self, trainable, frozen, batch, rng):
        """(fakes, maps, divergence, changed collections by net) as in training."""
        maps, given = self._maps(batch["mask"], batch["label"]), ()
        changed, kl = {}, jnp.zeros(())
        if self.config.model.vae:
            (mean, log_variance), changed["e"] = self.encoder.apply(
                bind(trainable, frozen, "e"), batch["image"], train=True, mutable=MUTABLE
            )
            noise = jax.random.normal(rng, mean.shape)
            given = (mean + noise * jnp.exp(0.5 * log_variance),)
            kl = divergence(mean, log_variance)
        fake, changed["g"] = self.generator.apply(
            bind(trainable, frozen, "g"), maps, *given, train=True, mutable=MUTABLE
        )
        return fake, maps, kl, changed

    def _seen(self, variables, maps, fake, real):
        """(what the discriminators see of fakes, of reals, changed collections)."""
        images = jnp.concatenate([fake, real])
        pairs = jnp.concatenate([jnp.concatenate([maps, maps]), images], -1)
        seen, changed = self.discriminator.apply(variables, pairs, train=True, mutable=MUTABLE)
        return *feature_matching.halves(seen), changed

    def _g_loss(self, trainable, frozen, batch, rng, context):
        del context
        fields = self.config.model
        fake, maps, kl, changed = self._fakes(trainable, frozen, batch, rng)
        of_fake, of_real, changed["d"] = self._seen(
            bind(trainable, frozen, "d"), maps, fake, batch["image"]
        )
        terms = {
            "adversarial": -feature_matching.mean_over_scales(lambda logits: logits, of_fake),
            "matching": fields.feature_matching * feature_matching.distance(of_fake, of_real),
        }
        if fields.perceptual:
            distance = self.perceptual.distance(frozen["vgg"], fake, batch["image"]).mean()
            terms["perceptual"] = fields.perceptual * distance
        if fields.vae:
            terms["divergence"] = fields.divergence * kl
        return sum(terms.values()), Aux(terms, collections=changed)

    def _d_loss(self, trainable, frozen, batch, rng, context):
        del context
        fake, maps, _, changed = self._fakes(trainable, frozen, batch, rng)
        of_fake, of_real, changed["d"] = self._seen(
            bind(trainable, frozen, "d"), maps, fake, batch["image"]
        )
        mean = feature_matching.mean_over_scales
        loss = mean(lambda logits: jax.nn.relu(1 + logits), of_fake)
        loss += mean(lambda logits: jax.nn.relu(1 - logits), of_real)
        metrics = {
            "score_real": mean(lambda logits: logits, of_real),
            "score_fake": mean(lambda logits: logits, of_fake),
        }
        return loss, Aux(metrics, collections=changed)

"""DCGAN (Radford et al., ICLR 2016, arXiv:1511.06434), also as WGAN-GP and conditional.

Follows pytorch/examples (dcgan/main.py): normal latents; the discriminator is updated first, then
the generator, whose fakes, of the same latents, are judged anew. Sampling uses the running batch
statistics, so that an image depends on its latent alone.
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.models import adversarial_losses
from dermgan_jax.models.contract import Aux, Phase, Sampler, Stage, Variables, bind
from dermgan_jax.nets.dcgan_networks import DcganDiscriminator, DcganGenerator, widths

DISCRIMINATOR_NORMS = ("batch", "layer", "none")


class DeepConvolutionalGan(Sampler):
    """One generator and one discriminator, of squares with a power of two as side."""

    bounds: ClassVar[Mapping[str, str]] = {
        **adversarial_losses.BOUNDS,
        "latent_size": "[1, 65536]",
        "width": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
        "max_width": "[1, 65536]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """That of pytorch/examples; its weights are not averaged.

        With averaged weights the running statistics would be those of other weights.
        """
        fields = {
            **adversarial_losses.default_fields(),
            "latent_size": 100,
            "width": 64,  # channels of the generator at half the image's side; they double inwards
            "discriminator_width": 64,
            "max_width": 1024,  # binds from 256 px on
            "discriminator_norm": "batch",  # batch | layer | none
        }
        adam = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 64},
                "ema": {"decay": 0.0},
            }
        )

    def faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        found = adversarial_losses.faults(fields) + self.label_faults()
        if self.config.ema.decay or self.config.ema.half_life_kimg:
            found.append(
                "ema asks for averaged weights, but dcgan's generator normalises by running "
                "statistics, which would be those of other weights: set ema.decay=0 and "
                "ema.half_life_kimg=0"
            )
        if data.height != data.width or data.height.bit_count() != 1 or data.height < 8:
            found.append(
                f"dcgan needs square images with a power of two from 8 on as side, not "
                f"{data.height}x{data.width}: set data.resolution to 32, 64, 128, …"
            )
        if fields.discriminator_norm not in DISCRIMINATOR_NORMS:
            found.append(
                f"model.discriminator_norm is {fields.discriminator_norm!r}; expected one of "
                f"{', '.join(DISCRIMINATOR_NORMS)}"
            )
        elif fields.loss == "wgangp" and fields.discriminator_norm == "batch":
            found.append(
                "model.discriminator_norm is 'batch', with which the gradient penalty of "
                "model.loss='wgangp' is not one per image: set it to 'layer' or 'none'"
            )
        return found

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    @property
    def generator(self) -> DcganGenerator:
        fields, data = self.config.model, self.data
        channels = widths(data.height, fields.width, fields.max_width)
        return DcganGenerator(channels, data.channels, jnp.dtype(self.config.precision))

    @property
    def discriminator(self) -> DcganDiscriminator:
        fields = self.config.model
        channels = widths(self.data.height, fields.discriminator_width, fields.max_width)
        return DcganDiscriminator(
            channels, fields.discriminator_norm, jnp.dtype(self.config.precision)
        )

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng = jax.random.split(rng)
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        latents = jnp.zeros((1, self.config.model.latent_size))
        labels = self.one_hot(jnp.zeros(1, jnp.int32))
        return {
            "g": dict(self.generator.init(g_rng, latents, labels, train=False)),
            "d": dict(self.discriminator.init(d_rng, images, labels, train=False)),
        }

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        return jax.random.normal(rng, (num, self.config.model.latent_size))

    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        del stage
        return self.generator.apply(variables["g"], latents, self.one_hot(labels), train=False)

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """Logits (N,); of a conditional model their mean over the classes of the data."""
        del stage
        classes = adversarial_losses.class_frequencies(self.config.model, self.data, len(images))
        return self.discriminator.apply(variables["d"], images, classes, train=False)

    def phases(self) -> tuple[Phase, ...]:
        updates = self.config.model.critic_updates
        return (
            Phase("d", ("d",), self._d_phase, repeat=updates),
            Phase("g", ("g",), self._g_phase),
        )

    def _fakes(self, variables, latents, labels):
        """(images, changed collections) as in training."""
        return self.generator.apply(
            variables, latents, self.one_hot(labels), train=True, mutable=["batch_stats"]
        )

    def _score_as(self, labels):
        """The discriminator of images with these labels, as in training."""

        def score(variables, images, rng):
            del rng
            return self.discriminator.apply(
                variables, images, self.one_hot(labels), train=True, mutable=["batch_stats"]
            )

        return score

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hands on the latents of its fakes: after several updates, of the last one's."""
        del context
        latents_rng, loss_rng = jax.random.split(rng)
        latents = self.latents(latents_rng, len(batch["image"]))
        fakes, _ = self._fakes(bind(trainable, frozen, "g"), latents, batch["label"])
        loss, metrics, changed = adversarial_losses.discriminator_loss(
            self.config.model,
            self._score_as(batch["label"]),
            bind(trainable, frozen, "d"),
            batch["image"],
            fakes,
            loss_rng,
        )
        return loss, Aux(metrics, collections={"d": changed}, handoff={"latents": latents})

    def _g_phase(self, trainable, frozen, batch, rng, context):
        fakes, changed = self._fakes(
            bind(trainable, frozen, "g"), context.handoff["latents"], batch["label"]
        )
        loss, metrics = adversarial_losses.generator_loss(
            self.config.model,
            self._score_as(batch["label"]),
            bind(trainable, frozen, "d"),
            fakes,
            rng,
        )
        return loss, Aux(metrics, collections={"g": changed})

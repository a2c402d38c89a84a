"""pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004): translation learnt from pairs.

Follows pytorch-CycleGAN-and-pix2pix: the discriminator sees input and output together and is
updated first; dropout is the generator's only noise. Translating, dropout is off and batch
normalisation uses its running statistics (the original's `--eval`), so that a result depends on its
input alone.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.data.pixel_range import with_channels
from dermgan_jax.models.contract import Aux, Phase, Variables, bind
from dermgan_jax.models.patchgan_translator import (
    ADAM,
    BOUNDS,
    PatchGanTranslator,
    default_fields,
    mean_metrics,
)


@dataclasses.dataclass(frozen=True)
class Pix2Pix(PatchGanTranslator):
    """One generator, A to B, and a discriminator of pairs."""

    bounds: ClassVar[Mapping[str, str]] = {
        **BOUNDS,
        "l1": "[0, 1e6]",
        "output_channels": "0 or 1 or 3",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        fields = {
            **default_fields(),
            "generator": "unet",
            "norm": "batch",
            "dropout": True,
            "loss": "vanilla",
            "l1": 100.0,  # weight of |G(a) − b|
            "output_channels": 0,  # 1 or 3; 0: those of the data
        }
        adam = ADAM
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": dict(adam), "d": dict(adam)},
                "train": {"batch_size": 1, "total_epochs": 200.0},
            }
        )

    def faults(self) -> list[str]:
        found = super().faults()
        if not self.config.data.paired:
            found.append("data.paired is False: pix2pix learns from pairs")
        return found

    @property
    def output_channels(self) -> int:
        """Of what the generator makes."""
        return self.config.model.output_channels or self.data.channels

    @property
    def generator(self) -> nn.Module:
        return super().generator.clone(out_channels=self.output_channels)

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng = jax.random.split(rng)
        image = jnp.zeros((1, *self.image_shape))
        pair = jnp.concatenate([image, with_channels(image, self.output_channels)], -1)
        return {
            "g": dict(self.generator.init(g_rng, image, train=False)),
            "d": dict(self.discriminator.init(d_rng, pair, train=False)),
        }

    def translate(self, variables: Variables, images: jax.Array, direction: str) -> jax.Array:
        del direction
        return self.generator.apply(variables["g"], images, train=False)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("d", ("d",), self._d_phase), Phase("g", ("g",), self._g_phase))

    def _fake(self, variables, images, dropout_rng):
        """(fakes, changed collections)."""
        return self.generator.apply(
            variables, images, train=True, rngs={"dropout": dropout_rng}, mutable=["batch_stats"]
        )

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hands on the key of its fakes, which the generator's phase judges anew."""
        del context
        dropout_rng, loss_rng = jax.random.split(rng)
        fake, _ = self._fake(bind(trainable, frozen, "g"), batch["a"], dropout_rng)
        real = with_channels(batch["b"], self.output_channels)
        loss, metrics = self.discriminator_loss(
            bind(trainable, frozen, "d"),
            jnp.concatenate([batch["a"], real], -1),
            jnp.concatenate([batch["a"], fake], -1),
            loss_rng,
        )
        return loss, Aux(metrics, handoff={"dropout_rng": dropout_rng})

    def _g_phase(self, trainable, frozen, batch, rng, context):
        del rng
        fields = self.config.model
        dropout_rng = context.handoff["dropout_rng"]
        fake, changed = self._fake(bind(trainable, frozen, "g"), batch["a"], dropout_rng)
        scores = self.discriminator.apply(
            bind(trainable, frozen, "d"), jnp.concatenate([batch["a"], fake], -1), train=True
        )
        real = with_channels(batch["b"], self.output_channels)
        terms = {
            "adversarial": losses.toward_real(fields.loss, scores),
            "l1": fields.l1 * losses.absolute_error(fake, real),
        }
        return sum(terms.values()).mean(), Aux(
            mean_metrics(terms), collections={"g": changed} if changed else {}
        )

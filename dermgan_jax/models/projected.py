"""Projected GAN (Sauer et al., NeurIPS 2021, arXiv:2111.01007), also conditional.

The discriminators look at frozen pretrained features of the images, so that training takes a
fraction of the images that others need. Follows projected-gan (training/loss.py and
training_loop.py): the hinge loss without penalties; the generator is updated first, each net on
fakes of its own; Adam's settings of the discriminator are those of a penalty every 16th iteration,
which is not there.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.models import adversarial_losses, augmentation
from dermgan_jax.models.contract import Aux, Phase, Stage, Variables, bind
from dermgan_jax.models.fastgan_sampling import SCHEDULE_BOUNDS, FastGanSampler, default_schedule
from dermgan_jax.models.feature_pyramid import FeaturePyramid
from dermgan_jax.nets.fastgan_generator import FastGanGenerator
from dermgan_jax.nets.projected_discriminator import (
    FeatureDiscriminator,
    MultiScaleDiscriminator,
    widths_at,
)

GENERATORS = ("fastgan_lite", "fastgan")
MIXINGS = ("scales", "channels", "none")

_LAZY_RATIO = 16 / 17  # of D's learning rate and decay rates (training_loop.py, reg_interval)


class ProjectedGan(FastGanSampler):
    """A FastGAN generator, discriminators "d" on features "f", which are never trained."""

    bounds: ClassVar[Mapping[str, str]] = {
        **SCHEDULE_BOUNDS,
        **augmentation.BOUNDS,
        "latent_size": "[1, 65536]",
        "width": "[1, 65536]",
        "feature_side": "[32, 4096]",
        "projection_width": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """That of the published code's `fastgan_lite`, for one device."""
        adam = {"learning_rate": 2e-4, "b1": 0.0, "b2": 0.99, "eps": 1e-8}
        fields = {
            "latent_size": 256,
            "generator": "fastgan_lite",  # fastgan_lite | fastgan, which adds noise
            "width": 128,  # channels of the generator at 128 px (ngf)
            "conditional": False,
            # "running": normalise samples by running statistics; "reference": by those of a fixed
            # batch of latents, which are the averaged generator's own.
            "statistics": "running",
            "features": "efficientnet_lite0",  # the network that the discriminators look through
            "pretrained": True,  # False: random features, for tests
            "feature_side": 224,  # shorter images are enlarged to it; multiples of 32, 64 or more
            "mixing": "scales",  # scales: CCM and CSM | channels: CCM | none
            "projection_width": 64,  # channels of the shallowest projected map (cout)
            "projection_expand": True,  # deeper maps have more
            "discriminator_width": 64,  # channels at 64 px; more below, 8 times as many at most
            "separable": False,  # discriminators of depthwise convolutions
            # Both nets learn from fakes of their own; False: D learns from those that G was
            # updated on, a quarter less to compute.
            "fresh_fakes": True,
            **default_schedule(),
            **augmentation.default_fields(),
        }
        fields |= {"augment": "diffaugment", "diffaugment_cutout": 0.2}
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 64},
                "ema": {"half_life_kimg": 20.0, "ramp_up": 0.05},
            }
        )

    def faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        found = super().faults() + self.label_faults()
        if fields.generator not in GENERATORS:
            known = ", ".join(GENERATORS)
            found.append(f"model.generator is {fields.generator!r}; expected one of {known}")
        if fields.mixing not in MIXINGS:
            known = ", ".join(MIXINGS)
            found.append(f"model.mixing is {fields.mixing!r}; expected one of {known}")
        if not found:
            found += self.pyramid.faults(data.height)
        return found

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    @property
    def generator(self) -> FastGanGenerator:
        fields = self.config.model
        return FastGanGenerator(
            side=self.data.height,
            channels=self.data.channels,
            width=fields.width,
            style="projected_lite" if fields.generator == "fastgan_lite" else "projected",
            num_classes=self.data.num_classes if self.conditional else 0,
            dtype=jnp.dtype(self.config.precision),
        )

    @property
    def pyramid(self) -> FeaturePyramid:
        fields = self.config.model
        return FeaturePyramid(
            fields.features,
            fields.feature_side,
            fields.mixing,
            fields.projection_width,
            fields.projection_expand,
            self.config.precision,
        )

    @property
    def discriminator(self) -> MultiScaleDiscriminator:
        fields = self.config.model
        sides = [height for height, _, _ in self.pyramid.map_shapes(self.data.height)]
        width = fields.discriminator_width
        each = FeatureDiscriminator(
            (),
            separable=fields.separable,
            num_classes=self.data.num_classes if self.conditional else 0,
            dtype=jnp.dtype(self.config.precision),
        )
        return MultiScaleDiscriminator(
            tuple(widths_at(level, side, width) for level, side in enumerate(sides)), each
        )

    def adam(self, net: str) -> Mapping[str, float]:
        fields = self.config.optimizers[net]
        ratio = _LAZY_RATIO if net == "d" else 1.0
        return {"b1": fields.b1**ratio, "b2": fields.b2**ratio, "eps": fields.eps}

    def stage(self, images_seen: int) -> Stage:
        stage = super().stage(images_seen)
        rates = dict(stage.learning_rates)
        return dataclasses.replace(stage, learning_rates=rates | {"d": rates["d"] * _LAZY_RATIO})

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng, f_rng = jax.random.split(rng, 3)
        latents = jnp.zeros((1, self.config.model.latent_size))
        labels = self.one_hot(jnp.zeros(1, jnp.int32))
        maps = [jnp.zeros((1, *shape)) for shape in self.pyramid.map_shapes(self.data.height)]
        return {
            "g": dict(self.generator.init(g_rng, latents, labels, train=False)),
            "d": dict(self.discriminator.init(d_rng, maps, labels, train=False)),
            "f": self.pyramid.init(f_rng),
        }

    @property
    def published_weights(self) -> tuple[str, ...]:
        """The feature network's."""
        fields = self.config.model
        return (fields.features,) if fields.pretrained else ()

    def pretrained(self, variables: Variables) -> Variables:
        if not self.config.model.pretrained:
            return variables
        return {**variables, "f": self.pyramid.with_published(variables["f"])}

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """Mean logits; of conditional models their mean over the classes of the data."""
        del stage
        classes = adversarial_losses.class_frequencies(self.config.model, self.data, len(images))
        maps = self.pyramid.apply(variables["f"], images)
        return self.discriminator.apply(variables["d"], maps, classes, train=False).mean(-1)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("g", ("g",), self._g_phase), Phase("d", ("d",), self._d_phase))

    def _maps(self, f, images, rng, extra):
        """Of augmented images."""
        return self.pyramid.apply(f, augmentation.augment(self.config.model, images, rng, extra))

    def _judge(self, d, maps, labels):
        """(logits (N, P), changed collections) as in training."""
        return self.discriminator.apply(
            d, maps, self.one_hot(labels), train=True, mutable=["batch_stats", "spectral"]
        )

    def _g_phase(self, trainable, frozen, batch, rng, context):
        """Raises the logits of fakes, whose maps it hands on."""
        label_rng, fake_rng, augment_rng = jax.random.split(rng, 3)
        labels = self.random_labels(label_rng, len(batch["image"]))
        (fakes, _), g_changed = self.draw(bind(trainable, frozen, "g"), fake_rng, labels)
        maps = self._maps(frozen["f"], fakes, augment_rng, context.extra)
        logits, d_changed = self._judge(frozen["d"], maps, labels)
        handoff = {}
        if not self.config.model.fresh_fakes:
            handoff = {"maps": jax.lax.stop_gradient(maps), "labels": labels}
        return generator_loss(logits), Aux(
            {"score_fake": logits.mean()},
            collections={"g": g_changed, "d": d_changed},
            handoff=handoff,
        )

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hinge loss of fakes, then of reals, each normalised by themselves."""
        label_rng, fake_rng, fake_augment_rng, real_rng = jax.random.split(rng, 4)
        collections = {}
        if self.config.model.fresh_fakes:
            labels = self.random_labels(label_rng, len(batch["image"]))
            (fakes, _), collections["g"] = self.draw(frozen["g"], fake_rng, labels)
            maps = self._maps(frozen["f"], fakes, fake_augment_rng, context.extra)
        else:
            maps, labels = context.handoff["maps"], context.handoff["labels"]
        d = bind(trainable, frozen, "d")
        fake_logits, changed = self._judge(d, maps, labels)
        maps = self._maps(frozen["f"], batch["image"], real_rng, context.extra)
        real_logits, changed = self._judge({**d, **changed}, maps, batch["label"])
        collections["d"] = changed
        extra = augmentation.adjusted(self.config.model, context.extra, real_logits.mean(-1))
        metrics = {
            "score_real": real_logits.mean(),
            "score_fake": fake_logits.mean(),
            "sign_real": jnp.sign(real_logits).mean(),
        }
        if "ada" in extra:
            metrics["augment_p"] = extra["ada"].p
        loss = discriminator_loss(real_logits, fake_logits)
        return loss, Aux(metrics, collections=collections, extra=extra)


def generator_loss(fake_logits: jax.Array) -> jax.Array:
    """Minus the mean of logits (N, P)."""
    return -fake_logits.mean()


def discriminator_loss(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Hinge loss of logits (N, P): both should be a margin of 1 away from 0."""
    return jax.nn.relu(1 - real_logits).mean() + jax.nn.relu(1 + fake_logits).mean()

"""f-AnoGAN (Schlegl et al., Medical Image Analysis 2019): what a GAN of normal images cannot draw.

First a WGAN-GP learns normal images (Gulrajani et al., 2017); then, with both its networks frozen
and in inference mode, an encoder learns to find the latent of an image (izi_f, equation 3). Of an
image that is not normal the generator has none: what is left between it and its reconstruction, in
pixels and in the discriminator's features, is the score.

Follows tSchlegl/f-AnoGAN. Its encoder is trained by RMSProp; here by Adam without momentum, which
is RMSProp with its bias corrected.

Any sampler that learned from normal images may take the place of the GAN (`model.sampler`): then
the encoder alone is trained, and as samplers give no features, on pixels alone.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.models import borrowed_sampler, izi_f
from dermgan_jax.models.contract import Aux, Phase, Sampler, Stage, Variables, bind
from dermgan_jax.models.detector import Detector
from dermgan_jax.nets import fanogan_networks as networks

NETWORKS = ("resnet", "conv")
GAN, ENCODER = ("d", "g"), ("e",)  # phases of the two stages, named as what they train


class FAnoGan(Detector):
    """Generator "g", discriminator "d", encoder "e"."""

    bounds: ClassVar[Mapping[str, str]] = {
        "latent_size": "[1, 65536]",
        "width": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
        "gan_kimg": "[0, 1e9]",
        "gradient_penalty": "[0, 1e6]",
        "critic_updates": "[1, 1000]",
        "kappa": "[0, 1e6]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """That of the published code."""
        fields = {
            "networks": "resnet",  # resnet, the official ones | conv, A03ki's
            "latent_size": 128,
            "width": 64,  # channels of the generator next to the image; conv: 128, of the widest
            "discriminator_width": 64,  # of discriminator and encoder next to the image; conv: 16
            "gan_kimg": 6400.0,  # the GAN is trained so long, the encoder from then on
            "gradient_penalty": 10.0,
            "critic_updates": 5,  # of the discriminator per update of the generator
            "kappa": 1.0,  # weight of the discriminator's features, in training and in the score
            # A trained sampler in place of the GAN, as `borrowed_sampler.as_text`; its networks
            # come from train.init_from.
            "sampler": "",
            "bounded_latents": True,  # the encoder's pass through tanh
        }
        adam = {"learning_rate": 1e-4, "b1": 0.0, "b2": 0.9, "eps": 1e-8}
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": adam, "d": dict(adam), "e": {**adam, "learning_rate": 5e-5}},
                "data": {"mirror": False},
                "train": {"batch_size": 64, "total_kimg": 9600.0},
                "checkpoint": {"best_metric": "reconstruction_error"},
                "eval": {"metrics": ("reconstruction_error", "spread", "auroc"), "grid": (4, 3)},
            }
        )

    def faults(self) -> list[str]:
        fields, data, found = self.config.model, self.data, []
        if fields.networks not in NETWORKS:
            known = ", ".join(NETWORKS)
            found.append(f"model.networks is {fields.networks!r}; expected one of {known}")
        if data.height != data.width or data.height.bit_count() != 1 or data.height < 8:
            found.append(
                f"fanogan needs square images with a power of two from 8 on as side, not "
                f"{data.height}x{data.width}: set data.resolution to 32, 64, 128, …"
            )
        elif fields.networks == "conv" and data.height < 1 << networks.CONV_LEVELS:
            found.append(
                f"model.networks='conv' halves the side {networks.CONV_LEVELS} times, which images "
                f"of {data.height} pixels do not have: set data.resolution to 16 or more"
            )
        return found + self._schedule_faults() + (self._sampler_faults() if fields.sampler else [])

    def _sampler_faults(self) -> list[str]:
        fields, sampler, found = self.config.model, self.sampler, []
        name, theirs, data = sampler.config.model.name, sampler.config.data, self.config.data
        if not self.config.train.init_from:
            found.append("model.sampler needs the networks of its run: set train.init_from to it")
        if fields.kappa:
            found.append(
                f"model.kappa is {fields.kappa:g}, but a {name} gives no features: set it to 0, so "
                "that pixels alone are compared"
            )
        if fields.gan_kimg:
            found.append(
                f"model.gan_kimg is {fields.gan_kimg:g}, but the {name} is trained already: set it "
                "to 0"
            )
        if sampler.conditional:
            found.append(f"the {name} draws images of a class: take one that is not conditional")
        sizes = [(spec.height, spec.width, spec.channels) for spec in (sampler.data, self.data)]
        if sizes[0] != sizes[1]:
            found.append(
                f"the {name} draws images of {sizes[0]} (height, width, channels), and the data "
                f"are of {sizes[1]}: bring both to one size"
            )
        learned = borrowed_sampler.learned_classes(sampler)
        if data.normal and not (learned and set(learned) <= set(data.normal)):
            found.append(
                f"the {name} learned from {', '.join(learned) or 'images of every class'}, and "
                f"normal is {', '.join(data.normal)}: take one of normal images only (data.normal "
                "or data.classes of its run)"
            )
        for key in ("split", "split_seed", "split_fractions", "split_by"):
            if theirs[key] != data[key]:
                found.append(
                    f"the {name} learned with data.{key}={theirs[key]}, this run has {data[key]}: "
                    "it may have seen images that are held out here; take the same"
                )
        return found

    @functools.cached_property
    def sampler(self) -> Sampler | None:
        """What draws instead of the GAN, if anything does."""
        text = self.config.model.sampler
        return borrowed_sampler.from_text(text) if text else None

    @property
    def starts_from(self) -> str:
        return self.sampler.config.model.name if self.sampler else super().starts_from

    @property
    def latent_size(self) -> int:
        """Numbers per latent."""
        if self.sampler is None:
            return self.config.model.latent_size
        return jax.eval_shape(lambda: self.sampler.latents(jax.random.key(0), 1)).shape[-1]

    def _schedule_faults(self) -> list[str]:
        gan, train = self.config.model.gan_kimg, self.config.train
        total = train.total_epochs * self.data.num_examples / 1000 or train.total_kimg
        if not 0 <= gan < total:
            return [
                f"model.gan_kimg is {gan:g} and training ends at {total:g} kimg: the encoder "
                "learns in what is between, without which nothing can be detected"
            ]
        return []

    @property
    def generator(self) -> nn.Module:
        fields, data, dtype = self.config.model, self.data, jnp.dtype(self.config.precision)
        if fields.networks == "conv":
            return networks.ConvGenerator(data.height, fields.width, data.channels, dtype)
        widths = networks.generator_widths(data.height, fields.width)
        return networks.ResidualGenerator(widths, data.channels, dtype)

    @property
    def discriminator(self) -> nn.Module:
        return self._reader("layer", 1)

    @property
    def encoder(self) -> nn.Module:
        return self._reader("batch", self.latent_size)

    def _reader(self, norm: str, outputs: int) -> nn.Module:
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        if fields.networks == "conv":
            width = fields.discriminator_width
            return networks.ConvDiscriminator(width, outputs, dtype=dtype)
        widths = networks.discriminator_widths(self.data.height, fields.discriminator_width)
        return networks.ResidualDiscriminator(widths, norm, outputs, dtype)

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng, e_rng = jax.random.split(rng, 3)
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        encoder = {"e": dict(self.encoder.init(e_rng, images, False))}
        if self.sampler is not None:
            return {**self.sampler.init(g_rng), **encoder}
        return {
            "g": dict(self.generator.init(g_rng, jnp.zeros((1, self.latent_size)), False)),
            "d": dict(self.discriminator.init(d_rng, images, False)),
            **encoder,
        }

    def stage(self, images_seen: int) -> Stage:
        stage = super().stage(images_seen)
        learns_images = images_seen < self.config.model.gan_kimg * 1000
        return dataclasses.replace(stage, phases=GAN if learns_images else ENCODER)

    def phases(self) -> tuple[Phase, ...]:
        updates, encode = self.config.model.critic_updates, Phase("e", ("e",), self._e_phase)
        if self.sampler is not None:
            return (encode,)
        return (
            Phase("d", ("d",), self._d_phase, repeat=updates),
            Phase("g", ("g",), self._g_phase),
            encode,
        )

    def _fakes(self, variables: Mapping[str, Any], rng: jax.Array, num: int):
        """(images, changed collections) of random latents, as in training."""
        latents = jax.random.normal(rng, (num, self.latent_size))
        return self.generator.apply(variables, latents, True, mutable=["batch_stats"])

    def _judge(self, variables: Mapping[str, Any], images: jax.Array, rng: jax.Array):
        """(scores (N,), changed collections) of the discriminator, as in training."""
        (scores, _), changed = self.discriminator.apply(
            variables, images, True, mutable=["batch_stats"], rngs={"dropout": rng}
        )
        return scores[:, 0], changed

    def _d_phase(self, trainable, frozen, batch, rng, context):
        del context
        fields, real = self.config.model, batch["image"]
        latents_rng, mix_rng, real_rng, fake_rng, penalty_rng = jax.random.split(rng, 5)
        variables = bind(trainable, frozen, "d")
        fake, _ = self._fakes(bind(trainable, frozen, "g"), latents_rng, len(real))
        of_real, changed = self._judge(variables, real, real_rng)
        of_fake, changed = self._judge({**variables, **changed}, fake, fake_rng)
        between = losses.interpolates(real, fake, jax.random.uniform(mix_rng, (len(real),)))
        norms = losses.gradient_norms(lambda x: self._judge(variables, x, penalty_rng)[0], between)
        penalty = fields.gradient_penalty * losses.gradient_penalty(norms)
        loss = losses.wasserstein_critic(of_real, of_fake) + penalty
        metrics = {
            "score_real": of_real,
            "score_fake": of_fake,
            "gradient_norm": norms,
            "gradient_penalty": penalty,
        }
        return loss.mean(), Aux(jax.tree.map(jnp.mean, metrics), collections={"d": changed})

    def _g_phase(self, trainable, frozen, batch, rng, context):
        del context
        latents_rng, judge_rng = jax.random.split(rng)
        fake, changed = self._fakes(bind(trainable, frozen, "g"), latents_rng, len(batch["image"]))
        scores, _ = self._judge(bind(trainable, frozen, "d"), fake, judge_rng)
        loss = losses.wasserstein_generator(scores).mean()
        return loss, Aux({"score_fake": scores.mean()}, collections={"g": changed})

    def _e_phase(self, trainable, frozen, batch, rng, context):
        """izi_f; its spreads fall to 0 where every image is given the same reconstruction."""
        del context
        images, variables = batch["image"], {**frozen, "e": bind(trainable, frozen, "e")}
        latents, changed = self._encode(variables["e"], images, rng)
        made = self._draw(variables, latents)
        of_pixels, of_features = self._residuals(variables, images, made)
        loss = izi_f.anomaly_score(of_pixels, of_features, self.config.model.kappa).mean()
        metrics = {
            "pixel_error": of_pixels.mean(),
            "feature_error": of_features.mean(),
            "latent_spread": latents.std(0).mean(),
            "reconstruction_spread": made.std(0).mean(),
        }
        return loss, Aux(metrics, collections={"e": changed})

    def _encode(self, variables: Mapping[str, Any], images: jax.Array, rng: jax.Array | None):
        """(latents (N, D), changed collections); `rng` None: as at test time."""
        train = rng is not None
        (latents, _), changed = self.encoder.apply(
            *(variables, images, train),
            mutable=["batch_stats"] if train else [],
            rngs={"dropout": rng} if train else {},
        )
        return (jnp.tanh(latents) if self.config.model.bounded_latents else latents), changed

    def _draw(self, variables: Variables, latents: jax.Array) -> jax.Array:
        if self.sampler is None:
            return self.generator.apply(variables["g"], latents, False)
        labels, stage = jnp.zeros(len(latents), jnp.int32), self.sampler.stage(borrowed_sampler.END)
        return jnp.clip(self.sampler.sample(variables, latents, labels, stage), -1, 1)

    def _residuals(
        self, variables: Variables, images: jax.Array, made: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """Squared errors (N,) of pixels and of the discriminator's features, 0 without any."""
        of_pixels = izi_f.squared_error(images, made)
        if self.sampler is not None:
            return of_pixels, jnp.zeros_like(of_pixels)
        features = [
            self.discriminator.apply(variables["d"], each, False)[1] for each in (images, made)
        ]
        return of_pixels, izi_f.squared_error(*features)

    def reconstruct(self, variables: Variables, images: jax.Array) -> jax.Array:
        return self._draw(variables, self._encode(variables["e"], images, None)[0])

    def draw(self, variables: Variables, rng: jax.Array, num: int) -> jax.Array:
        if self.sampler is not None:
            return self._draw(variables, self.sampler.latents(rng, num))
        return self._draw(variables, jax.random.normal(rng, (num, self.latent_size)))

    def detect(self, variables: Variables, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        made = self.reconstruct(variables, images)
        residuals = self._residuals(variables, images, made)
        scores = izi_f.anomaly_score(*residuals, self.config.model.kappa)
        return scores, izi_f.anomaly_map(images, made)

    def not_yet(self, stage: Stage) -> str:
        if stage.phases == ENCODER:
            return ""
        return (
            f"its encoder learns only after {self.config.model.gan_kimg:g} thousand images "
            "(model.gan_kimg), and without it nothing can be detected: train it to the end, or "
            "take a later checkpoint"
        )

    @property
    def score_terms(self) -> str:
        kappa = self.config.model.kappa
        if not kappa:
            return "squared error of pixels"
        return (
            f"squared error of pixels + {kappa:g} × squared error of the discriminator's features"
        )

"""FastGAN (Liu et al., ICLR 2021, arXiv:2101.04775): unconditional images from few examples.

Follows FastGAN-pytorch, train.py: the hinge loss with randomly smoothed margins, a discriminator
that reconstructs real images, one batch of augmented fakes for both updates, the discriminator's
first. The original's samples are normalised by whatever batch they are drawn in; here by a fixed
batch, so that an image depends on its latent alone.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.features import lpips_net
from dermgan_jax.models import augmentation
from dermgan_jax.models.contract import Aux, Phase, Stage, Variables, bind
from dermgan_jax.models.fastgan_sampling import SCHEDULE_BOUNDS, FastGanSampler, default_schedule
from dermgan_jax.nets.fastgan_discriminator import (
    FastGanDiscriminator,
    Judgement,
    nearest,
    quarter,
)
from dermgan_jax.nets.fastgan_generator import FastGanGenerator

DISTANCES = ("vgg", "alex", "squeeze", "pixels")

_MARGIN, _SMOOTHING = 0.8, 0.2  # of the hinge: uniform in [0.8, 1)


class FastGan(FastGanSampler):
    """Generator "g", discriminator "d" and, if reconstructions are judged by LPIPS, "lpips"."""

    bounds: ClassVar[Mapping[str, str]] = {
        **SCHEDULE_BOUNDS,
        **augmentation.BOUNDS,
        "latent_size": "[1, 65536]",
        "width": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
        "reconstruction": "[0, 1e6]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """That of the published code."""
        adam = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}
        fields = {
            "latent_size": 256,
            "width": 64,  # channels of the generator at 128 px (ngf)
            "discriminator_width": 64,  # channels of the discriminator at 64 px (ndf)
            # "reference": normalise samples by the statistics of a fixed batch of latents;
            # "running": by running statistics, which are of the weights before averaging.
            "statistics": "reference",
            # What reconstructions are judged by: LPIPS with vgg | alex | squeeze, or pixels: the
            # mean squared difference.
            "distance": "vgg",
            # Of the sum over the batch of three distances. The original tuned 1 for batches of 8.
            "reconstruction": 1.0,
            **default_schedule(),
            **augmentation.default_fields(),
        }
        fields |= {"augment": "diffaugment", "diffaugment_policies": ("color", "translation")}
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 8},
            }
        )

    def faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        found = super().faults()
        if fields.distance not in DISTANCES:
            known = ", ".join(DISTANCES)
            found.append(f"model.distance is {fields.distance!r}; expected one of {known}")
        if fields.discriminator_width * 64 < min(data.height, 256):
            found.append(
                f"model.discriminator_width is {fields.discriminator_width}: set it to 4 or more"
            )
        return found

    @property
    def generator(self) -> FastGanGenerator:
        dtype = jnp.dtype(self.config.precision)
        side, channels = self.data.height, self.data.channels
        return FastGanGenerator(side, channels, self.config.model.width, dtype=dtype)

    @property
    def discriminator(self) -> FastGanDiscriminator:
        dtype = jnp.dtype(self.config.precision)
        width = self.config.model.discriminator_width
        return FastGanDiscriminator(self.data.height, width, self.data.channels, dtype)

    @property
    def _lpips(self) -> str | None:
        """The network that judges reconstructions, if one does."""
        fields = self.config.model
        return fields.distance if fields.distance != "pixels" and fields.reconstruction else None

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng = jax.random.split(rng)
        latents = jnp.zeros((1, self.config.model.latent_size))
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        nets = {
            "g": dict(self.generator.init(g_rng, latents, None, train=False)),
            "d": dict(self.discriminator.init(d_rng, images, train=False)),
        }
        if self._lpips:
            # Zeros, which published weights replace.
            nets["lpips"] = {"params": lpips_net.zeros(self._lpips)}
        return nets

    @property
    def published_weights(self) -> tuple[str, ...]:
        """Those of LPIPS."""
        return lpips_net.FILES[self._lpips] if self._lpips else ()

    def pretrained(self, variables: Variables) -> Variables:
        if not self._lpips:
            return variables
        return {**variables, "lpips": {"params": lpips_net.load(self._lpips)}}

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """Mean logits."""
        del stage
        return self.discriminator.apply(variables["d"], images, train=False).logits.mean(-1)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("d", ("d",), self._d_phase), Phase("g", ("g",), self._g_phase))

    def _augmented(self, images: Any, rng: jax.Array, extra: Mapping[str, Any]) -> Any:
        """Images, or a pair of large and small ones, each drawn for by itself as the original."""
        if not isinstance(images, tuple):
            return augmentation.augment(self.config.model, images, rng, extra)
        keys = jax.random.split(rng)
        return tuple(
            augmentation.augment(self.config.model, each, key, extra)
            for each, key in zip(images, keys, strict=True)
        )

    def _judge(self, d, images, smalls=None, part=0, decode=False):
        """(`Judgement`, changed collections) as in training."""
        return self.discriminator.apply(
            *(d, images, smalls, part),
            train=True,
            decode=decode,
            mutable=["batch_stats", "spectral"],
        )

    def _fakes(self, g, rngs, labels, extra):
        """(augmented fakes, changed collections); the two phases of an iteration see the same."""
        draw_rng, augment_rng = rngs
        fakes, changed = self.draw(g, draw_rng, labels)
        return self._augmented(fakes, augment_rng, extra), changed

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hands on the keys of its fakes, which the generator is updated on."""
        draw_rng, augment_rng, real_rng, part_rng, margin_rng = jax.random.split(rng, 5)
        d, fake_rngs = bind(trainable, frozen, "d"), (draw_rng, augment_rng)
        reals = self._augmented(batch["image"], real_rng, context.extra)
        part = jax.random.randint(part_rng, (), 0, 4)
        decode = self.config.model.reconstruction > 0
        judged, changed = self._judge(d, reals, part=part, decode=decode)
        fakes, _ = self._fakes(frozen["g"], fake_rngs, batch["label"], context.extra)
        of_fakes, changed = self._judge({**d, **changed}, *fakes)
        smoothing = jax.random.uniform(margin_rng, (2, *judged.logits.shape))
        loss = hinge(judged.logits, smoothing[0], real=True)
        loss += hinge(of_fakes.logits, smoothing[1], real=False)
        metrics = {"score_real": judged.logits.mean(), "score_fake": of_fakes.logits.mean()}
        metrics["sign_real"] = jnp.sign(judged.logits).mean()
        if decode:
            distances = self.distances(frozen, judged, reals, part)
            metrics["reconstruction"] = distances.mean()
            loss += self.config.model.reconstruction * distances.sum()
        extra = augmentation.adjusted(self.config.model, context.extra, judged.logits.mean(-1))
        if "ada" in extra:
            metrics["augment_p"] = extra["ada"].p
        handoff = {"keys": fake_rngs}
        return loss, Aux(metrics, collections={"d": changed}, handoff=handoff, extra=extra)

    def _g_phase(self, trainable, frozen, batch, rng, context):
        del rng
        fakes, changed = self._fakes(
            bind(trainable, frozen, "g"), context.handoff["keys"], batch["label"], context.extra
        )
        judged, d_changed = self._judge(frozen["d"], *fakes)
        metrics = {"score_fake": judged.logits.mean()}
        return generator_loss(judged.logits), Aux(
            metrics, collections={"g": changed, "d": d_changed}
        )

    def distances(
        self, frozen: Variables, judged: Judgement, reals: jax.Array, part: jax.Array
    ) -> jax.Array:
        """Distances (3, N) of the reconstructions from what they should show.

        Args:
          frozen: with the weights of LPIPS, if it judges.
          judged: with reconstructions.
          reals: what was judged, (N, S, S, C).
          part: the quarter that was reconstructed by itself.
        """
        side = judged.images.shape[1]
        whole, pieces = nearest(reals, side), nearest(quarter(reals, part), side)
        pairs = ((judged.images, whole), (judged.smalls, whole), (judged.parts, pieces))
        if not self._lpips:
            return jnp.stack([jnp.square(a - b).mean((1, 2, 3)) for a, b in pairs])
        params = frozen["lpips"]["params"]
        images = jnp.concatenate([a for a, _ in pairs] + [whole, pieces])
        rgb = jnp.broadcast_to(images, (*images.shape[:3], 3))
        taps = lpips_net.normalised_activations(self._lpips, params, rgb)
        total = 0.0
        for tap, head in zip(taps, params["heads"], strict=True):
            first, second, third, target, pieces = jnp.split(tap, 5)
            gaps = [first - target, second - target, third - pieces]
            total += jnp.stack([(jnp.square(gap) * head).sum(-1).mean((1, 2)) for gap in gaps])
        return total


def generator_loss(fake_logits: jax.Array) -> jax.Array:
    """Minus the mean of logits (N, P)."""
    return -fake_logits.mean()


def hinge(logits: jax.Array, uniform: jax.Array, real: bool) -> jax.Array:
    """Mean hinge loss of logits (N, P) with a margin of 0.8 + 0.2 u, u (N, P) uniform in [0, 1)."""
    signed = -logits if real else logits
    return jax.nn.relu(_SMOOTHING * uniform + _MARGIN + signed).mean()

"""StyleGAN2 (Karras et al., CVPR 2020, arXiv:1912.04958), also with ADA (arXiv:2006.06676).

Follows NVlabs/stylegan2-ada-pytorch (training/loss.py and training_loop.py): the logistic loss, and
R1 and path length penalties as phases of their own that run in some iterations only. The other
loss, WGAN-GP with several updates of the discriminator per iteration, is that of the study in
`configs/stylegan2_melanoma.py`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.models import augmentation
from dermgan_jax.models.contract import Aux, Phase, Stage, StyleSampler, Variables, bind
from dermgan_jax.nets.stylegan2_discriminator import StyleGan2Discriminator
from dermgan_jax.nets.stylegan2_generator import Noise, StyleGan2Generator

LOSSES = ("logistic", "wgangp")
ARCHITECTURES = ("skip", "resnet", "orig")

_STYLE_DECAY = 0.995  # of the average style, per minibatch
_PATH_DECAY = 0.01  # share of the newest minibatch in the average path length


class Draws(NamedTuple):
    """What one batch of fakes is made from.

    Attributes:
      latents: (N, L).
      labels: int32 (N,).
      others: (N, L), latents of the styles from `cutoff` on; None without style mixing.
      cutoff: int32 scalar, how many styles are those of `latents`.
      noise: one array (N, S, S) per convolution.
    """

    latents: jax.Array
    labels: jax.Array
    others: jax.Array | None
    cutoff: jax.Array | int
    noise: Noise


class StyleGan2(StyleSampler):
    """Skip generator and residual discriminator; nets `g` and `d`."""

    bounds: ClassVar[Mapping[str, str]] = {
        **augmentation.BOUNDS,
        "latent_size": "[1, 65536]",
        "style_size": "[1, 65536]",
        "mapping_layers": "[1, 100]",
        "label_layers": "[1, 100]",
        "channel_base": "[1, 1e6]",
        "channel_max": "[1, 65536]",
        "conv_clamp": "[0, 1e6]",
        "stddev_group": "[1, 65536]",
        "stddev_channels": "[1, 65536]",
        "style_mixing": "[0, 1]",
        "r1_gamma": "[0, 1e6]",
        "r1_interval": "[1, 65536]",
        "path_weight": "[0, 1e6]",
        "path_interval": "[1, 65536]",
        "path_batch_shrink": "[1, 65536]",
        "critic_updates": "[1, 1000]",
        "gradient_penalty": "[0, 1e6]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """The official configuration "stylegan2" with the feature maps of its "paper256"."""
        adam = {"learning_rate": 0.002, "b1": 0.0, "b2": 0.99, "eps": 1e-8}
        return ConfigDict(
            {
                "model": {
                    "latent_size": 512,
                    "style_size": 512,
                    "mapping_layers": 8,
                    "label_layers": 8,  # conditional: of the discriminator
                    "channel_base": 16384,  # feature maps at side S: channel_base / S,
                    "channel_max": 512,  # but at most so many
                    "conv_clamp": 0.0,  # activations' largest magnitude; 0: any
                    "stddev_group": 4,
                    "stddev_channels": 1,
                    "generator": "skip",  # skip | resnet | orig, which figure 7 compares
                    "discriminator": "resnet",  # the same
                    "conditional": False,
                    "style_mixing": 0.9,  # probability, per minibatch
                    "loss": "logistic",  # logistic | wgangp
                    "r1_gamma": 10.0,  # 0: no such phase; so for path_weight
                    "r1_interval": 16,
                    "path_weight": 2.0,
                    "path_interval": 4,
                    "path_batch_shrink": 2,
                    "critic_updates": 5,  # wgangp: of the discriminator per iteration
                    "gradient_penalty": 10.0,  # wgangp
                    "spectral_norm": False,  # in the discriminator
                    **augmentation.default_fields(),
                },
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 32},
                "ema": {"half_life_kimg": 10.0},
            }
        )

    def faults(self) -> list[str]:
        fields, data, found = self.config.model, self.data, []
        if data.height != data.width or data.height < 8 or data.height.bit_count() != 1:
            found.append(
                f"stylegan2 needs square images with a power of two from 8 on as side, not "
                f"{data.height}x{data.width}: set data.resolution to 32, 64, 128, …"
            )
        if fields.loss not in LOSSES:
            found.append(f"model.loss is {fields.loss!r}; expected one of {', '.join(LOSSES)}")
        for net in ("generator", "discriminator"):
            if fields[net] not in ARCHITECTURES:
                known = ", ".join(ARCHITECTURES)
                found.append(f"model.{net} is {fields[net]!r}; expected one of {known}")
        if not 1 <= fields.stddev_channels <= self.widths[0] or (
            self.widths[0] % fields.stddev_channels
        ):
            found.append(
                f"model.stddev_channels is {fields.stddev_channels}: set it to a divisor of the "
                f"{self.widths[0]} channels at 4x4"
            )
        found += self.label_faults()
        size = self.config.train.batch_size
        if size > fields.stddev_group and size % fields.stddev_group:
            found.append(
                f"train.batch_size is {size}, no multiple of model.stddev_group "
                f"({fields.stddev_group}): change either"
            )
        if not found and min(self.widths) < 1:
            found.append(
                f"model.channel_base is {fields.channel_base}: set it to the side ({data.height}) "
                "or more, so that there are feature maps at every resolution"
            )
        return found + augmentation.faults(fields, (data.height, data.width, data.channels))

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    @property
    def widths(self) -> tuple[int, ...]:
        """Feature maps at 4x4, 8x8 and so on up to the full resolution."""
        fields = self.config.model
        return tuple(
            min(fields.channel_base // (4 << level), fields.channel_max)
            for level in range(self.data.height.bit_length() - 2)
        )

    @property
    def generator(self) -> StyleGan2Generator:
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        return StyleGan2Generator(
            *(self.widths, self.data.channels, fields.style_size, fields.mapping_layers),
            *(fields.conv_clamp, dtype, fields.generator),
        )

    @property
    def discriminator(self) -> StyleGan2Discriminator:
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        return StyleGan2Discriminator(
            *(self.widths, fields.label_layers, fields.stddev_group, fields.conv_clamp),
            *(fields.spectral_norm, dtype, fields.discriminator, fields.stddev_channels),
        )

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng = jax.random.split(rng)
        latents = jnp.zeros((1, self.config.model.latent_size))
        labels = self.one_hot(jnp.zeros(1, jnp.int32))
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        return {
            "g": dict(self.generator.init(g_rng, latents, labels)),
            "d": dict(self.discriminator.init(d_rng, images, labels)),
        }

    def init_extra(self, rng: jax.Array) -> dict[str, Any]:
        del rng
        extra = augmentation.init(self.config.model)
        if "g_path" in self._lazy:
            extra["path_mean"] = jnp.zeros(())
        return extra

    @property
    def _lazy(self) -> dict[str, int]:
        """The intervals of the phases that do not run in every iteration."""
        fields = self.config.model
        if fields.loss != "logistic":
            return {}
        every = {"g_path": fields.path_interval, "d_r1": fields.r1_interval}
        weights = {"g_path": fields.path_weight, "d_r1": fields.r1_gamma}
        return {phase: every[phase] for phase in every if weights[phase] > 0}

    def _lazy_ratio(self, net: str) -> float:
        """Regular updates' share of a net's updates (Karras et al., 2020, appendix B)."""
        interval = self._lazy.get({"g": "g_path", "d": "d_r1"}[net])
        return interval / (interval + 1) if interval else 1.0

    def adam(self, net: str) -> Mapping[str, float]:
        fields, ratio = self.config.optimizers[net], self._lazy_ratio(net)
        return {"b1": fields.b1**ratio, "b2": fields.b2**ratio, "eps": fields.eps}

    def stage(self, images_seen: int) -> Stage:
        stage = super().stage(images_seen)
        rates = stage.learning_rates
        return dataclasses.replace(
            stage, learning_rates={net: rates[net] * self._lazy_ratio(net) for net in rates}
        )

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        return jax.random.normal(rng, (num, self.config.model.latent_size))

    def _noise(self, rng: jax.Array, num: int) -> Noise:
        # Drawn all at once: each drawing takes long to compile.
        sizes = np.square(self.generator.noise_sides)
        drawn = jax.random.normal(rng, (num, sizes.sum()))
        parts = jnp.split(drawn, np.cumsum(sizes)[:-1], axis=1)
        sides = self.generator.noise_sides
        return [part.reshape(num, side, side) for part, side in zip(parts, sides, strict=True)]

    def draw(self, rng: jax.Array, num: int) -> Draws:
        """What `num` fakes of a training step are made from."""
        latents_rng, labels_rng, noise_rng, mix_rng = jax.random.split(rng, 4)
        probability, layers = self.config.model.style_mixing, self.generator.num_styles
        latents, others, cutoff = self.latents(latents_rng, 2 * num), None, layers
        if probability > 0:
            others = latents[num:]
            chance, place = jax.random.uniform(mix_rng, (2,))
            first = 1 + jnp.floor(place * (layers - 1)).astype(jnp.int32)
            cutoff = jnp.where(chance < probability, first, layers)
        labels, noise = self.random_labels(labels_rng, num), self._noise(noise_rng, num)
        return Draws(latents[:num], labels, others, cutoff, noise)

    def styles(self, variables: Variables, latents: jax.Array, labels: jax.Array) -> jax.Array:
        styles = self._map(variables["g"], latents, labels)
        return jnp.repeat(styles[:, None], self.generator.num_styles, 1)

    def mean_style(self, variables: Variables) -> jax.Array:
        return variables["g"]["average"]["mapping"]["w_avg"]

    def synthesize(
        self, variables: Variables, styles: jax.Array, noise: str | jax.Array = "const"
    ) -> jax.Array:
        if not isinstance(noise, str):
            noise = self._noise(noise, len(styles))
        return self._synthesize(variables["g"], styles, noise)

    def _map(self, g: Mapping[str, Any], latents: jax.Array, labels: jax.Array) -> jax.Array:
        one_hot = self.one_hot(labels)
        return self.generator.apply(g, latents, one_hot, method=StyleGan2Generator.map)

    def _synthesize(self, g: Mapping[str, Any], styles: jax.Array, noise: Noise) -> jax.Array:
        return self.generator.apply(g, styles, noise, method=StyleGan2Generator.synthesize)

    def _drawn_styles(self, g: Mapping[str, Any], draws: Draws) -> tuple[jax.Array, jax.Array]:
        """Styles (N, layers, D) of fakes, mixed; and the mean style (D,) of the first latents."""
        latents, labels, layers = draws.latents, draws.labels, self.generator.num_styles
        if draws.others is None:
            own = self._map(g, latents, labels)
            return jnp.repeat(own[:, None], layers, 1), own.mean(0)
        both = self._map(g, jnp.concatenate([latents, draws.others]), jnp.tile(labels, 2))
        own, others = jnp.split(both, 2)
        is_own = jnp.arange(layers)[:, None] < draws.cutoff
        return jnp.where(is_own, own[:, None], others[:, None]), own.mean(0)

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """Of conditional models, the mean over labels with the frequencies of the data."""
        del stage
        if not self.conditional:
            return self._score(variables["d"], images, jnp.zeros(len(images), jnp.int32))
        counts = jnp.array(self.data.class_counts, jnp.float32)
        alike = [jnp.full(len(images), label) for label in range(self.data.num_classes)]
        scores = jnp.stack([self._score(variables["d"], images, labels) for labels in alike])
        return counts / counts.sum() @ scores

    def _score(self, d: Mapping[str, Any], images: jax.Array, labels: jax.Array) -> jax.Array:
        return self.discriminator.apply(d, images, self.one_hot(labels))

    def phases(self) -> tuple[Phase, ...]:
        fields, lazy = self.config.model, self._lazy
        if fields.loss == "wgangp":
            critic = Phase("d", ("d",), self._d_phase, repeat=fields.critic_updates)
            return (critic, Phase("g", ("g",), self._g_phase))
        phases = []
        for net, main, penalty, regularise in (
            ("g", self._g_phase, "g_path", self._path_phase),
            ("d", self._d_phase, "d_r1", self._r1_phase),
        ):
            phases.append(Phase(net, (net,), main))
            if penalty in lazy:
                phases.append(Phase(penalty, (net,), regularise, every=lazy[penalty]))
        return tuple(phases)

    def _g_phase(self, trainable, frozen, batch, rng, context):
        draw_rng, augment_rng = jax.random.split(rng)
        return self.generator_loss(
            {net: bind(trainable, frozen, net) for net in frozen},
            self.draw(draw_rng, len(batch["image"])),
            augment_rng,
            context.extra,
        )

    def _path_phase(self, trainable, frozen, batch, rng, context):
        draw_rng, pixels_rng = jax.random.split(rng)
        num = max(len(batch["image"]) // self.config.model.path_batch_shrink, 1)
        loss, aux = self.path_length_loss(
            {net: bind(trainable, frozen, net) for net in frozen},
            self.draw(draw_rng, num),
            jax.random.normal(pixels_rng, (num, *batch["image"].shape[1:])),
            context.extra,
        )
        return loss * self.config.model.path_interval, aux

    def _d_phase(self, trainable, frozen, batch, rng, context):
        draw_rng, loss_rng = jax.random.split(rng)
        draws = self.draw(draw_rng, len(batch["image"]))
        if self.config.model.loss == "wgangp":  # which also judges what lies between the two
            draws = draws._replace(labels=batch["label"])
        variables = {net: bind(trainable, frozen, net) for net in frozen}
        return self.discriminator_loss(
            variables, batch["image"], batch["label"], draws, loss_rng, context.extra
        )

    def _r1_phase(self, trainable, frozen, batch, rng, context):
        variables = {net: bind(trainable, frozen, net) for net in frozen}
        loss, aux = self.r1_loss(variables, batch["image"], batch["label"], rng, context.extra)
        return loss * self.config.model.r1_interval, aux

    def generator_loss(
        self, variables: Variables, draws: Draws, rng: jax.Array, extra: Mapping[str, Any]
    ) -> tuple[jax.Array, Aux]:
        """Non-saturating logistic, or WGAN; the average style follows.

        Args:
          variables: of both nets.
          draws: of the fakes.
          rng: of the augmentation.
          extra: the GAN's own state.
        """
        g = variables["g"]
        styles, mean = self._drawn_styles(g, draws)
        fakes = augmentation.augment(
            self.config.model, self._synthesize(g, styles, draws.noise), rng, extra
        )
        scores = self._score(variables["d"], fakes, draws.labels)
        average = self.mean_style(variables)
        average = average + (1 - _STYLE_DECAY) * (jax.lax.stop_gradient(mean) - average)
        return losses.toward_real(self._adversarial, scores).mean(), Aux(
            {"score_fake": scores.mean()},
            collections={"g": {"average": {"mapping": {"w_avg": average}}}},
        )

    @property
    def _adversarial(self) -> str:
        return "wgangp" if self.config.model.loss == "wgangp" else "nonsaturating"

    def path_length_loss(
        self, variables: Variables, draws: Draws, pixels: jax.Array, extra: Mapping[str, Any]
    ) -> tuple[jax.Array, Aux]:
        """Weighted squared distance of path lengths from their running mean (equation 4).

        The mean that they are compared with contains them, and passes gradients on.

        Args:
          variables: of the generator.
          draws: of the fakes.
          pixels: (N, H, W, C) of unit variance, a random direction for each fake.
          extra: the GAN's own state, with the mean length under "path_mean".
        """
        g = variables["g"]
        directions = pixels / jnp.sqrt(pixels.shape[1] * pixels.shape[2])
        gradients = jax.grad(
            lambda styles: (self._synthesize(g, styles, draws.noise) * directions).sum()
        )(self._drawn_styles(g, draws)[0])
        lengths = jnp.sqrt(jnp.square(gradients).sum(-1).mean(-1))
        mean = extra["path_mean"] + _PATH_DECAY * (lengths.mean() - extra["path_mean"])
        penalty = jnp.square(lengths - mean).mean()
        return self.config.model.path_weight * penalty, Aux(
            {"path_length": lengths.mean(), "path_penalty": penalty},
            extra={**extra, "path_mean": jax.lax.stop_gradient(mean)},
        )

    def discriminator_loss(
        self,
        variables: Variables,
        reals: jax.Array,
        labels: jax.Array,
        draws: Draws,
        rng: jax.Array,
        extra: Mapping[str, Any],
    ) -> tuple[jax.Array, Aux]:
        """Logistic, or WGAN-GP (Gulrajani et al., 2017); ADA's probability follows.

        Args:
          variables: of both nets.
          reals: (N, H, W, C).
          labels: int32 (N,) of the reals.
          draws: of the fakes.
          rng: of the augmentation and of where the gradient penalty looks.
          extra: the GAN's own state.
        """
        fake_rng, real_rng, mix_rng = jax.random.split(rng, 3)
        styles, _ = self._drawn_styles(variables["g"], draws)
        fakes = self._synthesize(variables["g"], styles, draws.noise)
        fakes = augmentation.augment(self.config.model, fakes, fake_rng, extra)
        reals = augmentation.augment(self.config.model, reals, real_rng, extra)
        d = variables["d"]
        # What spectral normalisation keeps moves once per update; everything is judged before.
        real_scores, collections = self.discriminator.apply(
            d, reals, self.one_hot(labels), mutable=["spectral"]
        )
        fake_scores = self._score(d, fakes, draws.labels)
        loss = losses.toward_real(self._adversarial, real_scores)
        loss += losses.toward_fake(self._adversarial, fake_scores)
        metrics = {"score_real": real_scores, "score_fake": fake_scores}
        metrics["sign_real"] = jnp.sign(real_scores)  # ADA's measure of overfitting
        if self.config.model.loss == "wgangp":
            mix = jax.random.uniform(mix_rng, (len(reals),))
            between = losses.interpolates(reals, fakes, mix)
            norms = losses.gradient_norms(lambda x: self._score(d, x, labels), between)
            metrics["gradient_penalty"] = losses.gradient_penalty(norms)
            loss += self.config.model.gradient_penalty * metrics["gradient_penalty"]
        extra = augmentation.adjusted(self.config.model, extra, real_scores)
        if "ada" in extra:
            metrics["augment_p"] = extra["ada"].p
        collections = {"d": collections} if collections else {}
        return loss.mean(), Aux(jax.tree.map(jnp.mean, metrics), collections, extra=extra)

    def r1_loss(
        self,
        variables: Variables,
        reals: jax.Array,
        labels: jax.Array,
        rng: jax.Array,
        extra: Mapping[str, Any],
    ) -> tuple[jax.Array, Aux]:
        """Half gamma times squared gradient norms at the reals (Mescheder et al., 2018).

        Arguments as of `discriminator_loss`.
        """

        def total(images: jax.Array) -> jax.Array:
            seen = augmentation.augment(self.config.model, images, rng, extra)
            return self._score(variables["d"], seen, labels).sum()

        penalty = jnp.square(jax.grad(total)(reals)).sum((1, 2, 3)).mean()
        return self.config.model.r1_gamma / 2 * penalty, Aux({"r1_penalty": penalty})

"""Progressive growing of GANs (Karras et al., ICLR 2018, arXiv:1710.10196).

Follows the official code (tkarras/progressive_growing_of_gans, default "fused" layers) except that
images live at the resolution of the stage rather than being repeated up to full size: repeating
pixels and averaging boxes undo each other, so scores and samples are the same.

A curriculum is counted in levels of detail (lod): 0 is full resolution, each level halves it, and
a fraction means that a new resolution is fading in.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.models.contract import Aux, Context, Phase, Sampler, Stage, Variables, bind
from dermgan_jax.nets.equalized import EqualizedConv, EqualizedDense
from dermgan_jax.nets.normalization import minibatch_stddev, pixel_norm
from dermgan_jax.nets.resampling import box_down, nearest_up


def schedule(
    images_seen: int, resolution: int, start_resolution: int, stable_kimg: float, fade_kimg: float
) -> tuple[float, int]:
    """(lod, resolution in use) after `images_seen` images, as in the official TrainingSchedule.

    Each resolution is trained for `stable_kimg` thousand images, then the next one fades in over
    `fade_kimg`. During a fade the new, larger resolution is in use.

    Args:
      images_seen: real images shown.
      resolution: the full one, a power of two.
      start_resolution: the first one, a power of two.
      stable_kimg, fade_kimg: thousands of images; 0 leaves the part out.
    """
    kimg, period = images_seen / 1000, stable_kimg + fade_kimg
    growths = math.floor(kimg / period) if period > 0 else 0
    lod = math.log2(resolution) - math.log2(start_resolution) - growths
    if fade_kimg > 0:
        lod -= max(kimg - growths * period - stable_kimg, 0.0) / fade_kimg
    lod = max(lod, 0.0)
    return lod, resolution >> math.floor(lod)


def fade(new: jax.Array, old: jax.Array, alpha: jax.Array | float) -> jax.Array:
    """`old` at alpha 0, `new` at alpha 1, linear between."""
    return new + (old - new) * jnp.asarray(1 - alpha, new.dtype)


def fade_reals(images: jax.Array, alpha: jax.Array | float) -> jax.Array:
    """Reals (N, H, W, C) as detailed as the fading networks see them."""
    return fade(images, nearest_up(box_down(images)), alpha)


class ProgressiveGenerator(nn.Module):
    """Table 2, top, with one RGB output per resolution.

    Attributes:
      widths: feature maps by level; the block of side 2^n has widths[n - 1].
      channels: of the images.
      dtype: of the arithmetic; pixel norms and RGB outputs are float32.
    """

    widths: tuple[int, ...]
    channels: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        latents: jax.Array,
        labels: jax.Array | None,
        resolution: int,
        alpha: jax.Array | float,
    ) -> jax.Array:
        """Images (N, resolution, resolution, C).

        Args:
          latents: (N, D).
          labels: one-hot (N, L), or None.
          resolution: of the stage, static; blocks beyond it are not run.
          alpha: how far it has faded in.
        """
        x = latents if labels is None else jnp.concatenate([latents, labels], -1)
        x, rgb = pixel_norm(x), None
        for level in range(2, resolution.bit_length()):
            side, width = 2**level, self.widths[level - 1]
            name = f"{side}x{side}"
            if level == 2:
                first = EqualizedDense(
                    (4, 4, width), math.sqrt(2) / 4, dtype=self.dtype, name=f"{name}_dense"
                )
            else:
                first = EqualizedConv(
                    width, resample="up", dtype=self.dtype, name=f"{name}_conv0_up"
                )
            second = EqualizedConv(width, dtype=self.dtype, name=f"{name}_conv1")
            for layer in (first, second):
                x = pixel_norm(nn.leaky_relu(layer(x), 0.2))
            if side >= resolution // 2 or self.is_initializing():
                to_rgb = EqualizedConv(self.channels, 1, gain=1.0, name=f"{name}_to_rgb")
                rgb = to_rgb(x) if rgb is None else fade(to_rgb(x), nearest_up(rgb), alpha)
        return rgb


class ProgressiveDiscriminator(nn.Module):
    """Table 2, bottom, with one RGB input per resolution.

    Attributes:
      widths: as in `ProgressiveGenerator`; widths[0] is that of the dense layer.
      num_labels: label logits, besides the score.
      stddev_group: images per group of the minibatch standard deviation.
      dtype: of the arithmetic; statistics, scores and logits are float32.
    """

    widths: tuple[int, ...]
    num_labels: int
    stddev_group: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, images: jax.Array, resolution: int, alpha: jax.Array | float
    ) -> tuple[jax.Array, jax.Array]:
        """Scores (N,) and label logits (N, L) of images (N, resolution, resolution, C)."""

        def layer(features: int, name: str, **options: Any) -> EqualizedConv:
            return EqualizedConv(features, dtype=self.dtype, name=name, **options)

        x = None
        for level in range(resolution.bit_length() - 1, 1, -1):
            side, width, narrower = 2**level, self.widths[level - 1], self.widths[level - 2]
            name = f"{side}x{side}"
            if side >= resolution // 2 or self.is_initializing():
                rgb = nn.leaky_relu(layer(width, f"{name}_from_rgb", kernel_size=1)(images), 0.2)
                x = rgb if x is None else fade(x, rgb, alpha)
                images = box_down(images)
            if level > 2:
                x = nn.leaky_relu(layer(width, f"{name}_conv0")(x), 0.2)
                down = layer(narrower, f"{name}_conv1_down", resample="down")
                x = nn.leaky_relu(down(x), 0.2)
        x = minibatch_stddev(x, self.stddev_group)
        x = nn.leaky_relu(layer(width, "4x4_conv")(x), 0.2).reshape(len(x), -1)
        x = EqualizedDense((narrower,), dtype=self.dtype, name="4x4_dense0")(x)
        outputs = EqualizedDense((1 + self.num_labels,), gain=1.0, name="4x4_dense1")
        scores = outputs(nn.leaky_relu(x, 0.2))
        return scores[:, 0], scores[:, 1:]


class ProgressiveGan(Sampler):
    """PGAN with WGAN-GP and, if conditional, an auxiliary classifier (AC-GAN)."""

    bounds: ClassVar[Mapping[str, str]] = {
        "latent_size": "[1, 65536]",
        "fmap_base": "[1, 1e6]",
        "fmap_decay": "[0, 10]",
        "fmap_max": "[1, 65536]",
        "stddev_group": "[1, 65536]",
        "gradient_penalty": "[0, 1e6]",
        "gradient_target": "(0, 1e6]",
        "drift": "[0, 1e6]",
        "label_weight": "[0, 1e6]",
        "start_resolution": "[4, 8192]",
        "stable_kimg": "[0, 1e9]",
        "fade_kimg": "[0, 1e9]",
        "batch_sizes": "[1, 65536]",
        "learning_rates.*": "[0, 8192]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """The official single-device preset (config.py, "preset-v2-1gpu")."""
        adam = {"learning_rate": 0.001, "b1": 0.0, "b2": 0.99, "eps": 1e-8}
        rates = ((1024, 0.0015),)
        return ConfigDict(
            {
                "model": {
                    "latent_size": 512,
                    "fmap_base": 8192,  # feature maps at level n: fmap_base / 2^(n fmap_decay),
                    "fmap_decay": 1.0,
                    "fmap_max": 512,  # but at most so many
                    "stddev_group": 4,
                    "conditional": False,
                    "gradient_penalty": 10.0,
                    "gradient_target": 1.0,
                    "drift": 0.001,
                    "label_weight": 1.0,
                    "start_resolution": 4,
                    "stable_kimg": 600.0,
                    "fade_kimg": 600.0,
                    # (resolution, value) pairs; other resolutions use train.batch_size and
                    # optimizers.*.learning_rate.
                    "batch_sizes": (
                        *((4, 128), (8, 128), (16, 128), (32, 64)),
                        *((64, 32), (128, 16), (256, 8), (512, 4)),
                    ),
                    "learning_rates": {"g": rates, "d": rates},
                },
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 4, "schedule_interval": 4},
                "ema": {"decay": 0.999},
            }
        )

    def faults(self) -> list[str]:
        fields, data, found = self.config.model, self.data, []
        start, full = fields.start_resolution, data.height
        if data.height != data.width or not _is_power_of_two(full):
            found.append(
                f"pgan needs square images with a power of two as side, not "
                f"{data.height}x{data.width}: set data.resolution to 32, 64, 128, …"
            )
        elif not (_is_power_of_two(start) and 4 <= start <= full):
            found.append(
                f"model.start_resolution is {start}: set a power of two from 4 to data.resolution "
                f"({full})"
            )
        found += self.label_faults()
        if not found and min(self._widths) < 1:
            found.append(
                f"model.fmap_base is {fields.fmap_base}, model.fmap_decay {fields.fmap_decay:g}: "
                "some resolution has no feature map; set a larger base or a lower decay"
            )
        for resolution, size in (*fields.batch_sizes, ("other", self.config.train.batch_size)):
            if size > fields.stddev_group and size % fields.stddev_group:
                found.append(
                    f"batch size {size} at resolution {resolution} is no multiple of "
                    f"model.stddev_group ({fields.stddev_group}): change model.batch_sizes or "
                    f"train.batch_size"
                )
        return found

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    def stage(self, images_seen: int) -> Stage:
        fields, config = self.config.model, self.config
        lod, resolution = schedule(
            images_seen,
            self.data.height,
            fields.start_resolution,
            fields.stable_kimg,
            fields.fade_kimg,
        )
        return Stage(
            image_size=(resolution, resolution),
            batch_size=dict(fields.batch_sizes).get(resolution, config.train.batch_size),
            learning_rates={
                net: dict(fields.learning_rates[net]).get(
                    resolution, config.optimizers[net].learning_rate
                )
                for net in ("g", "d")
            },
            traced={"alpha": 1.0 - (lod - math.floor(lod))},
            moments=(math.floor(lod), math.ceil(lod)),
        )

    def init(self, rng: jax.Array) -> Variables:
        side, channels = self.data.height, self.data.channels
        g_rng, d_rng = jax.random.split(rng)
        latents = jnp.zeros((1, self.config.model.latent_size))
        labels = self.one_hot(jnp.zeros(1, jnp.int32))
        images = jnp.zeros((1, side, side, channels))
        return {
            "g": self.generator.init(g_rng, latents, labels, side, 1.0),
            "d": self.discriminator.init(d_rng, images, side, 1.0),
        }

    @property
    def generator(self) -> ProgressiveGenerator:
        return ProgressiveGenerator(self._widths, self.data.channels, self.config.precision)

    @property
    def discriminator(self) -> ProgressiveDiscriminator:
        num_labels = self.data.num_classes if self.conditional else 0
        group = self.config.model.stddev_group
        return ProgressiveDiscriminator(self._widths, num_labels, group, self.config.precision)

    @property
    def _widths(self) -> tuple[int, ...]:
        fields = self.config.model
        return tuple(
            min(int(fields.fmap_base / 2 ** (level * fields.fmap_decay)), fields.fmap_max)
            for level in range(self.data.height.bit_length() - 1)
        )

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        return jax.random.normal(rng, (num, self.config.model.latent_size))

    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        resolution, alpha = stage.image_size[0], stage.traced["alpha"]
        one_hot = self.one_hot(labels)
        images = self.generator.apply(variables["g"], latents, one_hot, resolution, alpha)
        return nearest_up(images, self.data.height // resolution)

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        resolution, alpha = stage.image_size[0], stage.traced["alpha"]
        images = box_down(images, self.data.height // resolution)
        scores, _ = self.discriminator.apply(variables["d"], images, resolution, alpha)
        return scores

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("d", ("d",), self._d_phase), Phase("g", ("g",), self._g_phase))

    def _d_phase(self, trainable, frozen, batch, rng, context):
        latents_rng, mix_rng = jax.random.split(rng)
        num = len(batch["image"])
        return self.discriminator_loss(
            {net: bind(trainable, frozen, net) for net in frozen},
            fade_reals(batch["image"], context.traced["alpha"]),
            batch["label"],
            self.latents(latents_rng, num),
            jax.random.uniform(mix_rng, (num,)),
            context,
        )

    def _g_phase(self, trainable, frozen, batch, rng, context):
        latents_rng, labels_rng = jax.random.split(rng)
        num = len(batch["image"])
        return self.generator_loss(
            {net: bind(trainable, frozen, net) for net in frozen},
            self.latents(latents_rng, num),
            self.random_labels(labels_rng, num),
            context,
        )

    def discriminator_loss(
        self,
        variables: Variables,
        reals: jax.Array,
        labels: jax.Array,
        latents: jax.Array,
        mix: jax.Array,
        context: Context,
    ) -> tuple[jax.Array, Aux]:
        """WGAN-GP with drift (equation 1 and appendix A.1); AC-GAN terms if conditional.

        Args:
          variables: of both nets.
          reals: (N, h, w, C) at the stage's resolution, faded.
          labels: int32 (N,) of the reals; the fakes take the same.
          latents: (N, D) of the fakes.
          mix: (N,) in [0, 1], where between real and fake the penalty looks.
          context: stage.
        """
        fields, resolution, alpha = (
            self.config.model,
            context.image_size[0],
            context.traced["alpha"],
        )
        one_hot = self.one_hot(labels)
        fakes = self.generator.apply(variables["g"], latents, one_hot, resolution, alpha)

        def discriminate(images: jax.Array) -> tuple[jax.Array, jax.Array]:
            return self.discriminator.apply(variables["d"], images, resolution, alpha)

        real_scores, real_logits = discriminate(reals)
        fake_scores, fake_logits = discriminate(fakes)
        mixed = losses.interpolates(reals, fakes, mix)
        norms = losses.gradient_norms(lambda images: discriminate(images)[0], mixed)
        # The original penalises gradients with respect to full-size pixels. Where a pixel of the
        # stage is repeated f x f times, each copy has 1 / f² of its gradient: the norm is 1 / f.
        norms = norms * (resolution / self.data.height)
        penalty = fields.gradient_penalty * losses.gradient_penalty(norms, fields.gradient_target)
        loss = losses.wasserstein_critic(real_scores, fake_scores) + penalty
        loss += fields.drift * losses.drift(real_scores)
        metrics = {
            "score_real": real_scores,
            "score_fake": fake_scores,
            "gradient_penalty": penalty,
            "gradient_norm": norms,
        }
        if self.conditional:
            for name, logits in (("label_real", real_logits), ("label_fake", fake_logits)):
                metrics[name] = optax.softmax_cross_entropy(logits, one_hot)
                loss += fields.label_weight * metrics[name]
        return loss.mean(), Aux(jax.tree.map(jnp.mean, metrics))

    def generator_loss(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, context: Context
    ) -> tuple[jax.Array, Aux]:
        """WGAN; AC-GAN term if conditional.

        Args:
          variables: of both nets.
          latents: (N, D).
          labels: int32 (N,).
          context: stage.
        """
        resolution, alpha = context.image_size[0], context.traced["alpha"]
        one_hot = self.one_hot(labels)
        fakes = self.generator.apply(variables["g"], latents, one_hot, resolution, alpha)
        scores, logits = self.discriminator.apply(variables["d"], fakes, resolution, alpha)
        loss, metrics = losses.wasserstein_generator(scores), {"score_fake": scores}
        if self.conditional:
            metrics["label_fake"] = optax.softmax_cross_entropy(logits, one_hot)
            loss += self.config.model.label_weight * metrics["label_fake"]
        return loss.mean(), Aux(jax.tree.map(jnp.mean, metrics))


def _is_power_of_two(number: int) -> bool:
    return number > 0 and number.bit_count() == 1

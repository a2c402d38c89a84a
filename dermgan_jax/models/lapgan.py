"""LAPGAN (Denton et al., NeurIPS 2015, arXiv:1506.05751), also as WGAN-GP and conditional.

A Laplacian pyramid of GANs. At the coarsest level a generator makes small images from noise. At
each finer level another generator is given noise and the coarser image, scaled up, and makes the
residual: the details that the coarser image lacks. Each level is trained on the pyramids of real
images and shares no parameters with the others. The losses of all levels are added up; since Adam
treats every parameter by itself, this trains each level as if it were alone.

Follows facebook/eyescream (train_cifar_*.lua), with two differences: the optimiser is Adam, as in
DCGAN, not SGD with rising momentum; images are in [-1, 1], not standardised pixel by pixel.
"""

from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.models import adversarial_losses
from dermgan_jax.models.contract import Aux, Phase, Sampler, Stage, Variables, bind
from dermgan_jax.nets.lapgan_networks import (
    CoarseDiscriminator,
    CoarseGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
    smooth_up,
)
from dermgan_jax.nets.resampling import box_down

SMALLEST = 5  # pixels: the discriminator of the next level sees at least twice as many


class LaplacianGan(Sampler):
    """Generators "g" and discriminators "d" of all levels; parameters by level, such as "16x16".

    Latents are standard normal numbers: latent_size for the coarsest level, then one for every
    pixel of each finer level, row by row. The generators are given them as noise with the
    original's distribution, which is uniform on [-1, 1].
    """

    bounds: ClassVar[Mapping[str, str]] = {
        **adversarial_losses.BOUNDS,
        "latent_size": "[1, 65536]",
        "start_resolution": "[4, 8192]",
        "generator_units": "[1, 65536]",
        "discriminator_units": "[1, 65536]",
        "width": "[1, 65536]",
        "discriminator_width": "[1, 65536]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        """The networks of the CIFAR experiments, dense ones as wide as in the paper."""
        fields = {
            **adversarial_losses.default_fields(),
            "latent_size": 100,  # of the coarsest level
            "start_resolution": 8,  # side of the coarsest level
            "generator_units": 1200,  # of the coarsest level's hidden layers
            "discriminator_units": 600,
            "width": 64,  # channels of the other levels
            "discriminator_width": 64,
            "dropout": True,  # in the discriminators
        }
        adam = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {"g": adam, "d": dict(adam)},
                "train": {"batch_size": 128},
                "ema": {"decay": 0.0},  # no averaging
            }
        )

    def faults(self) -> list[str]:
        fields, data = self.config.model, self.data
        found = adversarial_losses.faults(fields) + self.label_faults()
        start, side = fields.start_resolution, data.height
        if data.height != data.width:
            found.append(f"lapgan needs square images, not {data.height}x{data.width}")
        elif start < SMALLEST or side % start or (side // start).bit_count() != 1:
            found.append(
                f"model.start_resolution is {start}: set it to data.resolution ({side}) divided by "
                f"a power of two, at least {SMALLEST}"
            )
        return found

    @property
    def conditional(self) -> bool:
        return self.config.model.conditional

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the images of every level, coarse to fine."""
        start = self.config.model.start_resolution
        return tuple(start << level for level in range((self.data.height // start).bit_length()))

    def pyramid(self, images: jax.Array) -> dict[int, jax.Array]:
        """Side -> images (N, side, side, C) of full-size ones, by means of 2x2 pixels."""
        levels = {self.data.height: images}
        for side in reversed(self.sides[:-1]):
            images = levels[side] = box_down(images)
        return levels

    def generator(self, side: int) -> CoarseGenerator | ResidualGenerator:
        """Of one level."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        if side == self.sides[0]:
            return CoarseGenerator((side, side, self.data.channels), fields.generator_units, dtype)
        return ResidualGenerator(self.data.channels, fields.width, dtype)

    def discriminator(self, side: int) -> CoarseDiscriminator | ResidualDiscriminator:
        """Of one level."""
        fields, dtype = self.config.model, jnp.dtype(self.config.precision)
        if side == self.sides[0]:
            return CoarseDiscriminator(fields.discriminator_units, fields.dropout, dtype)
        return ResidualDiscriminator(fields.discriminator_width, fields.dropout, dtype)

    def init(self, rng: jax.Array) -> Variables:
        generators, discriminators = {}, {}
        labels = self.one_hot(jnp.zeros(1, jnp.int32))
        for level, side in enumerate(self.sides):
            g_rng, d_rng = jax.random.split(jax.random.fold_in(rng, level))
            images = jnp.zeros((1, side, side, self.data.channels))
            noise = jnp.zeros((1, *self._noise_shape(side)))
            inputs = (noise,) if level == 0 else (noise, images)
            g = self.generator(side).init(g_rng, *inputs, labels)
            d = self.discriminator(side).init(d_rng, images, labels, train=False)
            generators[_name(side)], discriminators[_name(side)] = g["params"], d["params"]
        return {"g": {"params": generators}, "d": {"params": discriminators}}

    def _noise_shape(self, side: int) -> tuple[int, ...]:
        coarsest = side == self.sides[0]
        return (self.config.model.latent_size,) if coarsest else (side, side)

    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        size = self.config.model.latent_size + sum(side**2 for side in self.sides[1:])
        return jax.random.normal(rng, (num, size))

    def noise(self, latents: jax.Array) -> dict[int, jax.Array]:
        """Side -> what the level's generator takes: (N, latent_size) or planes (N, side, side).

        Args:
          latents: (N, D), see the class.
        """
        uniform, parts, start = jax.lax.erf(latents * 2**-0.5), {}, 0
        for side in self.sides:
            shape = self._noise_shape(side)
            size = shape[0] if len(shape) == 1 else side**2
            parts[side] = uniform[:, start : start + size].reshape(-1, *shape)
            start += size
        return parts

    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        """Through the whole pyramid; the residuals are not bounded, nor are the images."""
        del stage
        images = None
        for side, noise in self.noise(latents).items():
            images = self._make(variables["g"]["params"], side, noise, images, labels)
        return images

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """The mean over the levels of their logits (N,), each judging the image at its own size.

        A level's logit is the log odds that its details are real, given the coarser image. Their
        sum would be the log odds of the whole pyramid. Logits of a conditional model are means over
        the classes of the data.
        """
        del stage
        classes = adversarial_losses.class_frequencies(self.config.model, self.data, len(images))
        params = variables["d"]["params"]
        scores = [
            self.discriminator(side).apply(
                {"params": params[_name(side)]}, level, classes, train=False
            )
            for side, level in self.pyramid(images).items()
        ]
        return jnp.stack(scores).mean(0)

    def phases(self) -> tuple[Phase, ...]:
        updates = self.config.model.critic_updates
        return (
            Phase("d", ("d",), self._d_phase, repeat=updates),
            Phase("g", ("g",), self._g_phase),
        )

    def _make(self, params, side, noise, coarser, labels):
        """Images of one level, of those of the coarser one if there is one."""
        variables, one_hot = {"params": params[_name(side)]}, self.one_hot(labels)
        if side == self.sides[0]:
            return self.generator(side).apply(variables, noise, one_hot)
        low = smooth_up(coarser)
        return low + self.generator(side).apply(variables, noise, low, one_hot)

    def _score_as(self, side, labels):
        """The discriminator of one level's images with these labels, as in training."""

        def score(variables, images, rng):
            scores = self.discriminator(side).apply(
                variables, images, self.one_hot(labels), train=True, rngs={"dropout": rng}
            )
            return scores, {}

        return score

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hands on the noise of its fakes: after several updates, of the last one's."""
        del context
        reals, terms, metrics, handoff = self.pyramid(batch["image"]), [], {}, {}
        generators = bind(trainable, frozen, "g")["params"]
        discriminators = bind(trainable, frozen, "d")["params"]
        for level, side in enumerate(self.sides):
            noise_rng, loss_rng = jax.random.split(jax.random.fold_in(rng, level))
            shape = (len(batch["image"]), *self._noise_shape(side))
            noise = jax.random.uniform(noise_rng, shape, minval=-1.0)
            fakes = self._make(generators, side, noise, reals.get(side // 2), batch["label"])
            loss, metrics_here, _ = adversarial_losses.discriminator_loss(
                self.config.model,
                self._score_as(side, batch["label"]),
                {"params": discriminators[_name(side)]},
                reals[side],
                fakes,
                loss_rng,
            )
            terms.append(loss)
            metrics |= _suffixed(metrics_here, side)
            handoff[f"noise_{side}"] = noise
        return sum(terms), Aux(metrics, handoff=handoff)

    def _g_phase(self, trainable, frozen, batch, rng, context):
        reals, terms, metrics = self.pyramid(batch["image"]), [], {}
        generators = bind(trainable, frozen, "g")["params"]
        discriminators = bind(trainable, frozen, "d")["params"]
        for level, side in enumerate(self.sides):
            noise = context.handoff[f"noise_{side}"]
            fakes = self._make(generators, side, noise, reals.get(side // 2), batch["label"])
            loss, metrics_here = adversarial_losses.generator_loss(
                self.config.model,
                self._score_as(side, batch["label"]),
                {"params": discriminators[_name(side)]},
                fakes,
                jax.random.fold_in(rng, level),
            )
            terms.append(loss)
            metrics |= _suffixed(metrics_here, side)
        return sum(terms), Aux(metrics)


def _name(side: int) -> str:
    return f"{side}x{side}"


def _suffixed(metrics: Mapping[str, jax.Array], side: int) -> dict[str, jax.Array]:
    return {f"{name}_{side}": value for name, value in metrics.items()}

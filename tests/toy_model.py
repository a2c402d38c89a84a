"""A model of one matrix per net that uses every feature of the contract, for testing the engine.

"d" runs twice per iteration, "penalty" every third iteration, "g" reads what "d" handed on, and
the model's own state counts updates.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.models.contract import Aux, Phase, Sampler

LATENT = 3


@dataclasses.dataclass(frozen=True)
class ToyModel(Sampler):
    """Generates images by one matrix product, scores them by another."""

    bounds: ClassVar[Mapping[str, str]] = {"width": "[1, 9]"}

    @staticmethod
    def default_config():
        adam = {"learning_rate": 0.01, "b1": 0.5, "b2": 0.9, "eps": 1e-8}
        return ConfigDict({"model": {"width": 1}, "optimizers": {"g": adam, "d": dict(adam)}})

    @property
    def shape(self):
        return (self.data.height, self.data.width, self.data.channels)

    def init(self, rng):
        height, width, channels = self.shape
        size = height * width * channels
        g_rng, d_rng = jax.random.split(rng)
        return {
            "g": {"params": {"w": 0.1 * jax.random.normal(g_rng, (LATENT, size))}},
            "d": {
                "params": {"w": 0.1 * jax.random.normal(d_rng, (size,))},
                "batch_stats": {"mean": jnp.zeros(())},
            },
        }

    def init_extra(self, rng):
        return {"updates": jnp.zeros((), jnp.int32)}

    def latents(self, rng, num):
        return jax.random.normal(rng, (num, LATENT))

    def sample(self, variables, latents, labels, stage):
        return jnp.tanh(latents @ variables["g"]["params"]["w"]).reshape(-1, *self.shape)

    def score(self, variables, images, stage):
        return images.reshape(len(images), -1) @ variables["d"]["params"]["w"]

    def _fakes(self, params, rng, num):
        return jnp.tanh(self.latents(rng, num) @ params["w"])

    def d_loss(self, trainable, frozen, batch, rng, context):
        real = batch["image"].reshape(len(batch["image"]), -1)
        fake = self._fakes(frozen["g"]["params"], rng, len(real))
        scores = (real @ trainable["d"]["w"], fake @ trainable["d"]["w"])
        loss = jnp.mean(jax.nn.softplus(-scores[0])) + jnp.mean(jax.nn.softplus(scores[1]))
        return loss, Aux(
            metrics={"score_real": jnp.mean(scores[0]), "score_fake": jnp.mean(scores[1])},
            collections={"d": {"batch_stats": {"mean": jnp.mean(real)}}},
            handoff={"mean": jnp.mean(real)},
            extra={"updates": context.extra["updates"] + 1},
        )

    def penalty_loss(self, trainable, frozen, batch, rng, context):
        return 0.1 * jnp.sum(trainable["d"]["w"] ** 2), Aux(metrics={})

    def g_loss(self, trainable, frozen, batch, rng, context):
        fake = self._fakes(trainable["g"], rng, len(batch["image"]))
        loss = jnp.mean(jax.nn.softplus(-(fake @ frozen["d"]["params"]["w"])))
        return loss + 0 * context.handoff["mean"], Aux(metrics={"mean": context.handoff["mean"]})

    def phases(self):
        return (
            Phase("d", ("d",), self.d_loss, repeat=2),
            Phase("penalty", ("d",), self.penalty_loss, every=3),
            Phase("g", ("g",), self.g_loss),
        )

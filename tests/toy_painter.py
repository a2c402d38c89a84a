"""A smallest painter: the colour of a pixel follows from its class alone."""

import dataclasses

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax.models.contract import Aux, Phase
from dermgan_jax.models.painter import Painter


@dataclasses.dataclass(frozen=True)
class ToyPainter(Painter):
    """One matrix, trained by the squared difference to the real image."""

    @staticmethod
    def default_config():
        adam = {"learning_rate": 0.05, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
        return ConfigDict({"model": {}, "optimizers": {"g": adam}, "data": {"masks": True}})

    @property
    def multiple(self):
        return 1

    def init(self, rng):
        shape = (self.data.mask_classes, self.data.channels)
        return {"g": {"params": {"colours": 0.1 * jax.random.normal(rng, shape)}}}

    def phases(self):
        return (Phase("g", ("g",), self._loss),)

    def _loss(self, trainable, frozen, batch, rng, context):
        del frozen, rng, context
        painted = jnp.tanh(trainable["g"]["colours"][batch["mask"]])
        return jnp.square(painted - batch["image"]).mean(), Aux({})

    def latents(self, rng, num):
        del rng
        return jnp.zeros((num, 0))

    def paint(self, variables, masks, labels, latents):
        del labels, latents
        return jnp.tanh(variables["g"]["params"]["colours"][masks])

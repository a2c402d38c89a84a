"""A sampler with styles whose images are known: the style of each layer colours a band of rows."""

import dataclasses

import jax
import jax.numpy as jnp
from never_trained import NeverTrained

from dermgan_jax.config import experiment, validate
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Stage, StyleSampler
from dermgan_jax.runs.restore import Restored
from dermgan_jax.synthesis import trained_sampler

LAYERS, SIDE = 4, 32
STAGE = Stage((SIDE, SIDE), 1, {})


@dataclasses.dataclass(frozen=True)
class Painter(NeverTrained, StyleSampler):
    """Styles are half the latents; random noise adds one number to the whole image."""

    def latents(self, rng, num):
        return jax.random.normal(rng, (num, 3))

    def styles(self, variables, latents, labels):
        return jnp.repeat(latents[:, None] / 2, LAYERS, axis=1)

    def mean_style(self, variables):
        return jnp.full(3, 0.25)

    def synthesize(self, variables, styles, noise="const"):
        bands = jnp.repeat(styles, SIDE // LAYERS, axis=1)
        images = jnp.broadcast_to(bands[:, :, None], (len(styles), SIDE, SIDE, 3))
        if isinstance(noise, str):
            return images
        return images + jax.random.normal(noise, (len(styles), 1, 1, 1))


def painter():
    config = experiment("pgan")
    config.train.total_kimg = 1.0
    return Painter(validate(config), DataSpec(SIDE, SIDE, 3, (), num_examples=4))


def holds_a_painter(monkeypatch):
    """Whatever the work directory, it holds a painter from now on."""
    restored = Restored(painter(), {"g": {}}, STAGE, step=7, run="of paint", classes=())
    monkeypatch.setattr(trained_sampler, "restore", lambda workdir, checkpoint: restored)

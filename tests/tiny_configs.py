"""A smallest sensible experiment for every registered GAN, for the contract tests.

Also a configuration file: --config=tests/tiny_configs.py:NAME.
"""

from dermgan_jax import registry
from dermgan_jax.config import experiment

registry.REGISTRY["gan"]["toy"] = "toy_gan:ToyGan"


def _phantoms(config, resolution):
    config.data.update({"dataset": "phantom", "num_images": 96, "resolution": resolution})
    config.checkpoint.every_kimg = 0.032
    config.eval.update({"num_images": 16, "grid": (2, 4), "snapshot_kimg": 0.128})
    config.train.log_every_steps = 2
    return config


def toy():
    """48 iterations of two minibatches."""
    config = _phantoms(experiment("toy"), 16)
    config.train.update({"total_kimg": 0.768, "batch_size": 8})
    return config


def pgan():
    """4x4, then 8x8, each 64 images faded in and 64 stable: 24 iterations."""
    config = _phantoms(experiment("pgan"), 8)
    config.train.total_kimg = 0.24
    config.gan.update(
        {"latent_size": 8, "fmap_base": 64, "fmap_max": 8, "stable_kimg": 0.064, "fade_kimg": 0.064}
    )
    config.gan.batch_sizes = ((4, 8), (8, 8))
    return config


TINY = {"pgan": pgan, "toy": toy}


def get_config(name):
    """The tiny experiment of one GAN."""
    return TINY[name]()

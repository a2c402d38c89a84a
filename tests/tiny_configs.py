"""A smallest sensible experiment for every registered model, for the contract tests.

Also a configuration file: --config=tests/tiny_configs.py:NAME.
"""

from dermgan_jax import registry
from dermgan_jax.config import experiment

registry.REGISTRY["model"]["toy"] = "toy_model:ToyModel"


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
    config.model.update(
        {"latent_size": 8, "fmap_base": 64, "fmap_max": 8, "stable_kimg": 0.064, "fade_kimg": 0.064}
    )
    config.model.batch_sizes = ((4, 8), (8, 8))
    return config


def _translator(name):
    """12 iterations of 8 images of each domain, at 16x16."""
    config = _phantoms(experiment(name), 16)
    config.data.update(
        {
            "dataset": "phantom_pairs",
            "domain_a": ("clinical",),
            "domain_b": ("dermoscopic",),
            "load_resolution": 18,
            "split_fractions": (0.8, 0.0, 0.2),
        }
    )
    config.eval.snapshot_kimg = 0.064
    config.train.update({"total_kimg": 0.096, "total_epochs": 0.0, "batch_size": 8})
    config.model.update({"width": 4, "discriminator_width": 4, "discriminator_layers": 1})
    config.eval.grid = (2, 1)
    config.checkpoint.best_metric = "AtoB/train/swd"
    return config


def cyclegan():
    """Two residual blocks, pools that fill up and overflow."""
    config = _translator("cyclegan")
    config.model.update({"num_blocks": 2, "pool_size": 20})
    return config


def pix2pix():
    """A U-Net with dropout, which it has from six levels on, and batch normalisation, on pairs."""
    config = _translator("pix2pix")
    config.data.update({"paired": True, "resolution": 64, "load_resolution": 72})
    config.model.update({"num_downs": 6, "dropout": True})
    return config


def cut():
    """Antialiased, flipped half of the time, with features of three layers."""
    config = _translator("cut")
    config.model.flip_equivariance = True
    config.model.update(
        {"num_blocks": 1, "nce_layers": (0, 4, 8), "num_patches": 16, "embedding": 8}
    )
    return config


def dcgan():
    """Conditional, with batch normalisation, at 16x16: 12 iterations."""
    config = _phantoms(experiment("dcgan"), 16)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update(
        {"latent_size": 8, "width": 4, "discriminator_width": 4, "conditional": True}
    )
    return config


def lapgan():
    """Levels 8x8 and 16x16, WGAN-GP with two critic updates: 6 iterations."""
    config = _phantoms(experiment("lapgan"), 16)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"latent_size": 8, "width": 4, "discriminator_width": 4})
    config.model.update({"generator_units": 16, "discriminator_units": 16})
    config.model.update({"loss": "wgangp", "critic_updates": 2})
    return config


def stylegan2():
    """Conditional, with ADA and both lazy penalties every fourth of 12 iterations, at 8x8."""
    config = _phantoms(experiment("stylegan2"), 8)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"latent_size": 8, "style_size": 8, "mapping_layers": 2, "label_layers": 1})
    config.model.update({"channel_base": 64, "channel_max": 8, "conditional": True})
    config.model.update({"r1_interval": 4, "path_interval": 4})
    config.model.update({"augment": "ada", "augment_policy": "bg", "augment_p": 0.3})
    config.model.update({"ada_interval": 2, "ada_kimg": 0.5})
    return config


def fastgan():
    """At 32x32, without reconstructions, whose decoders are wide: 12 iterations."""
    config = _phantoms(experiment("fastgan"), 32)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"latent_size": 8, "width": 4, "discriminator_width": 4})
    config.model.update({"distance": "pixels", "reconstruction": 0.0})
    return config


def projected():
    """Conditional, through drawn features of a tiny network, at 32x32: 12 iterations."""
    config = _phantoms(experiment("projected"), 32)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"latent_size": 8, "width": 4})
    config.model.update({"features": "tiny", "pretrained": False, "feature_side": 32})
    config.model.update({"projection_width": 4, "discriminator_width": 4, "conditional": True})
    return config


def classifier():
    """A tiny ResNet of which two stages of three are trained, at 16x16: 12 iterations."""
    config = _phantoms(experiment("classifier"), 16)
    config.train.update({"total_kimg": 0.096, "total_epochs": 0.0, "batch_size": 8})
    config.checkpoint.every_epochs = 0.0
    config.eval.update({"snapshot_epochs": 0.0, "snapshot_kimg": 0.064})
    config.eval.update({"every_epochs": 0.0, "every_kimg": 0.04})
    config.model.update({"network": "tiny", "pretrained": False, "image_size": 16})
    config.model.update({"trained_stages": 2, "hidden": (8,), "augment": "classical"})
    config.model.plateau_patience = 1
    return config


def superres():
    """From 8x8 to 16x16: six iterations by pixels, six against a discriminator."""
    config = _phantoms(experiment("superres"), 16)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"generator": "msrresnet", "scale": 2, "width": 4, "num_blocks": 1})
    config.model.update({"discriminator_width": 4, "pixel_kimg": 0.048})
    config.model.update({"perceptual_taps": ("conv2_1",), "perceptual_divisor": 16})
    config.model.pretrained = False
    return config


def fanogan():
    """At 8x8, of normal phantoms: an iteration of two critic updates, then ten of izi_f."""
    config = _phantoms(experiment("fanogan"), 8)
    config.data.update({"num_images": 192, "normal": ("nv", "bkl")})
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.update({"snapshot_kimg": 0.064, "grid": (2, 2)})
    config.model.update({"latent_size": 8, "width": 4, "discriminator_width": 4})
    config.model.update({"gan_kimg": 0.016, "critic_updates": 2})
    return config


def spade():
    """At 32x32, which is one pixel doubled five times, with class and VAE: 12 iterations."""
    config = _phantoms(experiment("spade"), 32)
    config.train.update({"total_kimg": 0.096, "total_epochs": 0.0, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"width": 2, "hidden": 4, "discriminator_width": 4, "perceptual": 0.0})
    config.model.update({"discriminator_layers": 3, "conditional": True, "vae": True})
    config.model.update({"latent_size": 8, "encoder_width": 2, "encoder_side": 16})
    return config


def segmenter():
    """Two levels at 16x16: 12 iterations."""
    config = _phantoms(experiment("segmenter"), 16)
    config.train.update({"total_kimg": 0.096, "batch_size": 8})
    config.eval.snapshot_kimg = 0.064
    config.model.update({"width": 4, "levels": 2, "decay_kimg": 0.08})
    return config


TINY = {
    "spade": spade,
    "segmenter": segmenter,
    "pgan": pgan,
    "cyclegan": cyclegan,
    "pix2pix": pix2pix,
    "cut": cut,
    "dcgan": dcgan,
    "lapgan": lapgan,
    "stylegan2": stylegan2,
    "fastgan": fastgan,
    "projected": projected,
    "classifier": classifier,
    "fanogan": fanogan,
    "superres": superres,
    "toy": toy,
}


def get_config(name):
    """The tiny experiment of one model."""
    return TINY[name]()

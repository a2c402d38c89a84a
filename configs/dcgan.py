"""DCGAN on dermoscopic images (Table 1 of the PGAN-against-DCGAN-and-LAPGAN study on ISIC 2018;
networks of Radford et al., ICLR 2016).

  python -m dermgan_jax.main --config=configs/dcgan.py --workdir=runs/dcgan \
      --config.data.dir=/data/ISIC2018

Without a variant this is the study's experiment: 256×256, latent 128, no labels, 3 million
iterations of 8 images. Cost: days on one GPU. Reported there: SWD 94.72 (×10³, 10,000 samples);
PGAN 20.02; real against real 4.34.

Variants, after a colon:
  wgangp               the same trained as WGAN-GP (Gulrajani et al., 2017): of five updates one
                       is the generator's
  phantom              drawn phantoms at 32×32, minutes on a CPU
  phantom_wgangp       the same trained as WGAN-GP
  ham10000_32          HAM10000 at 32×32, data and evaluation as in configs/pgan.py
  ham10000_32_wgangp   the same trained as WGAN-GP
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment

VARIANTS = ("", "wgangp", "phantom", "phantom_wgangp", "ham10000_32", "ham10000_32_wgangp")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r} of dcgan; there are {', '.join(VARIANTS[1:])}")
    config = experiment("dcgan")
    config.title = "DCGAN on ISIC 2018 at 256×256"
    config.model.latent_size = 128
    config.data.update(
        {
            "dataset": "isic2018",
            "resolution": 256,
            "mirror": False,
            "split_fractions": (1.0, 0.0, 0.0),
            "cache": "host",
        }
    )
    config.train.update({"batch_size": 8, "total_kimg": 24000.0, "log_every_steps": 100})
    config.checkpoint.every_kimg = 100.0
    config.eval.update({"every_kimg": 600.0, "num_images": 8192})
    if variant.startswith("phantom"):
        _small(config, "phantom", kimg=200.0)
        config.title = "DCGAN on drawn phantoms, 32×32"
        config.data.num_images = 2000
        config.model.update({"width": 32, "discriminator_width": 32})
        config.eval.num_images = 1024
    elif variant.startswith("ham10000_32"):
        _small(config, "ham10000", kimg=200.0)
        config.title = "DCGAN on HAM10000 at 32×32"
    if variant.endswith("wgangp"):
        _as_wgangp(config)
    return config


def _small(config: ConfigDict, dataset: str, kimg: float) -> None:
    """32×32, for one small machine."""
    config.data.update(
        {
            "dataset": dataset,
            "resolution": 32,
            "mirror": True,
            "split_fractions": (0.7, 0.15, 0.15),
            "cache": "device",
        }
    )
    config.train.update({"batch_size": 32, "total_kimg": kimg, "log_every_steps": 50})
    config.checkpoint.every_kimg = kimg / 40
    config.eval.update({"every_kimg": kimg / 10, "snapshot_kimg": kimg / 20, "num_images": 2048})


def _as_wgangp(config: ConfigDict) -> None:
    """Loss, critic and optimiser of WGAN-GP (its 64×64 script)."""
    config.title += ", WGAN-GP"
    config.model.update({"loss": "wgangp", "critic_updates": 5, "discriminator_norm": "layer"})
    for net in ("g", "d"):
        config.optimizers[net].update({"learning_rate": 1e-4, "b1": 0.0, "b2": 0.9})

"""LAPGAN on dermoscopic images (Table 1 of the PGAN-against-DCGAN-and-LAPGAN study on ISIC 2018;
networks of Denton et al., NeurIPS 2015).

  python -m dermgan_jax.main --config=configs/lapgan.py --workdir=runs/lapgan \
      --config.data.dir=/data/ISIC2018

Without a variant this is the study's experiment: 256×256, latent 128, no labels, 3 million
iterations of 8 images. Cost: days on one GPU. Reported there: SWD 96.68 (×10³, 10,000 samples);
PGAN 20.02; real against real 4.34. The study does not say which levels it used; here they are 8,
16, …, 256.

Variants, after a colon:
  wgangp               the same trained as WGAN-GP (Gulrajani et al., 2017): of five updates one
                       is the generator's
  phantom              drawn phantoms at 32×32, half an hour on a CPU
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
        raise ValueError(f"no variant {variant!r} of lapgan; there are {', '.join(VARIANTS[1:])}")
    config = experiment("lapgan")
    config.title = "LAPGAN on ISIC 2018 at 256×256"
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
        _small(config, "phantom", kimg=100.0)
        config.title = "LAPGAN on drawn phantoms, 32×32"
        config.data.num_images = 2000
        config.eval.num_images = 1024
    elif variant.startswith("ham10000_32"):
        _small(config, "ham10000", kimg=200.0)
        config.title = "LAPGAN on HAM10000 at 32×32"
    if variant.endswith("wgangp"):
        _as_wgangp(config)
    return config


def _small(config: ConfigDict, dataset: str, kimg: float) -> None:
    """32×32, for one small machine. No dropout, as in the original's larger images (LSUN)."""
    config.model.update({"width": 16, "discriminator_width": 16, "generator_units": 600})
    config.model.dropout = False
    config.data.update(
        {
            "dataset": dataset,
            "resolution": 32,
            "mirror": True,
            "split_fractions": (0.7, 0.15, 0.15),
            "cache": "device",
        }
    )
    config.train.update({"batch_size": 16, "total_kimg": kimg, "log_every_steps": 50})
    config.checkpoint.every_kimg = kimg / 40
    config.eval.update({"every_kimg": kimg / 10, "snapshot_kimg": kimg / 20, "num_images": 2048})


def _as_wgangp(config: ConfigDict) -> None:
    """Loss and optimiser of WGAN-GP, no dropout."""
    config.title += ", WGAN-GP"
    config.model.update({"loss": "wgangp", "critic_updates": 5, "dropout": False})
    for net in ("g", "d"):
        config.optimizers[net].update({"learning_rate": 1e-4, "b1": 0.0, "b2": 0.9})

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
from dermgan_jax.presets import isic2018_study, often, require_variant, small_images, wgangp

VARIANTS = ("", "wgangp", "phantom", "phantom_wgangp", "ham10000_32", "ham10000_32_wgangp")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("dcgan")
    config.title = "DCGAN on ISIC 2018 at 256×256"
    isic2018_study(config)
    config.train.update({"batch_size": 8, "total_kimg": 24000.0})
    config.eval.every_kimg = 600.0
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
        wgangp(config)
        config.model.discriminator_norm = "layer"
    return config


def _small(config: ConfigDict, dataset: str, kimg: float) -> None:
    """32×32, for one small machine."""
    small_images(config, dataset, resolution=32)
    often(config, kimg)
    config.train.batch_size = 32

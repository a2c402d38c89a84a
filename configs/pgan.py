"""Progressive growing of GANs on dermoscopic images (Table 1 of the PGAN-against-DCGAN-and-LAPGAN
study on ISIC 2018; networks and schedule of Karras et al., ICLR 2018).

  python -m dermgan_jax.main --config=configs/pgan.py --workdir=runs/pgan \
      --config.data.dir=/data/ISIC2018

Without a variant this is the paper's experiment: 256×256, latent 128, no labels, 12,000 thousand
images. Cost: days on one GPU. Reported there: SWD 20.02 (×10³, 10,000 samples), real against real
4.34.

Variants, after a colon:
  phantom        the quick start: drawn phantoms at 32×32, minutes on a CPU
  ham10000_32    HAM10000 at 32×32, within an hour on two CPU cores
  ham10000_64    HAM10000 at 64×64, a night on a CPU or minutes on a GPU
  ham10000_128   HAM10000 at 128×128, hours on a GPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import isic2018_study, require_variant, small_images

VARIANTS = ("", "phantom", "ham10000_32", "ham10000_64", "ham10000_128")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("pgan")
    config.title = "Progressive GAN on ISIC 2018 at 256×256"
    isic2018_study(config)
    config.train.total_kimg = 12000.0
    config.eval.every_kimg = 300.0
    if variant == "phantom":
        _small(config, "phantom", resolution=32, kimg_per_step=10.0)
        config.title = "Quick start: progressive GAN on drawn phantoms, 32×32"
        config.data.num_images = 2000
        config.model.fmap_max = 32
        config.ema.decay = 0.99
        config.eval.num_images = 1024
        config.train.total_kimg = 80.0
    elif variant == "ham10000_32":
        _small(config, "ham10000", resolution=32, kimg_per_step=20.0)
    elif variant == "ham10000_64":
        _small(config, "ham10000", resolution=64, kimg_per_step=60.0)
    elif variant == "ham10000_128":
        _small(config, "ham10000", resolution=128, kimg_per_step=200.0)
        config.model.update({"fmap_base": 4096, "fmap_max": 256})
        config.train.batch_size = 16
    return config


def _small(config: ConfigDict, dataset: str, resolution: int, kimg_per_step: float) -> None:
    """Fewer feature maps, small batches and a short curriculum, for one small machine.

    Every fade and every plateau lasts `kimg_per_step`, except that the last resolution trains for
    four times as long. The average of the weights is shortened to fit.
    """
    growths = resolution.bit_length() - 3
    config.title = f"Progressive GAN on HAM10000 at {resolution}×{resolution}"
    config.model.update(
        {
            "fmap_base": 512,
            "fmap_max": 64,
            "stable_kimg": kimg_per_step,
            "fade_kimg": kimg_per_step,
            "batch_sizes": (),
        }
    )
    small_images(config, dataset, resolution)
    config.ema.decay = 0.995
    config.train.update({"total_kimg": (2 * growths + 4) * kimg_per_step, "batch_size": 8})
    config.checkpoint.every_kimg = kimg_per_step / 4
    config.eval.update({"every_kimg": kimg_per_step, "snapshot_kimg": kimg_per_step / 2})

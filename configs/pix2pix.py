"""pix2pix (Isola et al., CVPR 2017) from clinical to dermoscopic photographs of the same lesions.

  python -m dermgan_jax.main --config=configs/pix2pix.py --workdir=runs/pix2pix \
      --config.data.dir=/data/derm7pt

Without a variant: derm7pt pairs at 256×256, the published U-Net-256 and losses, 200 epochs, the
published test split held out. The two photographs of a case show the lesion at another place, size
and angle, so that what is learnt is a likely look rather than this lesion's pixels; aligned pairs
of your own are a folder of two folders (`data.dataset=image_folders`). Cost: half a day on one GPU.

Variants, after a colon:
  masks     lesion masks of HAM10000 to images, 64×64, narrow networks, for two CPU cores: the
            baseline of configs/spade.py. Cost: not run here
  phantom   drawn pairs at 32×32, minutes on a CPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import derm7pt_domains, drawn_pairs, require_variant, small_images

VARIANTS = ("", "masks", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("pix2pix")
    config.title = "pix2pix, clinical → dermoscopic"
    derm7pt_domains(config)
    config.data.paired = True
    config.train.log_every_steps = 100
    config.checkpoint.best_metric = "AtoB/test/lpips"
    config.eval.metrics = ("lpips", "kid", "fid", "ssim", "psnr")
    if variant == "masks":
        _masks(config)
    elif variant == "phantom":
        _phantom(config)
    return config


def _masks(config: ConfigDict) -> None:
    """An eighth of the width; masks of all classes, white where the lesion is."""
    config.title = "pix2pix, lesion masks → dermoscopic images at 64×64"
    small_images(config, "ham10000", 64)
    config.data.update({"domain_a": ("mask",), "domain_b": ("image",), "load_resolution": 0})
    config.model.update({"num_downs": 6, "width": 16, "discriminator_width": 32})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 5, "decay_epochs": 4})
    config.train.update({"batch_size": 16, "total_epochs": 9.0})
    config.checkpoint.update({"every_epochs": 0.5, "best_metric": "AtoB/test/swd"})
    config.eval.update({"every_epochs": 3.0, "snapshot_epochs": 1.0, "num_images": 500})
    config.eval.metrics = ("swd", "ssim", "psnr")


def _phantom(config: ConfigDict) -> None:
    """Smaller nets on 400 drawn pairs, without pretrained weights."""
    config.title = "pix2pix on drawn pairs, 32×32"
    drawn_pairs(config, num_images=1000, load_resolution=34)
    config.model.update({"num_downs": 5, "width": 24, "discriminator_width": 24})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 20, "decay_epochs": 20})
    config.train.update({"batch_size": 4, "total_epochs": 40.0})
    config.eval.num_images = 100

"""pix2pix (Isola et al., CVPR 2017) from clinical to dermoscopic photographs of the same lesions.

  python -m dermgan_jax.main --config=configs/pix2pix.py --workdir=runs/pix2pix \
      --config.data.dir=/data/derm7pt

Without a variant: derm7pt pairs at 256×256, the published U-Net-256 and losses, 200 epochs, the
published test split held out. The two photographs of a case show the lesion at another place, size
and angle, so that what is learnt is a likely look rather than this lesion's pixels; aligned pairs
of your own are a folder of two folders (`data.dataset=image_folders`). Cost: half a day on one GPU.

Variants, after a colon:
  phantom   drawn pairs at 32×32, minutes on a CPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment

VARIANTS = ("", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    if variant not in VARIANTS:
        raise ValueError(f"no variant {variant!r} of pix2pix; there are {', '.join(VARIANTS[1:])}")
    config = experiment("pix2pix")
    config.title = "pix2pix, clinical → dermoscopic"
    config.data.update(
        {
            "dataset": "derm7pt",
            "domain_a": ("clinical",),
            "domain_b": ("dermoscopic",),
            "paired": True,
            "resolution": 256,
            "load_resolution": 286,
            "fit": "stretch",
            "cache": "host",
        }
    )
    config.train.log_every_steps = 100
    config.checkpoint.update({"every_epochs": 10.0, "best_metric": "AtoB/test/lpips"})
    config.eval.update(
        {
            "every_epochs": 25.0,
            "snapshot_epochs": 5.0,
            "metrics": ("lpips", "kid", "fid", "ssim", "psnr"),
            "grid": (6, 1),
        }
    )
    if variant == "phantom":
        _phantom(config)
    return config


def _phantom(config: ConfigDict) -> None:
    """Smaller nets on 400 drawn pairs, without pretrained weights."""
    config.title = "pix2pix on drawn pairs, 32×32"
    config.data.update(
        {
            "dataset": "phantom_pairs",
            "domain_a": ("close_up",),
            "num_images": 1000,
            "resolution": 32,
            "load_resolution": 34,
            "split_fractions": (0.8, 0.0, 0.2),
            "cache": "device",
        }
    )
    config.model.update({"num_downs": 5, "width": 24, "discriminator_width": 24})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 20, "decay_epochs": 20})
    config.train.update({"batch_size": 4, "total_epochs": 40.0})
    config.checkpoint.update({"every_epochs": 5.0, "best_metric": "AtoB/test/swd"})
    config.eval.update(
        {"every_epochs": 10.0, "metrics": ("swd", "ssim", "psnr"), "num_images": 100}
    )

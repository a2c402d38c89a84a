"""Super-resolution of dermoscopic images (ESRGAN, Wang et al., 2018; Real-ESRGAN, 2021).

  python -m dermgan_jax.main --config=configs/superres_ham10000.py --workdir=runs/superres \
      --config.data.dir=/data/HAM10000
  dermgan evaluate_upscaler --workdir=runs/superres --split=test --out=superres.json
  dermgan upscale --workdir=runs/superres --input=DIR --out=enlarged

A network learns to make 128×128 of 32×32 pixels, first by L1 alone, then with a perceptual and an
adversarial term, which need dermgan weights --fetch=lpips_vgg; LPIPS, which chooses the
checkpoint, needs lpips_alex. Enlarged images show detail that the small ones do not hold: it is a
guess, and the table says how far it contradicts them. Bicubic is always in that table.

Without a variant: RRDBNet of 16.7 million parameters, ESRGAN's losses and schedule, crops of 128
out of 150 pixels. Cost: days on a GPU. Not run here.

Variants, after a colon:
  small     16→64 pixels, an MSRResNet of 8 blocks, on two CPU cores: 30 thousand images by L1, 12
            thousand against a discriminator. Cost: 52 minutes of one core. On 1,503 test images
            LPIPS 0.042 (bicubic 0.278), PSNR-Y 34.5 (35.1), consistency 0.0050 (0.0041); after the
            first stage, on 500 validation images, PSNR-Y 36.4 (35.2), LPIPS 0.214 (0.272)
  blind     the variant small, of images that are blurred, noisy and compressed at random, as
            Real-ESRGAN: for photographs whose defects are not known. Not run here
  phantom   drawn phantoms, 16→32, minutes on two CPU cores, nothing to download
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import require_variant, small_images

VARIANTS = ("", "small", "blind", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("superres")
    config.title = "Super-resolution of HAM10000, 32→128"
    config.data.update({"dataset": "ham10000", "resolution": 128, "load_resolution": 150})
    config.train.log_every_steps = 100
    config.checkpoint.update({"every_kimg": 100.0, "best_metric": "lpips"})
    config.eval.metrics = ("psnr_y", "ssim_y", "lpips", "consistency", "mask_agreement")
    config.eval.update({"every_kimg": 400.0, "snapshot_kimg": 100.0, "grid": (6, 1)})
    if variant == "phantom":
        _phantom(config)
    elif variant:
        _small(config)
    if variant == "blind":
        config.title = "Blind super-resolution of HAM10000, 16→64"
        config.model.degradation = "second_order"
    return config


def _small(config: ConfigDict) -> None:
    """A narrow network without dense blocks; Real-ESRGAN's weights of the terms."""
    config.title = "Super-resolution of HAM10000, 16→64"
    small_images(config, "ham10000", 64)
    config.data.load_resolution = 0
    config.model.update({"generator": "msrresnet", "num_blocks": 8, "discriminator_width": 32})
    config.model.update({"pixel_kimg": 30.0, "cosine_kimg": 30.0, "halve_kimg": (6.0,)})
    config.model.update({"pixel": 1.0, "adversarial": 0.1, "relativistic": False})
    config.model.perceptual_taps = ("conv2_2", "conv3_3")
    config.model.perceptual_tap_weights = (0.1, 1.0)
    config.optimizers.g.learning_rate = 4e-4
    config.ema.half_life_kimg = 1.0
    config.train.update({"total_kimg": 42.0, "log_every_steps": 50})
    config.checkpoint.every_kimg = 3.0
    config.eval.update({"every_kimg": 6.0, "snapshot_kimg": 6.0, "num_images": 500})


def _phantom(config: ConfigDict) -> None:
    """Half the size, without the perceptual term, whose network would have to be fetched."""
    config.title = "Super-resolution of drawn phantoms, 16→32"
    small_images(config, "phantom", 32)
    config.data.update({"num_images": 1000, "load_resolution": 0})
    config.model.update({"generator": "msrresnet", "scale": 2, "width": 32, "num_blocks": 2})
    config.model.update({"discriminator_width": 16, "pixel_kimg": 6.0, "cosine_kimg": 6.0})
    config.model.update({"pixel": 1.0, "perceptual": 0.0, "halve_kimg": ()})
    config.optimizers.g.learning_rate = 1e-3
    config.ema.half_life_kimg = 0.2
    config.train.update({"total_kimg": 8.0, "log_every_steps": 50})
    config.checkpoint.update({"every_kimg": 1.0, "best_metric": "ssim_y"})
    config.eval.update({"every_kimg": 2.0, "snapshot_kimg": 2.0, "num_images": 150})
    config.eval.metrics = ("psnr_y", "ssim_y", "consistency", "mask_agreement")

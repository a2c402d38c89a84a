"""SPADE (Park et al., CVPR 2019): dermoscopic images of given lesion masks, of a class asked for.

  python -m dermgan_jax.main --config=configs/spade.py --workdir=runs/spade \
      --config.data.dir=/data/HAM10000
  dermgan generate --workdir=runs/spade --masks=MASKS --label=mel --out=painted
  dermgan judge --workdir=runs/segmenter --fake=painted

HAM10000 with the masks of all its images (HAM10000_segmentations_lesion_tschandl), all classes,
split by lesion; the class is a channel beside the mask. MASKS are image files, black where there is
skin; runs/segmenter is a run of configs/segmenter.py at the same size.

Without a variant the published networks, losses and learning rates at 256×256. The perceptual loss
compares features of the VGG16 of LPIPS (dermgan weights --fetch=lpips_vgg); the published one is of
VGG19: --config.model.perceptual_network=vgg19, with torchvision's file. Published: batches of 32 on
eight GPUs. Cost: not run here.

Variants, after a colon:
  vae       the same with styles as latents, so that a mask has many images
  small     64×64 on two CPU cores, narrower, with feature matching but no perceptual loss, averaged
            weights. Cost: 80 minutes of one core. A segmenter finds 466 test masks in what is
            painted of them nearly as well as in real images (Dice 0.90; 0.92); SWD × 1000 is 47
            (reals 19)
  phantom   drawn phantoms at 32×32: minutes on two CPU cores
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import often, require_variant, small_images

VARIANTS = ("", "vae", "small", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("spade")
    config.title = "SPADE: lesions of given masks"
    small_images(config, "ham10000", {"small": 64, "phantom": 32}.get(variant, 256))
    config.data.fit = "stretch"
    config.model.update({"conditional": True, "perceptual_network": "vgg16"})
    config.checkpoint.best_metric = "swd"
    config.eval.grid = (4, 9)
    if variant in ("small", "phantom"):
        _on_a_cpu(config)
        often(config, {"small": 60.0, "phantom": 12.0}[variant])
    else:
        config.model.vae = variant == "vae"
        config.data.cache = "host"
        config.checkpoint.every_epochs = 1.0
        config.eval.update({"every_epochs": 5.0, "snapshot_epochs": 1.0})
    if variant == "phantom":
        config.model.update({"width": 4, "hidden": 16, "discriminator_width": 16})
        config.model.discriminator_layers = 3
        config.data.num_images = 800
    return config


def _on_a_cpu(config: ConfigDict) -> None:
    """An eighth of the width, smaller batches, no network to download."""
    config.model.update({"width": 8, "hidden": 32, "discriminator_width": 32, "perceptual": 0.0})
    config.model.gain = 1.0  # so that masks count from the first step on
    for net, rate in (("g", 2e-4), ("e", 2e-4), ("d", 4e-4)):
        config.optimizers[net].learning_rate = rate
    config.ema.update({"half_life_kimg": 2.0, "ramp_up": 0.1})
    config.train.update({"batch_size": 8, "total_epochs": 0.0})
    config.eval.num_images = 500

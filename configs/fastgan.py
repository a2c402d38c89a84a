"""FastGAN on the melanomas of HAM10000 (Liu et al., ICLR 2021): skip-layer excitation, and a
discriminator that has to reconstruct what it sees.

  python -m dermgan_jax.main --config=configs/fastgan.py --workdir=runs/melanoma \
      --config.data.dir=/data/HAM10000

Weights have to be here: dermgan weights --fetch=lpips_vgg,inception.

Without a variant the published settings at 256×256 on a GPU: batches of 8, 400 thousand images.
Cost: a few hours on one RTX 2080 there; not run here yet. Reported there: FID 26 to 51 on sets of
100 to 389 photographs of animals.

Variants, after a colon:
  cpu           64×64 on two CPU cores, half the widths, reconstructions judged by AlexNet (fetch
                lpips_alex): over an hour; after 18 of its 40 thousand images KID 0.340 (real
                against real 0.001), FID 325 (42)
  phantom       drawn phantoms at 32×32, reconstructions judged by pixels: minutes on two CPU
                cores, nothing to download
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import few_images, require_variant, small_images

VARIANTS = ("", "cpu", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("fastgan")
    config.title = "FastGAN on melanomas of HAM10000 at 256×256"
    few_images(config, 256)
    config.train.update({"total_kimg": 400.0, "log_every_steps": 100})
    config.checkpoint.every_kimg = 10.0
    config.eval.update({"every_kimg": 40.0, "snapshot_kimg": 10.0})
    if variant == "cpu":
        _on_a_cpu(config)
    elif variant == "phantom":
        _phantom(config)
    return config


def _on_a_cpu(config: ConfigDict) -> None:
    config.title = "FastGAN on melanomas of HAM10000 at 64×64"
    config.data.resolution = 64
    config.model.update({"latent_size": 128, "width": 32, "discriminator_width": 32})
    config.model.distance = "alex"
    config.train.update({"total_kimg": 40.0, "log_every_steps": 50})
    config.checkpoint.every_kimg = 2.5
    config.eval.update({"every_kimg": 10.0, "snapshot_kimg": 2.5, "num_images": 500})


def _phantom(config: ConfigDict) -> None:
    config.title = "FastGAN on drawn phantoms, 32×32"
    small_images(config, "phantom", 32)
    config.data.update({"num_images": 2000, "classes": (), "fit": "crop"})
    config.model.update({"latent_size": 64, "width": 8, "discriminator_width": 8})
    config.model.distance = "pixels"
    config.train.update({"batch_size": 16, "total_kimg": 24.0})
    config.checkpoint.update({"every_kimg": 6.0, "best_metric": "swd"})
    config.eval.update({"every_kimg": 12.0, "snapshot_kimg": 6.0, "num_images": 1024})
    config.eval.metrics = ("swd", "diversity")

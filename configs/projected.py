"""Projected GAN on the melanomas of HAM10000 (Sauer et al., NeurIPS 2021): discriminators that look
at frozen features of EfficientNet-Lite0, made for few images and little compute.

  python -m dermgan_jax.main --config=configs/projected.py --workdir=runs/melanoma \
      --config.data.dir=/data/HAM10000

Its weights have to be here: dermgan weights --fetch=efficientnet_lite0,inception. For a folder of
your own images add --config.data.dataset=image_folder and --config.data.classes=().

Without a variant the published code's `fastgan_lite` at 256×256 on a GPU: batches of 64,
DiffAugment. Cost: not run here. Reported there, of 833 drawings (Pokemon): FID 26.4 after 0.8
million images.

Variants, after a colon:
  256           the same with half the width, which the authors doubled after the paper and which
                users found better on few images; needs images of 256 pixels or more. In bfloat16 on
                an H200 1,500 images a second: after 300 thousand images in five minutes, of 280
                melanomas, KID 0.004 (real against real 0.000), SWD 20 (untrained 184), precision
                0.86, recall 0.63, see docs/results.md
  cpu           64×64 on two CPU cores: an hour, KID 0.009, 0.020 with another seed (untrained
                0.701), FID 50 (real against real 42), SWD 38 (17), precision 0.81, recall 0.34
                (0.85), see docs/results.md
  cpu_small     the same with features of 64×64 in place of 224×224 pixels, and four times as many
                images: an hour, KID 0.016 at best, 0.022 with another seed, FID 57, SWD 31, recall
                0.31. A run that was begun as cpu when it meant this goes on as cpu_small
  128           128×128 on two CPU cores, from a run of cpu or cpu_small
                (--config.train.init_from=WORKDIR): 37 minutes, KID 0.033 at best, FID 87 (46), SWD
                35 (16), recall 0.10 (0.82)
  conditional   cpu_small on all seven classes, any of which can be sampled; FID's features of all
                real images take 10 minutes once. After 31 of its 80 thousand images, in 22 minutes:
                KID 0.063 against validation images
  phantom       drawn phantoms at 32×32, features of a small random network: minutes on two CPU
                cores, nothing to download
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import few_images, require_variant, small_images

VARIANTS = ("", "256", "128", "cpu", "cpu_small", "conditional", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("projected")
    config.title = "Projected GAN on melanomas of HAM10000 at 256×256"
    few_images(config, 256)
    config.train.update({"total_kimg": 1000.0, "log_every_steps": 100})
    config.checkpoint.every_kimg = 20.0
    config.eval.update({"every_kimg": 100.0, "snapshot_kimg": 20.0})
    if variant == "256":
        config.model.width = 64
    elif variant == "phantom":
        _phantom(config)
    elif variant:
        _on_a_cpu(config)
    if variant == "cpu":
        config.model.update({"feature_side": 224, "constant_kimg": 10.0, "decay_kimg": 10.0})
        config.train.total_kimg = 20.0
        config.checkpoint.every_kimg = 1.0
    elif variant == "128":
        config.title = "Projected GAN on melanomas of HAM10000 at 128×128"
        config.data.resolution = 128
        config.model.update({"feature_side": 128, "constant_kimg": 13.0, "decay_kimg": 26.0})
        config.model.diffaugment_policies = ("zoom", "color", "translation", "cutout")
        config.ema.ramp_up = 0.1
        config.train.total_kimg = 20.0
        config.eval.every_kimg = 10.0
    elif variant == "conditional":
        config.title = "Conditional Projected GAN on HAM10000 at 64×64"
        config.data.classes = ()
        config.model.conditional = True
    return config


def _on_a_cpu(config: ConfigDict) -> None:
    """A quarter of the width, small batches, features of small images, one batch of fakes."""
    config.title = "Projected GAN on melanomas of HAM10000 at 64×64"
    config.data.resolution = 64
    config.model.update({"latent_size": 128, "width": 32, "feature_side": 64})
    config.model.update({"projection_width": 32, "fresh_fakes": False, "diffaugment_cutout": 0.5})
    config.model.diffaugment_policies = ("color", "translation", "cutout")
    config.model.update({"constant_kimg": 40.0, "decay_kimg": 40.0})
    config.ema.half_life_kimg = 5.0
    config.train.update({"batch_size": 16, "total_kimg": 80.0, "log_every_steps": 50})
    config.checkpoint.every_kimg = 2.5
    config.eval.update({"every_kimg": 10.0, "snapshot_kimg": 2.5, "num_images": 500})


def _phantom(config: ConfigDict) -> None:
    config.title = "Projected GAN on drawn phantoms, 32×32"
    small_images(config, "phantom", 32)
    config.data.update({"num_images": 2000, "classes": (), "fit": "crop"})
    config.model.update({"latent_size": 64, "width": 8, "features": "tiny", "pretrained": False})
    config.model.update({"feature_side": 32, "projection_width": 16, "discriminator_width": 16})
    config.model.fresh_fakes = False
    config.ema.half_life_kimg = 1.0
    config.train.update({"batch_size": 16, "total_kimg": 24.0})
    config.checkpoint.update({"every_kimg": 6.0, "best_metric": "swd"})
    config.eval.update({"every_kimg": 12.0, "snapshot_kimg": 6.0, "num_images": 1024})
    config.eval.metrics = ("swd", "diversity")

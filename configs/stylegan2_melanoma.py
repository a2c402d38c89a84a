"""StyleGAN2 on the melanomas of HAM10000 (the study that filters synthetic melanomas by the
discriminator and adds them to a classifier's training set; networks of Karras et al., CVPR 2020).

  python -m dermgan_jax.main --config=configs/stylegan2_melanoma.py --workdir=runs/melanoma \
      --config.data.dir=/data/HAM10000

Without a variant this is the study's experiment: the melanomas of the training split (779 there,
where lesions were not kept apart), 128×128, WGAN-GP with a spectrally normalised discriminator
updated three times per iteration, 600 epochs. Networks of 16.3 and 16.2 million parameters, the
closest of this family to the study's 17.0 and 16.0. What the study does not say is as in StyleGAN2.
Cost: about four hours on one A100 there. Reported there: no measure of the images; with the 300
best of 1,000 samples added, a classifier's melanoma recall rises from 66.47 % to 71.86 %, and with
all of them as well.

Variants, after a colon:
  ada           what we recommend for so few images: logistic loss with R1 and path length
                penalties, adaptive augmentation that leaves colours nearly alone, 5,000 thousand
                images; the settings are the official code's automatic ones. A day on one GPU
  256           the same at 256×256
  conditional   ada on all seven classes, any of which can be sampled
  small         the recommended recipe at 64×64 with few feature maps, for a first look: an hour on
                two CPU cores, SWD 49 (untrained 154, real against real 17), KID 0.195 (0.526)
  phantom       the same on drawn phantoms at 32×32, small, without augmentation: minutes on two
                CPU cores
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import require_variant

VARIANTS = ("", "ada", "256", "conditional", "small", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("stylegan2")
    config.title = "StyleGAN2 on melanomas of HAM10000 at 128×128, WGAN-GP"
    config.data.update({"dataset": "ham10000", "classes": ("mel",), "resolution": 128})
    config.data.update({"fit": "stretch", "mirror": False})
    config.model.update(
        {
            "channel_base": 6144,
            "loss": "wgangp",
            "critic_updates": 3,
            "gradient_penalty": 10.0,
            "spectral_norm": True,
        }
    )
    config.optimizers.g.learning_rate = 5e-5
    config.optimizers.d.learning_rate = 8e-5
    config.ema.update({"decay": 0.9995, "half_life_kimg": 0.0})
    config.train.update({"batch_size": 16, "total_epochs": 600.0, "log_every_steps": 100})
    config.checkpoint.update({"every_kimg": 20.0, "best_metric": "kid"})
    config.eval.update(
        {"every_kimg": 50.0, "snapshot_kimg": 20.0, "metrics": ("kid", "fid", "swd")}
    )
    if variant:
        _recommended(config)
    if variant == "256":
        config.title = "StyleGAN2 with ADA on melanomas of HAM10000 at 256×256"
        config.data.resolution = 256
        config.model.r1_gamma = _automatic_gamma(config)
    elif variant == "conditional":
        config.title = "Conditional StyleGAN2 with ADA on HAM10000 at 128×128"
        config.data.classes = ()
        config.model.conditional = True
    elif variant == "small":
        _small(config)
    elif variant == "phantom":
        _phantom(config)
    return config


def _recommended(config: ConfigDict) -> None:
    """The automatic settings of the official code for one GPU, and augmentation for dermoscopy."""
    config.title = "StyleGAN2 with ADA on melanomas of HAM10000 at 128×128"
    batch_size = 32
    config.data.mirror = True
    config.model.update(
        {
            "channel_base": 16384,
            "mapping_layers": 2,
            "loss": "logistic",
            "spectral_norm": False,
            "augment": "ada",
            "augment_policy": "dermatology",
        }
    )
    for net in ("g", "d"):
        config.optimizers[net].learning_rate = 0.0025
    config.ema.update({"half_life_kimg": batch_size * 10 / 32, "ramp_up": 0.05})
    config.train.update({"batch_size": batch_size, "total_kimg": 5000.0, "total_epochs": 0.0})
    config.model.r1_gamma = _automatic_gamma(config)
    config.checkpoint.every_kimg = 50.0
    config.eval.update({"every_kimg": 200.0, "snapshot_kimg": 100.0})


def _automatic_gamma(config: ConfigDict) -> float:
    """Weight of R1 as the official code chooses it by resolution and batch size."""
    return 0.0002 * config.data.resolution**2 / config.train.batch_size


def _small(config: ConfigDict) -> None:
    config.title = "StyleGAN2 with ADA on melanomas of HAM10000 at 64×64"
    config.data.resolution = 64
    config.model.update({"latent_size": 128, "style_size": 128, "channel_base": 2048})
    config.model.update({"channel_max": 64, "ada_kimg": 50.0})
    config.ema.half_life_kimg = 2.0
    config.train.update({"batch_size": 16, "total_kimg": 40.0, "log_every_steps": 50})
    config.model.r1_gamma = _automatic_gamma(config)
    config.checkpoint.every_kimg = 2.0
    config.eval.update(
        {
            "every_kimg": 8.0,
            "snapshot_kimg": 2.0,
            "metrics": ("kid", "fid", "swd"),
            "num_images": 500,
        }
    )


def _phantom(config: ConfigDict) -> None:
    config.title = "StyleGAN2 on drawn phantoms, 32×32"
    config.data.update(
        {"dataset": "phantom", "classes": (), "num_images": 2000, "resolution": 32, "fit": "crop"}
    )
    config.model.update({"latent_size": 64, "style_size": 64, "channel_base": 1024})
    config.model.update({"channel_max": 32, "r1_gamma": 0.05, "augment": "none"})
    config.ema.half_life_kimg = 1.0
    config.train.update({"batch_size": 16, "total_kimg": 24.0, "log_every_steps": 50})
    config.checkpoint.update({"every_kimg": 6.0, "best_metric": "swd"})
    config.eval.update(
        {"every_kimg": 12.0, "snapshot_kimg": 6.0, "num_images": 1024, "metrics": ("swd",)}
    )

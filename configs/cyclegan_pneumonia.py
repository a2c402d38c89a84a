"""CycleGAN from normal chest X-rays to X-rays of pneumonia (the CycleGAN study on the Kermany set).

  python -m dermgan_jax.main --config=configs/cyclegan_pneumonia.py --workdir=runs/pneumonia \
      --config.data.dir=/data/chest_xray

Without a variant this is the paper's general model: 256×256, one channel, U-Net generators with
instance normalisation, 100 epochs, measured at epochs 25, 50, 75 and 100; unlike there, patients
are held out. Cost: about two days on one GPU. Reported there, on images trained on: best FID 54.47
(viral, epoch 25), best Inception Score 2.51 (viral, epoch 100), and experts and a classifier ranked
the models the other way round: neither number says that an image is realistic.

Variants, after a colon:
  bacterial   the paper's second model
  viral       the paper's third model
  small       64×64, small nets, half an hour on two CPU cores
  phantom     drawn pictures at 32×32, grey, minutes on a CPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import drawn_pairs, require_variant

VARIANTS = ("", "bacterial", "viral", "small", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("cyclegan")
    config.title = "CycleGAN, normal → pneumonia"
    config.model.update({"generator": "unet", "constant_epochs": 50, "decay_epochs": 50})
    config.data.update(
        {
            "dataset": "chest_xray",
            "domain_a": ("normal",),
            "domain_b": ("bacterial", "viral"),
            "channels": 1,
            "resolution": 256,
            "fit": "stretch",
            "cache": "host",
        }
    )
    config.train.update({"total_epochs": 100.0, "log_every_steps": 100})
    config.checkpoint.update({"every_epochs": 5.0, "best_metric": "AtoB/test/kid"})
    config.eval.update(
        {
            "every_epochs": 25.0,
            "snapshot_epochs": 5.0,
            "metrics": ("kid", "fid", "inception_score"),
            "grid": (6, 1),
        }
    )
    if variant in ("bacterial", "viral"):
        config.title = f"CycleGAN, normal → {variant} pneumonia"
        config.data.domain_b = (variant,)
    elif variant == "small":
        _small(config)
    elif variant == "phantom":
        _small(config)
        _phantom(config)
    return config


def _small(config: ConfigDict) -> None:
    """Nets and images that one small machine can train, without Inception's logits."""
    config.title = "CycleGAN, normal → pneumonia, 64×64"
    config.model.update({"num_downs": 5, "width": 24, "discriminator_width": 24})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 5, "decay_epochs": 5})
    config.data.update({"resolution": 64, "load_resolution": 72, "cache": "device"})
    config.train.update({"batch_size": 4, "total_epochs": 10.0})
    config.data.split_fractions = (0.8, 0.0, 0.2)
    config.eval.budget_fraction = 0.5  # Inception takes its time on a CPU
    config.eval.update(
        {"every_epochs": 2.5, "snapshot_epochs": 1.0, "metrics": ("kid", "fid"), "num_images": 100}
    )


def _phantom(config: ConfigDict) -> None:
    config.title = "CycleGAN on drawn grey pictures, 32×32"
    drawn_pairs(config, num_images=400)
    config.model.update({"num_downs": 4, "constant_epochs": 5, "decay_epochs": 5})
    config.train.total_epochs = 10.0
    config.eval.update({"every_epochs": 2.5, "metrics": ("swd",)})

"""Settings that several configurations share: data of published studies, small data instead."""

from collections.abc import Sequence

from ml_collections import ConfigDict


def require_variant(variant: str, variants: Sequence[str]) -> None:
    """Checks that a configuration has a variant.

    Raises:
      ValueError: if it has not; the command line shows the message.
    """
    if variant not in variants:
        raise ValueError(f"no variant {variant!r}; there are {', '.join(variants[1:])}")


def isic2018_study(config: ConfigDict) -> None:
    """Data and pace of the PGAN-against-DCGAN-and-LAPGAN study on ISIC 2018."""
    config.model.latent_size = 128
    config.data.update(
        {
            "dataset": "isic2018",
            "resolution": 256,
            "mirror": False,
            "split_fractions": (1.0, 0.0, 0.0),
            "cache": "host",
        }
    )
    config.train.log_every_steps = 100
    config.checkpoint.every_kimg = 100.0
    config.eval.num_images = 8192


def small_images(config: ConfigDict, dataset: str, resolution: int) -> None:
    """Mirrored square images that fit into a small machine's memory, a part held out."""
    config.data.update(
        {
            "dataset": dataset,
            "resolution": resolution,
            "mirror": True,
            "split_fractions": (0.7, 0.15, 0.15),
            "cache": "device",
        }
    )
    config.train.log_every_steps = 50
    config.eval.num_images = 2048


def few_images(config: ConfigDict, resolution: int) -> None:
    """The melanomas of HAM10000, mirrored, and what is measured of models made for few images."""
    config.data.update(
        {
            "dataset": "ham10000",
            "classes": ("mel",),
            "resolution": resolution,
            "fit": "stretch",
            "mirror": True,
        }
    )
    config.checkpoint.best_metric = "kid"
    config.eval.metrics = ("kid", "fid", "swd", "precision_recall", "diversity")


def often(config: ConfigDict, kimg: float) -> None:
    """A short run's pace: 10 evaluations, 20 sheets, 40 checkpoints."""
    config.train.total_kimg = kimg
    config.checkpoint.every_kimg = kimg / 40
    config.eval.update({"every_kimg": kimg / 10, "snapshot_kimg": kimg / 20})


def wgangp(config: ConfigDict) -> None:
    """Loss and optimiser of WGAN-GP (Gulrajani et al., 2017, the 64×64 script)."""
    config.title += ", WGAN-GP"
    config.model.update({"loss": "wgangp", "critic_updates": 5})
    for net in ("g", "d"):
        config.optimizers[net].update({"learning_rate": 1e-4, "b1": 0.0, "b2": 0.9})


def derm7pt_domains(config: ConfigDict) -> None:
    """Clinical and dermoscopic photographs of derm7pt, 286 cropped to 256, and when to measure."""
    config.data.update(
        {
            "dataset": "derm7pt",
            "domain_a": ("clinical",),
            "domain_b": ("dermoscopic",),
            "resolution": 256,
            "load_resolution": 286,
            "fit": "stretch",
            "cache": "host",
        }
    )
    config.checkpoint.update({"every_epochs": 10.0, "best_metric": "AtoB/test/kid"})
    config.eval.update(
        {
            "every_epochs": 25.0,
            "snapshot_epochs": 5.0,
            "metrics": ("kid", "fid", "lpips", "ssim", "psnr"),
            "grid": (6, 1),
        }
    )


def drawn_pairs(config: ConfigDict, num_images: int, load_resolution: int = 36) -> None:
    """Drawn close-ups and dermoscopic pictures at 32×32, judged without pretrained weights.

    Args:
      config: to change.
      num_images: of both domains together, a fifth of them held out.
      load_resolution: side of the squares that are cropped to 32×32.
    """
    config.data.update(
        {
            "dataset": "phantom_pairs",
            "domain_a": ("close_up",),
            "domain_b": ("dermoscopic",),
            "num_images": num_images,
            "resolution": 32,
            "load_resolution": load_resolution,
            "split_fractions": (0.8, 0.0, 0.2),
            "cache": "device",
        }
    )
    config.checkpoint.update({"every_epochs": 5.0, "best_metric": "AtoB/test/swd"})
    config.eval.update({"every_epochs": 10.0, "metrics": ("swd", "ssim", "psnr")})


def small_detector(config: ConfigDict) -> None:
    """f-AnoGAN's networks for an hour on two CPU cores: narrow, small batches, short stages."""
    config.title += ", small"
    config.model.update({"width": 16, "discriminator_width": 8, "latent_size": 64})
    config.model.update({"critic_updates": 3, "gan_kimg": 36.0})
    config.train.update({"batch_size": 16, "total_kimg": 60.0, "log_every_steps": 25})
    for net, rate in (("g", 2e-4), ("d", 2e-4), ("e", 3e-4)):
        config.optimizers[net].learning_rate = rate
    config.checkpoint.every_kimg = 3.0
    config.eval.update({"every_kimg": 12.0, "snapshot_kimg": 12.0, "num_images": 600})


def phantom_detector(config: ConfigDict) -> None:
    """Drawn nevi and keratoses against all other classes, at 32×32."""
    config.data.update({"dataset": "phantom", "num_images": 2000, "resolution": 32})
    config.data.normal = ("nv", "bkl")
    config.model.update({"width": 8, "discriminator_width": 8, "latent_size": 32})
    config.model.update({"critic_updates": 2, "gan_kimg": 12.0})
    config.train.update({"batch_size": 16, "total_kimg": 24.0, "log_every_steps": 25})
    for net, rate in (("g", 5e-4), ("d", 5e-4), ("e", 1e-3)):
        config.optimizers[net].learning_rate = rate
    config.checkpoint.every_kimg = 3.0
    config.eval.update({"every_kimg": 6.0, "snapshot_kimg": 3.0})

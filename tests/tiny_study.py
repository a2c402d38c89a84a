"""A smallest sensible augmentation study; also a configuration file for the command line."""

import tiny_configs

from dermgan_jax.studies.augmentation_config import augmentation

ARMS = ("real", "filtered", "unfiltered", "sweep", "synthetic_only")


def get_config(prepared_dir="", **fields):
    """Phantoms at 16x16, classifiers of kept activations, two seeds, 8 steps each.

    Args:
      prepared_dir: for prepared images.
      **fields: of the study, set last.
    """
    classifier, generator = tiny_configs.classifier(), tiny_configs.dcgan()
    classifier.data.update({"num_images": 160, "prepared_dir": str(prepared_dir)})
    classifier.train.total_kimg = 0.064
    classifier.eval.every_kimg = 0.032
    classifier.model.update(
        {"stop_patience": 0, "trained_stages": 0, "views": 1, "augment": "none"}
    )
    generator.train.total_kimg = 0.032
    config = augmentation("Tiny", "mel", classifier, generator)
    config.arms = ARMS
    config.synthesis.update({"classes": ("mel", "bcc"), "candidates": 8, "keep": 0.5})
    config.synthesis.update({"sweep": (0.5,), "features": "pixels"})
    config.update({"seeds": (0, 1), "split_by": ("group",), "bootstrap": 100})
    config.update(fields)
    return config

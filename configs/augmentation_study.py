"""Does it help? A classifier with and without synthetic melanomas (the study that filters synthetic
melanomas by the discriminator: HAM10000, StyleGAN2, ResNet-50, three arms).

  python -m dermgan_jax.main --config=configs/augmentation_study.py --workdir=runs/study \
      --config.data.dir=/data/HAM10000

Without a variant this is that study with what it lacked: lesions kept apart, several seeds in each
arm, intervals and corrected tests, and its own way of splitting set beside ours. The generator of
configs/stylegan2_melanoma.py is trained first, once for each way of splitting;
--config.synthesis.workdir=DIR names one that is there. Arms: real images with classical
augmentation, the base; with the 300 best of 1,000 synthetic melanomas; with all 1,000; with 1 and 2
for each real one. Cost: a day on one GPU. Reported there, in % (one run, image-level split):
accuracy 87.43, 90.55, 89.29; balanced accuracy 78.16, 79.90, 78.60; melanoma recall 66.47, 71.86,
71.86 for real, + filtered, + all.

Variants, after a colon:
  ham10000_32  all seven classes can be sampled: conditional progressive GAN and HAM10000 at 32×32,
               the head of EfficientNet-Lite0 (its weights: dermgan weights
               --fetch=efficientnet_lite0); two hours on two CPU cores, half of them the GANs
  ham10000_64  synthetic melanomas of configs/projected.py at 64×64, filtered by each rule,
               classifiers of real images at 128×128, and an arm of real images that were reduced to
               64×64 and enlarged alike.
               All of it at 64×64: --config.data.resolution=64, without that arm (--config.arms)
  phantom      drawn phantoms, small networks, nothing to download, split by lesion only: ten
               minutes on two CPU cores
"""

from pathlib import Path

from ml_collections import ConfigDict

from dermgan_jax.presets import require_variant
from dermgan_jax.studies.augmentation_config import augmentation
from dermgan_jax.studies.experiments import read_experiment

VARIANTS = ("", "ham10000_32", "ham10000_64", "phantom")
PUBLISHED_ARMS = ("real", "classical", "filtered", "unfiltered", "sweep")


def get_config(variant: str = "") -> ConfigDict:
    """The study of one variant."""
    require_variant(variant, VARIANTS)
    folder = Path(__file__).parent
    if not variant:
        config = augmentation(
            "ResNet-50 with synthetic melanomas of StyleGAN2",
            "mel",
            _of_equal_length(read_experiment(folder / "classifier.py"), kimg=350.0),
            read_experiment(folder / "stylegan2_melanoma.py"),
        )
        config.update({"arms": PUBLISHED_ARMS, "base": "classical"})
        return config
    if variant == "phantom":
        classifier = _of_equal_length(read_experiment(folder / "classifier.py", "phantom"), 8.0)
        generator = read_experiment(folder / "pgan.py", "phantom")
        generator.train.total_kimg = 40.0
        generator.model.update({"stable_kimg": 5.0, "fade_kimg": 5.0})
        title, target = "Synthetic phantoms, drawn and made", "mel"
    else:
        classifier = _of_equal_length(read_experiment(folder / "classifier.py", "lite0"), 105.0)
        classifier.data.update({"resolution": 32})
        # Weighted, so that adding images of a rare class is not merely another way to weigh it.
        classifier.model.update({"image_size": 128, "views": 2, "class_weights": True})
        generator = read_experiment(folder / "pgan.py", "ham10000_32")
        title, target = "EfficientNet-Lite0 on HAM10000 at 32×32 with synthetic images", "mel"
    if variant == "ham10000_64":
        classifier.data.resolution = 128
        generator = read_experiment(folder / "projected.py", "cpu_small")
        title = "EfficientNet-Lite0 on HAM10000 with synthetic melanomas of 64×64 pixels"
    else:
        generator.model.conditional = True
    generator.eval.update({"every_kimg": 0.0, "snapshot_kimg": generator.train.total_kimg / 4})
    config = augmentation(title, target, classifier, generator)
    if variant == "ham10000_64":
        by_rules = ("filtered", "filtered_by_realism", "filtered_by_confidence")
        config.arms = ("real", "classical", *by_rules, "unfiltered", "sweep", "reduced")
        config.synthesis.sweep = (2.0,)
        config.split_by = ("group",)
        config.generator.data.resolution = 64
    elif variant == "phantom":
        config.arms = ("real", "classical", "filtered", "unfiltered", "synthetic_only")
        config.update({"seeds": (0, 1, 2), "split_by": ("group",), "bootstrap": 500})
        config.synthesis.update({"candidates": 100, "features": "pixels"})
    return config


def _of_equal_length(classifier: ConfigDict, kimg: float) -> ConfigDict:
    """All arms take equally many steps: a number of images, and no early end."""
    classifier.train.update({"total_kimg": kimg, "total_epochs": 0.0})
    every = {"every_kimg": kimg / 15, "every_epochs": 0.0}
    classifier.eval.update({**every, "snapshot_kimg": kimg, "snapshot_epochs": 0.0})
    classifier.checkpoint.update(every)
    classifier.model.stop_patience = 0
    return classifier

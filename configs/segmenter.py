"""A U-Net that finds lesions: the judge of images painted from masks (see configs/spade.py).

  python -m dermgan_jax.main --config=configs/segmenter.py --workdir=runs/segmenter \
      --config.data.dir=/data/HAM10000

HAM10000 with the masks of all its images (HAM10000_segmentations_lesion_tschandl), all classes,
split by lesion. Without a variant at 128×128 on a GPU. Cost: not run here.

Variants, after a colon:
  small     64×64 on two CPU cores: 16 thousand images, ten minutes of one core; validation Dice
            0.925 (of a run that was to be longer and was stopped there)
  phantom   drawn phantoms at 32×32: two minutes on two CPU cores
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import often, require_variant, small_images

VARIANTS = ("", "small", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("segmenter")
    config.title = "A U-Net that finds lesions"
    small_images(config, "ham10000", {"": 128, "small": 64, "phantom": 32}[variant])
    config.data.fit = "stretch"
    often(config, {"": 400.0, "small": 16.0, "phantom": 12.0}[variant])
    config.model.decay_kimg = config.train.total_kimg
    config.checkpoint.best_metric = "dice"
    if variant == "":
        config.model.width = 32
        config.train.batch_size = 32
    elif variant == "phantom":
        config.model.update({"width": 8, "levels": 3})
        config.data.num_images = 800
    return config

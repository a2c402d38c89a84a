"""What are images painted from masks worth for learning to segment?

Segmenters learn from real images, from real and painted ones, and from painted ones only: as many
steps, the same test lesions.

  python -m dermgan_jax.main --config=configs/segmentation_study.py --workdir=runs/masks \
      --config.data.dir=/data/HAM10000

The painter is configs/spade.py:small, the segmenter configs/segmenter.py:small, half as long, at
64×64 on two CPU cores; a painter that is there already is named by --config.synthesis.workdir.
Three segmenters in each arm. Cost: eight minutes of one core for each, beside the painter. With two
in each arm: Dice 0.914 from real images, 0.910 with painted ones beside, 0.786 from these alone.

Variants, after a colon:
  phantom   drawn phantoms at 32×32, two segmenters in each arm: minutes on two CPU cores
"""

import pathlib

from ml_collections import ConfigDict

from dermgan_jax.presets import require_variant
from dermgan_jax.studies.experiments import read_experiment
from dermgan_jax.studies.segmentation_config import segmentation

VARIANTS = ("", "phantom")
HERE = pathlib.Path(__file__).parent


def get_config(variant: str = "") -> ConfigDict:
    """The study of one variant."""
    require_variant(variant, VARIANTS)
    own = variant or "small"
    segmenter = read_experiment(HERE / "segmenter.py", own)
    if own == "small":  # nine of them are trained
        segmenter.train.total_kimg = segmenter.model.decay_kimg = 8.0
        segmenter.checkpoint.every_kimg = 1.0
        segmenter.eval.update({"every_kimg": 2.0, "snapshot_kimg": 4.0})
    config = segmentation(
        "Painted images for learning to segment",
        segmenter=segmenter,
        painter=read_experiment(HERE / "spade.py", own),
    )
    if variant == "phantom":
        config.seeds = (0, 1)
    return config

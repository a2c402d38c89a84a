"""What are images painted from masks worth for learning to segment?

Segmenters learn from real images, from real and painted ones, and from painted ones only: as many
steps, the same test lesions.

  python -m dermgan_jax.main --config=configs/segmentation_study.py:small --workdir=runs/masks \
      --config.data.dir=/data/HAM10000

The painter is configs/spade.py, the segmenter configs/segmenter.py of the same variant; a painter
that is there already is named by --config.synthesis.workdir. Three segmenters in each arm.

Variants, after a colon:
  small     64×64 on two CPU cores; not run here yet
  phantom   drawn phantoms at 32×32, two segmenters in each arm: minutes on two CPU cores
"""

import pathlib

from ml_collections import ConfigDict

from dermgan_jax.presets import require_variant
from dermgan_jax.studies.experiments import read_experiment
from dermgan_jax.studies.segmentation_config import segmentation

VARIANTS = ("small", "phantom")
HERE = pathlib.Path(__file__).parent


def get_config(variant: str = "small") -> ConfigDict:
    """The study of one variant."""
    require_variant(variant, ("", *VARIANTS))
    own = variant or "small"
    config = segmentation(
        "Painted images for learning to segment",
        segmenter=read_experiment(HERE / "segmenter.py", own),
        painter=read_experiment(HERE / "spade.py", own),
    )
    if variant == "phantom":
        config.seeds = (0, 1)
    return config

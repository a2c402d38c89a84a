"""CUT (Park et al., ECCV 2020) from clinical to dermoscopic photographs: one generator, no cycle.

  python -m dermgan_jax.main --config=configs/cut.py --workdir=runs/cut \
      --config.data.dir=/data/derm7pt

Without a variant: derm7pt at 256×256 as unpaired domains, the published networks and losses, 400
epochs, the published test split held out. Cost: about two days on one GPU.

Variants, after a colon:
  fast      FastCUT: no identity term, flip equivariance, 200 epochs
  phantom   drawn pictures at 32×32, minutes on a CPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import derm7pt_domains, drawn_pairs, require_variant

VARIANTS = ("", "fast", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("cut")
    config.title = "CUT, clinical → dermoscopic"
    derm7pt_domains(config)
    config.train.log_every_steps = 100
    if variant == "fast":
        config.title = "FastCUT, clinical → dermoscopic"
        config.model.update({"nce": 10.0, "identity_nce": False, "flip_equivariance": True})
        config.model.update({"constant_epochs": 150, "decay_epochs": 50})
        config.train.total_epochs = 200.0
    elif variant == "phantom":
        _phantom(config)
    return config


def _phantom(config: ConfigDict) -> None:
    """Smaller nets on 300 drawn pictures of each kind, without pretrained weights."""
    config.title = "CUT on drawn pictures, 32×32"
    drawn_pairs(config, num_images=600)
    config.model.update({"num_blocks": 3, "width": 24, "discriminator_width": 24})
    config.model.update({"nce_layers": (0, 4, 8, 12), "num_patches": 64, "embedding": 64})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 15, "decay_epochs": 15})
    config.model.nce = 4.0  # with 1 the result takes three times as long to come near the truth
    config.train.update({"batch_size": 2, "total_epochs": 30.0})
    config.eval.num_images = 120

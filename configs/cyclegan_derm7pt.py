"""CycleGAN between clinical and dermoscopic photographs (the CycleGAN study on derm7pt; networks of
Zhu et al., ICCV 2017).

  python -m dermgan_jax.main --config=configs/cyclegan_derm7pt.py --workdir=runs/cyclegan \
      --config.data.dir=/data/derm7pt

Without a variant this is the paper's experiment: 256×256, batch 8, learning rate 1e-4, 200 epochs,
cases used as unpaired domains; unlike there, the published test split is held out, and because
every case is a pair the true counterpart is compared with too. Cost: about two days on one GPU.
Reported there, on images trained on: FID 153.93 (clinical) and 117.03 (dermoscopic).

Variants, after a colon:
  phantom   drawn pairs at 32×32, minutes on a CPU
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import derm7pt_domains, drawn_pairs, require_variant

VARIANTS = ("", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("cyclegan")
    config.title = "CycleGAN, clinical ↔ dermoscopic"
    derm7pt_domains(config)
    config.train.update({"batch_size": 8, "log_every_steps": 50})
    for net in config.optimizers:
        config.optimizers[net].learning_rate = 1e-4
    if variant == "phantom":
        _phantom(config)
    return config


def _phantom(config: ConfigDict) -> None:
    """Smaller nets on 300 drawn pairs, without pretrained weights."""
    config.title = "CycleGAN on drawn pairs, 32×32"
    drawn_pairs(config, num_images=600)
    config.model.update({"num_blocks": 3, "width": 24, "discriminator_width": 24})
    config.model.update({"discriminator_layers": 2, "constant_epochs": 15, "decay_epochs": 15})
    config.train.update({"batch_size": 4, "total_epochs": 30.0})
    for net in config.optimizers:
        config.optimizers[net].learning_rate = 4e-4
    config.eval.num_images = 240

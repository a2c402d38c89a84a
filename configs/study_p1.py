"""DCGAN, LAPGAN and PGAN on the same images for the same number of them (Table 1 of the
PGAN-against-DCGAN-and-LAPGAN study on ISIC 2018).

  python -m dermgan_jax.main --config=configs/study_p1.py --workdir=runs/p1 \
      --config.data.dir=/data/ISIC2018

Without a variant this is the paper's comparison: 256×256, latent 128, 10,000 samples of each.
Cost: a week on one GPU. Reported there, SWD × 1000: real against real 4.34, PGAN 20.02, DCGAN
94.72, LAPGAN 96.68. There every model made 3 million iterations, whatever its batch; here every
model sees the same number of images.

Variants, after a colon:
  ham10000_32   HAM10000 at 32×32, an hour on two CPU cores: SWD 23.2, 27.7, 88.2
                for PGAN, DCGAN and LAPGAN, real against real 14.1
  phantom       drawn phantoms at 32×32, for a first look
"""

from pathlib import Path

from ml_collections import ConfigDict

from dermgan_jax.presets import require_variant
from dermgan_jax.studies.comparison_config import comparison
from dermgan_jax.studies.experiments import read_experiment

VARIANTS = ("", "ham10000_32", "phantom")
MODELS = ("dcgan", "lapgan", "pgan")


def get_config(variant: str = "") -> ConfigDict:
    """The study of one variant."""
    require_variant(variant, VARIANTS)
    folder = Path(__file__).parent
    models = {name: read_experiment(folder / f"{name}.py", variant) for name in MODELS}
    lengths = {"": 12_000.0, "ham10000_32": 120.0, "phantom": 60.0}
    titles = {"": "ISIC 2018, 256×256", "ham10000_32": "HAM10000, 32×32", "phantom": "phantoms"}
    title = f"DCGAN, LAPGAN and progressive GAN: {titles[variant]}"
    config = comparison(title, models, lengths[variant])
    for model in config.models.values():  # measured at the end, by the study
        model.eval.update({"metrics": ("swd",), "every_kimg": lengths[variant] / 5})
    if variant:  # the curriculum of configs/pgan.py, shortened in proportion
        step = lengths[variant] / 10
        config.models.pgan.model.update({"stable_kimg": step, "fade_kimg": step})
    if variant == "phantom":
        config.metrics = ("swd",)
    if variant:
        config.num_images = 1024
    return config

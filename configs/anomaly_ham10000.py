"""f-AnoGAN of nevi (Schlegl et al., Medical Image Analysis 2019): what a GAN of normal moles cannot
draw. The protocol for skin: trained on the nevi of HAM10000's training split, tested on nevi
against the six other classes, melanoma apart; splits by lesion.

  python -m dermgan_jax.main --config=configs/anomaly_ham10000.py --workdir=runs/anomaly \
      --config.data.dir=/data/HAM10000
  dermgan detect --workdir=runs/anomaly --out=detected

The second command scores the test images beside six simple detectors, two of which need
dermgan weights --fetch=efficientnet_lite0. Expect these to win: published benchmarks have f-AnoGAN
behind PatchCore on five of six medical data sets (BMAD, arXiv:2306.11876). On the test split, 1,006
nevi against 497 others at 64×64, AUROC is 0.67 of 16 principal components, 0.64 of Lite0 features,
of whole images or of patches, 0.58 of contrast alone and 0.50 of the distance to the mean image.

Without a variant the published code at 64×64: residual networks of width 64, batches of 64, 20
thousand updates of the generator, 50 thousand of the encoder. Cost: hours on a GPU. Not run here.

Variants, after a colon:
  small     the same networks, narrow, on two CPU cores. Cost: 34 minutes of one core. AUROC 0.62,
            behind the principal components
  phantom   drawn phantoms at 32×32: minutes on two CPU cores, nothing to download

In place of a variant the folder of a run of any sampler of normal images, such as
configs/projected.py with --config.data.classes="('nv',)": it takes the GAN's place, and the encoder
alone is trained, on pixels, as samplers give no features.
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import phantom_detector, require_variant, small_detector
from dermgan_jax.runs.borrowing import borrow_sampler, is_run

VARIANTS = ("", "small", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant, or with the sampler of a run's folder."""
    if not is_run(variant):
        require_variant(variant, VARIANTS)
    config = experiment("fanogan")
    config.title = "f-AnoGAN of nevi at 64×64"
    config.data.update({"dataset": "ham10000", "normal": ("nv",), "resolution": 64})
    config.data.mirror = True
    config.train.log_every_steps = 100
    config.checkpoint.every_kimg = 100.0
    config.eval.update({"every_kimg": 640.0, "snapshot_kimg": 320.0})
    config.eval.metrics = ("reconstruction_error", "spread", "auroc", "average_precision")
    if variant == "small":
        small_detector(config)
    elif variant == "phantom":
        config.title = "f-AnoGAN of drawn phantoms, 32×32"
        phantom_detector(config)
    elif variant:
        small_detector(config)
        borrow_sampler(config, variant)
    return config

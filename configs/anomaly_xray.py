"""f-AnoGAN of normal chest X-rays (Schlegl et al., Medical Image Analysis 2019): trained on normal
ones of the training split, tested on normal against bacterial and viral pneumonia; splits by
patient. Grey, 64×64.

  python -m dermgan_jax.main --config=configs/anomaly_xray.py --workdir=runs/xray \
      --config.data.dir=/data/chest_xray
  dermgan detect --workdir=runs/xray --out=detected

The second command scores the test images beside six simple detectors, two of which need
dermgan weights --fetch=efficientnet_lite0. Look at brightness and contrast alone: films of sick
children are exposed and cropped otherwise. On the test split of 1,548 films of the data set, 81
normal against 229 others at 64×64, AUROC is 0.90 of Lite0 features (DN2), 0.76 of their patches,
0.74 of contrast alone, 0.71 of brightness and 0.70 of the distance to the mean image. The data have
no masks, so nothing is said of places.

Without a variant the published code at 64×64: residual networks of width 64, batches of 64, 20
thousand updates of the generator, 50 thousand of the encoder. Cost: hours on a GPU. Not run here.

Variants, after a colon:
  small     the same networks, narrow, on two CPU cores. Cost: 27 minutes of one core. AUROC 0.84,
            behind Lite0 features and ahead of the rest
  phantom   drawn phantoms in grey at 32×32: minutes on two CPU cores, nothing to download

In place of a variant the folder of a run of any sampler of normal images: it takes the GAN's place,
and the encoder alone is trained, on pixels, as samplers give no features.
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
    config.title = "f-AnoGAN of normal chest X-rays at 64×64"
    config.data.update({"dataset": "chest_xray", "normal": ("normal",), "resolution": 64})
    # 403 images are normal: larger held-out shares than usual. The heart is on one side: no flips.
    config.data.update({"channels": 1, "mirror": False, "split_fractions": (0.6, 0.2, 0.2)})
    config.train.log_every_steps = 100
    config.checkpoint.every_kimg = 100.0
    config.eval.update({"every_kimg": 640.0, "snapshot_kimg": 320.0})
    config.eval.metrics = ("reconstruction_error", "spread", "auroc", "average_precision")
    if variant == "small":
        small_detector(config)
    elif variant == "phantom":
        config.title = "f-AnoGAN of drawn phantoms in grey, 32×32"
        phantom_detector(config)
    elif variant:
        small_detector(config)
        borrow_sampler(config, variant)
    return config

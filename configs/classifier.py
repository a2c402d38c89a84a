"""Classifiers of skin lesions: transfer learning of the study of StyleGAN2-augmented melanoma
recognition (baseline arm), and smaller ones.

  python -m dermgan_jax.main --config=configs/classifier.py --workdir=runs/classifier \
      --config.data.dir=/data/HAM10000

Without a variant this is the study's ResNet-50: ImageNet weights, all stages frozen but the last, a
head of 512 units, Adam at 0.001, 224×224 pixels, flips, rotations within 20° and colour jitter, at
most 100 epochs. Cost: about an hour on one GPU. Reported there, on images whose lesions were also
trained on: accuracy 87.4 %, mean recall 78.2 %. Here lesions never cross splits, so expect less.
Needs the ImageNet weights: dermgan weights --fetch=resnet50.

Variants, after a colon:
  lite0      EfficientNet-Lite0 as it is, a head on its features of four augmented views of every
             image: a quarter of an hour on a CPU once, then seconds.
             dermgan weights --fetch=efficientnet_lite0
  vit        ViT-B/16 as in the pneumonia study, all of it trained: hours on a GPU
  phantom    the quick start: a tiny ResNet on drawn phantoms, a minute on a CPU, no weights needed
"""

from ml_collections import ConfigDict

from dermgan_jax.config import experiment
from dermgan_jax.presets import require_variant

VARIANTS = ("", "lite0", "vit", "phantom")


def get_config(variant: str = "") -> ConfigDict:
    """The experiment of one variant."""
    require_variant(variant, VARIANTS)
    config = experiment("classifier")
    config.title = "ResNet-50 on HAM10000"
    config.data.update({"dataset": "ham10000", "resolution": 224, "cache": "host"})
    config.model.augment = "classical"
    if variant == "lite0":
        config.title = "Features of EfficientNet-Lite0 on HAM10000"
        config.model.update({"network": "efficientnet_lite0", "trained_stages": 0, "views": 4})
        config.data.cache = "device"
        config.train.total_epochs = 60.0
    elif variant == "vit":
        config.title = "ViT-B/16 on HAM10000"
        config.model.update(
            {"network": "vit_b16", "trained_stages": -1, "hidden": (), "dropout": 0.0}
        )
        config.optimizers.tail.learning_rate = 2e-5
        config.train.update({"total_epochs": 20.0, "batch_size": 32})
    elif variant == "phantom":
        config.title = "Quick start: a tiny classifier of drawn phantoms, 32×32"
        config.data.update({"dataset": "phantom", "num_images": 2000, "resolution": 32})
        config.data.cache = "device"
        config.model.update({"network": "tiny", "pretrained": False, "image_size": 32})
        config.model.update({"trained_stages": -1, "hidden": (), "dropout": 0.0})
        config.train.update({"total_epochs": 15.0, "batch_size": 16})
        config.optimizers.tail.learning_rate = 3e-3
        config.eval.snapshot_epochs = 5.0
    return config

"""Projected GAN on HAM10000 (draft)."""
from ml_collections import ConfigDict
from dermgan_jax.config import experiment
VARIANTS=("","cpu")
def get_config(variant: str = "") -> ConfigDict:
    config = experiment("projected")
    config.title = "Projected GAN on melanomas of HAM10000 at 64×64"
    config.data.update({"dataset": "ham10000", "classes": ("mel",), "resolution": 64})
    config.data.update({"fit": "stretch", "mirror": True})
    config.model.update({"latent_size": 128, "width": 32, "feature_side": 64, "projection_width": 32, "diffaugment_cutout": 0.5})
    config.ema.update({"half_life_kimg": 5.0, "ramp_up": 0.05})
    config.train.update({"batch_size": 16, "total_kimg": 10.0, "log_every_steps": 50})
    config.checkpoint.update({"every_kimg": 2.0, "best_metric": "kid"})
    config.eval.update({"every_kimg": 5.0, "snapshot_kimg": 2.0, "metrics": ("kid","fid","swd"), "num_images": 500})
    return config

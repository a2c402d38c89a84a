"""Training does what it is for: a progressive GAN gets closer to its data."""

import json

import jax
import pytest

from configs import pgan
from dermgan_jax import config as config_schema
from dermgan_jax.train import loop


@pytest.mark.slow
def test_progressive_gan_learns_the_phantoms(tmp_path):
    """The quick start at half its resolution and a third of its length, about a minute."""
    config = pgan.get_config("phantom")
    config.data.update({"resolution": 16, "prepared_dir": str(tmp_path / "prepared")})
    config.gan.update({"stable_kimg": 5.0, "fade_kimg": 5.0})
    config.train.total_kimg = 30.0
    config.eval.update({"every_kimg": 0.0, "snapshot_kimg": 10.0})
    config = config_schema.validate(config)
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").open()]
    first, *_, last = [row["metrics"] for row in rows if row["kind"] == "eval"]
    assert last["swd"]["value"] < 0.5 * first["swd"]["value"]
    assert last["swd"]["value"] > last["swd_lower_bound"]["value"]

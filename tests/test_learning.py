"""Training does what it is for: samples get closer to the data, translations to the truth."""

import json

import jax
import pytest

from configs import cut, cyclegan_derm7pt, pgan, pix2pix
from dermgan_jax import config as config_schema
from dermgan_jax.features import weights
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


def held_out(workdir, metric):
    """(value, that of images left as they are, that of the mean colour) at the end of a run."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").open()]
    last = [row["metrics"] for row in rows if row["kind"] == "eval"][-1]
    name = f"AtoB/test/{metric}"
    return tuple(last[name + end]["value"] for end in ("", "_identity", "_mean_colour"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "epochs"),
    [(pix2pix, 8.0), (cyclegan_derm7pt, 8.0), (cut, 8.0)],
    ids=["pix2pix", "cyclegan", "cut"],
)
def test_translations_of_held_out_phantoms_are_nearer_to_the_truth(family, epochs, tmp_path):
    """Nearer than the image as it is and than the mean colour, by a sixth of the smaller LPIPS.

    Where the weights of LPIPS are not to be had, PSNR has to be above both.
    """
    config = family.get_config("phantom")
    config.data.prepared_dir = str(tmp_path / "prepared")
    config.train.total_epochs = epochs
    config.gan.update({"constant_epochs": 4, "decay_epochs": 4})
    metric = "lpips" if weights.available("lpips_alex") else "psnr"
    config.eval.update({"every_epochs": 0.0, "snapshot_epochs": 0.0, "metrics": ("swd", metric)})
    config = config_schema.validate(config)
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    value, *trivial = held_out(tmp_path / "run", metric)
    if metric == "lpips":
        assert value < min(trivial) * 5 / 6
    else:
        assert value > max(trivial)

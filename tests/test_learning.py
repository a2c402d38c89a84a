"""Training does what it is for: samples get closer to the data, translations to the truth."""

import jax
import pytest

from configs import cut, cyclegan_derm7pt, pgan, pix2pix, stylegan2_melanoma
from dermgan_jax import config as config_schema
from dermgan_jax.features import weights
from dermgan_jax.runs.metrics_log import evaluated, read_rows
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop


@pytest.mark.slow
def test_progressive_gan_learns_the_phantoms(tmp_path):
    """The quick start at half its resolution and a third of its length, about a minute."""
    config = pgan.get_config("phantom")
    config.data.update({"resolution": 16, "prepared_dir": str(tmp_path / "prepared")})
    config.model.update({"stable_kimg": 5.0, "fade_kimg": 5.0})
    config.train.total_kimg = 30.0
    config.eval.update({"every_kimg": 0.0, "snapshot_kimg": 10.0})
    config = config_schema.validate(config)
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    rows = read_rows(WorkDir(tmp_path / "run").metrics)
    first, *_, last = [measured["swd"] for measured in evaluated(rows).values()]
    assert last.value.value < 0.5 * first.value.value
    assert last.value.value > last.real_against_real.value


def held_out(workdir, metric):
    """(value, that of images left as they are, that of the mean colour) at the end of a run."""
    *_, last = evaluated(read_rows(WorkDir(workdir).metrics)).values()
    one = last[f"AtoB/test/{metric}"]
    return tuple(value.value for value in (one.value, one.identity, one.mean_colour))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "epochs"),
    [(pix2pix, 8), (cyclegan_derm7pt, 8), (cut, 16)],
    ids=["pix2pix", "cyclegan", "cut"],
)
def test_translations_of_held_out_phantoms_are_nearer_to_the_truth(family, epochs, tmp_path):
    """Nearer than the image as it is and than the mean colour, by a sixth of the smaller LPIPS.

    Where the weights of LPIPS are not to be had, PSNR has to be above both.
    """
    config = family.get_config("phantom")
    config.data.prepared_dir = str(tmp_path / "prepared")
    config.train.total_epochs = float(epochs)
    config.model.update({"constant_epochs": epochs // 2, "decay_epochs": epochs // 2})
    metric = "lpips" if weights.available("lpips_alex") else "psnr"
    config.eval.update({"every_epochs": 0.0, "snapshot_epochs": 0.0, "metrics": ("swd", metric)})
    config = config_schema.validate(config)
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    value, *trivial = held_out(tmp_path / "run", metric)
    if metric == "lpips":
        assert value < min(trivial) * 5 / 6
    else:
        assert value > max(trivial)


def signs_of_reals(augment, tmp_path):
    """(mean sign of the discriminator's scores of reals, ADA's p if any) from 1.6 kimg on.

    60 drawings, of which 42 are trained on, and a discriminator that learns ten times as fast as
    the generator.
    """
    config = stylegan2_melanoma.get_config("phantom")
    config.data.update({"num_images": 60, "resolution": 16, "mirror": False})
    config.data.prepared_dir = str(tmp_path / "prepared")
    config.model.update({"channel_base": 256, "channel_max": 16, "latent_size": 16})
    config.model.update(
        {"style_size": 16, "path_weight": 0.0, "r1_gamma": 0.0, "style_mixing": 0.0}
    )
    config.model.update({"augment": augment, "augment_policy": "bgc", "ada_kimg": 4.0})
    config.optimizers.g.learning_rate, config.optimizers.d.learning_rate = 0.0005, 0.005
    config.train.update({"total_kimg": 6.4, "log_every_steps": 50})
    config.eval.update({"every_kimg": 0.0, "snapshot_kimg": 0.0, "num_images": 32})
    run = tmp_path / augment
    config = config_schema.validate(config)
    assert loop.train(config, run, devices=jax.devices()[:1]) == loop.FINISHED
    rows = read_rows(WorkDir(run).metrics)
    metrics = [row["metrics"] for row in rows if row["kind"] == "train"][2:]
    signs = sum(row["d/sign_real"] for row in metrics) / len(metrics)
    return signs, [row["d/augment_p"] for row in metrics if "d/augment_p" in row]


@pytest.mark.slow
def test_ada_holds_its_target_where_the_discriminator_would_overfit(tmp_path):
    without, _ = signs_of_reals("none", tmp_path)
    assert without > 0.85
    with_ada, strengths = signs_of_reals("ada", tmp_path)
    assert abs(with_ada - 0.6) < 0.1
    assert 0.1 < min(strengths) <= max(strengths) <= 0.85

"""FastGAN's losses against the original's numbers, and the family against what users may ask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engine_probe import tiny
from projected_vectors import Case

from dermgan_jax import config as configuration
from dermgan_jax.data.records import DataSpec
from dermgan_jax.features import lpips_net
from dermgan_jax.models import fastgan, sampling
from dermgan_jax.models.contract import Context
from dermgan_jax.models.fastgan import FastGan
from dermgan_jax.nets import fastgan_discriminator
from dermgan_jax.nets.fastgan_discriminator import Judgement, nearest, quarter
from dermgan_jax.runs.restore import restore
from dermgan_jax.train import loop


def make(resolution=32, num_examples=100, **fields):
    config = configuration.experiment("fastgan")
    config.model.update({"latent_size": 8, "width": 4, "discriminator_width": 4})
    config.model.update({"distance": "pixels", **fields})
    config.train.total_kimg = 1.0
    return FastGan(
        configuration.validate(config), DataSpec(resolution, resolution, 3, (), num_examples)
    )


def test_losses_match_the_original():
    """Hinge with the recorded margins; the sum of three distances, here mean squares."""
    case, model = Case("fastgan_losses"), make()
    part, data = int(case.arrays["in:part"]), case["in:data"]
    for other in range(4):
        case.check(f"crop_part{other}", quarter(data, other))

    def real_loss(logits, images, smalls, parts):
        judged = Judgement(None, None, images, smalls, parts)
        loss = fastgan.hinge(logits, case.arrays["in:u_real"], real=True)
        return loss + model.distances({}, judged, data, part).sum()

    given = [case[f"in:{key}"] for key in ("pred_real", "rec_all", "rec_small", "rec_part")]
    loss, gradients = jax.value_and_grad(real_loss, argnums=(0, 1, 2, 3))(*given)
    case.check("d_real_loss", loss)
    for key, gradient in zip(("pred", "rec_all", "rec_small", "rec_part"), gradients, strict=True):
        case.check(f"d_real_grad_{key}", gradient)

    def fake_loss(logits):
        return fastgan.hinge(logits, case.arrays["in:u_fake"], real=False)

    loss, gradient = jax.value_and_grad(fake_loss)(case["in:pred_fake"])
    case.check("d_fake_loss", loss)
    case.check("d_fake_grad_pred", gradient)
    case.check("g_loss", fastgan.generator_loss(case["in:pred_fake"]))


def test_nearest_takes_torchs_pixels():
    image = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(nearest(image, 2)[0, :, :, 0], [[0, 2], [8, 10]])
    np.testing.assert_array_equal(nearest(nearest(image, 8), 4), image)


def test_an_image_depends_on_its_latent_alone():
    """With statistics of a fixed batch, unlike the original; these are a batch's own."""
    model = make()
    variables = jax.jit(model.init)(jax.random.key(0))
    latents = model.latents(jax.random.key(1), 6)
    labels, stage = jnp.zeros(6, jnp.int32), model.stage(0)
    sample = jax.jit(lambda z, labels: model.sample(variables, z, labels, stage))
    whole, part = sample(latents, labels), sample(latents[2:4], labels[:2])
    np.testing.assert_allclose(whole[2:4], part, atol=1e-5)
    running = make(statistics="running")
    other = jax.jit(lambda z: running.sample(variables, z, labels, stage))(latents)
    assert np.abs(np.asarray(other) - np.asarray(whole)).max() > 1e-3


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"resolution": 48}, "with a side of 32, 64, 128, 256, 512, 1024, not 48x48"),
        ({"num_examples": 5}, "train.batch_size is 8, but there are 5 images"),
        ({"distance": "ssim"}, "model.distance is 'ssim'; expected one of vgg, alex"),
        ({"statistics": "batch"}, "model.statistics is 'batch'; expected one of running"),
    ],
)
def test_what_does_not_go_together_is_named(facts, message):
    assert any(message in fault for fault in make(**facts).faults())
    assert not make().faults()


def test_weights_of_lpips_are_asked_for_only_where_it_judges():
    assert make(distance="vgg").published_weights == ("lpips_vgg",)
    assert make(distance="vgg", reconstruction=0.0).published_weights == ()
    assert make().published_weights == ()


def test_reconstructions_are_part_of_the_discriminators_loss_alone():
    """Whose gradient reaches all three decoders; without them there is none for these."""
    batch = {"image": jnp.linspace(-1, 1, 2 * 32 * 32 * 3).reshape(2, 32, 32, 3)}
    batch["label"] = jnp.zeros(2, jnp.int32)
    variables = jax.jit(make().init)(jax.random.key(0))
    for weight in (1.0, 0.0):
        model = make(reconstruction=weight)
        phase = model.phases()[0]
        context = Context((32, 32), {}, jnp.int32(0), {}, model.init_extra(jax.random.key(0)))

        def loss(params, phase=phase, context=context):
            frozen = {**variables, "d": {**variables["d"], "params": None}}
            return phase.loss({"d": params}, frozen, batch, jax.random.key(1), context)

        gradient, aux = jax.jit(jax.grad(loss, has_aux=True))(variables["d"]["params"])
        assert ("reconstruction" in aux.metrics) == (weight > 0)
        for part in ("decoder_big", "decoder_small", "decoder_part"):
            moved = [bool(jnp.any(leaf)) for leaf in jax.tree.leaves(gradient[part])]
            assert any(moved) == (weight > 0), part


def test_a_run_whose_reconstructions_lpips_judges(tmp_path, monkeypatch):
    """From its first step to samples of its checkpoint; LPIPS has a head, but no network."""
    monkeypatch.setattr(FastGan, "published_weights", ())
    monkeypatch.setattr(FastGan, "pretrained", lambda self, variables: variables)
    monkeypatch.setattr(lpips_net, "zeros", lambda name: {"heads": [jnp.ones(3)]})
    monkeypatch.setattr(lpips_net, "normalised_activations", lambda name, params, rgb: [rgb])
    monkeypatch.setattr(fastgan_discriminator, "_DECODER_WIDTHS", (8, 8, 8, 8))
    fields = {"model.distance": "squeeze", "model.reconstruction": 1.0}
    config = tiny("fastgan", tmp_path / "prepared", **fields, **{"train.total_kimg": 0.008})
    assert loop.train(config, tmp_path / "run", devices=jax.devices()[:1]) == loop.FINISHED
    assert "heads/0" in (tmp_path / "run" / "parameters.txt").read_text()
    restored = restore(tmp_path / "run")
    latents, labels = np.zeros((2, 8), np.float32), np.zeros(2, np.int32)
    images = sampling.sample(restored.model, restored.variables, restored.stage, latents, labels)
    assert np.isfinite(images).all()

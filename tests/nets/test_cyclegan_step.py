"""Losses and gradients of CycleGAN's nets together, as its official code computes them."""

import jax
import jax.numpy as jnp
import numpy as np
import torch_vectors

from dermgan_jax.interop import torch_names
from dermgan_jax.losses import toward_fake, toward_real
from dermgan_jax.nets.patch_discriminator import PatchDiscriminator
from dermgan_jax.nets.resnet_generator import ResnetGenerator

GENERATOR, DISCRIMINATOR = ResnetGenerator(3, 3, 6), PatchDiscriminator(3)
NAMES = {
    net: torch_names.resnet_generator(6) if net[0] == "G" else torch_names.patch_discriminator()
    for net in ("G_A", "G_B", "D_A", "D_B")
}
LAST_BIASES = ("model.23.bias", "model.0.bias", "model.11.bias")


def generator_loss(generators, discriminators, a, b):
    def translate(net, x):
        return GENERATOR.apply(generators[net], x, train=True)

    def fooled(net, x):
        return toward_real("lsgan", DISCRIMINATOR.apply(discriminators[net], x, train=True))

    def distance(x, y):
        return jnp.abs(x - y).mean()

    out = {"fake_B": translate("G_A", a), "fake_A": translate("G_B", b)}
    out |= {"rec_A": translate("G_B", out["fake_B"]), "rec_B": translate("G_A", out["fake_A"])}
    out |= {"idt_A": translate("G_A", b), "idt_B": translate("G_B", a)}
    out |= {
        "loss_G_A": fooled("D_A", out["fake_B"]).mean(),
        "loss_G_B": fooled("D_B", out["fake_A"]).mean(),
        "loss_cycle_A": 10 * distance(out["rec_A"], a),
        "loss_cycle_B": 10 * distance(out["rec_B"], b),
        "loss_idt_A": 5 * distance(out["idt_A"], b),
        "loss_idt_B": 5 * distance(out["idt_B"], a),
    }
    out["loss_G"] = sum(value for name, value in out.items() if name.startswith("loss_"))
    return out["loss_G"], out


def discriminator_loss(discriminators, pairs):
    out = {}
    for net, (real, fake) in pairs.items():
        judge = jax.tree_util.Partial(DISCRIMINATOR.apply, discriminators[net], train=True)
        each = toward_real("lsgan", judge(real)) + toward_fake("lsgan", judge(fake))
        out[f"loss_{net}"] = each.mean() / 2
    return sum(out.values()), out


def test_losses_and_gradients():
    golden = torch_vectors.load("cyclegan_full_step")
    nets = {net: torch_vectors.variables(NAMES[net], golden, f"w:{net}.") for net in NAMES}
    generators, discriminators = (
        {net: nets[net] for net in nets if net[0] == kind} for kind in "GD"
    )
    a, b = golden["in:real_A"], golden["in:real_B"]
    step = jax.jit(jax.value_and_grad(generator_loss, has_aux=True))
    (_, out), gradients = step(generators, discriminators, a, b)
    pairs = {"D_A": (b, out["fake_B"]), "D_B": (a, out["fake_A"])}
    judged = jax.jit(jax.value_and_grad(discriminator_loss, has_aux=True))
    (_, judgements), more = judged(discriminators, pairs)
    for name, value in (out | judgements).items():
        tolerance = {"rtol": 1e-4} if name.startswith("loss") else {"rtol": 0, "atol": 5e-5}
        np.testing.assert_allclose(value, golden[f"out:{name}"], **tolerance, err_msg=name)
    for net, tree in (gradients | more).items():
        for name in NAMES[net]:
            # Elsewhere an instance norm takes the bias out: its gradient is rounding error.
            if name.torch.endswith("bias") and name.torch not in LAST_BIASES:
                continue
            found, key = torch_vectors.torch_tensor(name, tree), f"{net}.{name.torch}"
            norm = golden[f"out:gradnorm:{key}"]
            np.testing.assert_allclose(np.linalg.norm(found), norm, rtol=1e-4, err_msg=key)
            if f"out:grad:{key}" in golden:
                error = np.linalg.norm(found - golden[f"out:grad:{key}"])
                assert error < 1e-4 * norm, key

"""Super-resolution's networks against their originals' numbers."""

import jax
import numpy as np
import pytest
from superres_vectors import Case, found

from dermgan_jax.interop import superres_names as names
from dermgan_jax.nets.pixel_shuffle import pixel_shuffle, pixel_unshuffle
from dermgan_jax.nets.rrdbnet import RrdbNet
from dermgan_jax.nets.srgan_discriminator import SrganDiscriminator
from dermgan_jax.nets.srresnet import MsrResNet, SrResNet
from dermgan_jax.nets.unet_discriminator import UnetDiscriminator
from dermgan_jax.nets.vgg_discriminator import VggDiscriminator


def jitted(net):
    """(variables, images, train) -> (result, changed collections)."""

    def apply(variables, images, train):
        changing = ["batch_stats", "spectral"]
        return net.apply(variables, images, train=train, mutable=changing)

    return jax.jit(apply, static_argnames="train")


@pytest.mark.parametrize("name", found("pixel_shuffle"))
def test_pixel_shuffle(name):
    case = Case(name)
    case.check("out:unshuffle2", pixel_unshuffle(case["in:x"], 2))
    case.check("out:shuffle2", pixel_shuffle(case["in:z"], 2))


def rrdbnet(case):
    options = case.options
    return RrdbNet(
        3,
        options.get("scale", 4),
        options["num_feat"],
        options["num_block"],
        options["num_grow_ch"],
    )


@pytest.mark.parametrize("name", found("rrdbnet_x1", "rrdbnet_x2", "rrdbnet_x4"))
def test_rrdbnet(name):
    case = Case(name)
    net = rrdbnet(case)
    variables = case.variables(names.rrdbnet(net.num_blocks))
    case.check("out:y", jax.jit(net.apply)(variables, case["in:x"]))


@pytest.mark.parametrize("name", found("rrdbnet_x4_legacy_names"))
def test_three_schemes_of_names_are_one_network(name):
    case = Case(name)
    schemes = {key.split(":")[0] for key in case.arrays if key.startswith("param")}
    net = rrdbnet(case)
    wanted = {name.torch for name in names.rrdbnet(net.num_blocks)}
    for scheme in schemes:
        renamed = names.of_today(case.tensors(f"{scheme}:"))
        assert set(renamed) == wanted, scheme


@pytest.mark.parametrize("name", found("msrresnet_x2", "msrresnet_x3", "msrresnet_x4"))
def test_msrresnet(name):
    case = Case(name)
    options = case.options
    net = MsrResNet(3, options["scale"], options["num_feat"], options["num_block"])
    variables = case.variables(names.msrresnet(net.num_blocks, net.scale))
    case.check("out:y", jax.jit(net.apply)(variables, case["in:x"]))


@pytest.mark.parametrize("name", found("srresnet_srgan_x2", "srresnet_srgan_x4"))
def test_srresnet(name):
    case = Case(name)
    options = case.options
    net = SrResNet(3, options["scale"], options["num_feat"], options["num_block"])
    own = names.srresnet(net.num_blocks, net.scale)
    variables = case.variables(own)
    apply = jitted(net)
    case.check("out:eval", apply(variables, case["in:x"], train=False)[0])
    images, changed = apply(variables, case["in:x"], train=True)
    case.check("out:train", images)
    case.check_state("state:", own, changed)


@pytest.mark.parametrize("name", found("vggstyle_discriminator"))
def test_vgg_discriminator(name):
    case = Case(name)
    net, own = VggDiscriminator(case.options["num_feat"]), names.vgg_discriminator(128)
    variables = case.variables(own)
    apply = jitted(net)
    logits, _ = apply(variables, case["in:x"], train=False)
    case.check("out:eval", logits[:, None])
    logits, changed = apply(variables, case["in:x"], train=True)
    case.check("out:train", logits[:, None])
    case.check_state("state:", own, changed)


@pytest.mark.parametrize("name", found("srgan_discriminator"))
def test_srgan_discriminator(name):
    """The vector's widths are what a replacement in the source made of them."""
    case = Case(name)
    net, own = SrganDiscriminator((8, 16, 32, 8), 16), names.srgan_discriminator(4)
    variables = case.variables(own)
    apply = jitted(net)
    for mode in ("eval", "train"):
        logits, _ = apply(variables, case["in:x"], train=mode == "train")
        case.check(f"out:{mode}", jax.nn.sigmoid(logits))


@pytest.mark.parametrize("name", found("unet_discriminator_sn"))
def test_unet_discriminator(name):
    case = Case(name)
    net, own = UnetDiscriminator(case.options["num_feat"]), names.unet_discriminator()
    variables = case.variables(own)
    apply = jitted(net)
    case.check("out:eval", apply(variables, case["in:x"], train=False)[0][..., None])
    for step in (1, 2):
        logits, changed = apply(variables, case["in:x"], train=True)
        case.check(f"out:train{step}", logits[..., None])
        case.check_state(f"state{step}:", own, changed)
        variables = {**variables, **changed}


@pytest.mark.parametrize("name", found("network_interpolation"))
def test_networks_between_two(name):
    case = Case(name)
    net = rrdbnet(case)
    own = names.rrdbnet(net.num_blocks)
    a, b = (case.variables(own, f"param{side}:") for side in "AB")
    alpha = float(case.arrays["in:alpha"])
    between = jax.tree.map(lambda one, other: (1 - alpha) * one + alpha * other, a, b)
    apply = jax.jit(net.apply)
    for key, variables in (("A", a), ("B", b), ("interp", between)):
        case.check(f"out:{key}", apply(variables, case["in:x"]))


def test_kernels_within_blocks_begin_small():
    net = RrdbNet(3, 4, 8, 3, 8)
    images = np.random.default_rng(0).uniform(size=(1, 8, 8, 3)).astype(np.float32)
    variables = jax.jit(net.init)(jax.random.key(0), images)
    kernels = variables["params"]["blocks"]["rdb1"]["conv1"]["kernel"]
    np.testing.assert_allclose(kernels.std(), 0.1 * np.sqrt(2 / 72), rtol=0.1)
    assert not np.any(variables["params"]["blocks"]["rdb1"]["conv1"]["bias"])
    assert np.any(variables["params"]["conv_first"]["bias"])

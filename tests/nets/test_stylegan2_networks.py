"""StyleGAN2's networks against the original's numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stylegan2_vectors as vectors

from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import stylegan2_names
from dermgan_jax.nets.stylegan2_discriminator import StyleGan2Discriminator
from dermgan_jax.nets.stylegan2_generator import Mapping, StyleGan2Generator, Synthesis

TOLERANCE = 2e-5


def weights(case):
    """Written by PyTorch where there is such a file, else those beside the vectors."""
    path = vectors.COPIES / f"{case}.pth"
    if path.is_file():
        return read_tensors(path)
    return {name[2:]: w for name, w in vectors.load(case).items() if name.startswith("w:")}


@pytest.mark.parametrize("case", ["generator_c0", "generator_c3"])
def test_generator_matches_the_original(case):
    arrays, variables = vectors.load(case), stylegan2_names.variables(weights(case))
    net = StyleGan2Generator(vectors.WIDTHS, 3, vectors.STYLE_SIZE, mapping_layers=4)

    @functools.partial(jax.jit, static_argnames="labelled")
    def sample(latents, labels, truncation, labelled):
        styles = net.apply(
            variables, latents, labels if labelled else None, method=StyleGan2Generator.map
        )
        mean = variables["average"]["mapping"]["w_avg"]
        styles = jnp.repeat((mean + truncation * (styles - mean))[:, None], net.num_styles, 1)
        return net.apply(variables, styles, method=StyleGan2Generator.synthesize)

    labels = arrays.get("in:c", np.zeros((2, 0)))
    for truncation in (1, 0.7):
        images = sample(arrays["in:z"], labels, float(truncation), labels.size > 0)
        expected = arrays[f"out:img_psi{truncation}_cutNone"]
        np.testing.assert_allclose(images, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("case", "layers"), [("mapping_c3", 8), ("mapping_discriminator", 3)])
def test_mapping_matches_the_original(case, layers):
    """Of latents and labels, and of labels alone."""
    arrays = vectors.load(case)
    latents = arrays["in:z"] if arrays["in:z"].size else None
    styles = Mapping(24, layers).apply(vectors.variables(arrays), latents, arrays["in:c"])
    expected = arrays["out:ws"]
    expected = expected[:, 0] if expected.ndim == 3 else expected
    np.testing.assert_allclose(styles, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("case", "clamp", "architecture"),
    [
        (case, clamp, architecture)
        for case, clamp, architecture in (
            ("synthesis_random_noise", 0.0, "skip"),
            ("synthesis_skip_clamp", 0.8, "skip"),
            ("synthesis_resnet", 0.0, "resnet"),
            ("synthesis_orig", 0.0, "orig"),
        )
        if vectors.found(case)
    ],
)
def test_synthesis_matches_the_original(case, clamp, architecture):
    arrays = vectors.load(case)
    net = Synthesis(vectors.WIDTHS, 3, clamp, architecture=architecture)
    variables = vectors.variables(arrays)
    noises = {"img_const": "const", "img_none": "none", "img": vectors.draws(arrays, "")}
    for name, noise in noises.items():
        if f"out:{name}" in arrays:
            images = jax.jit(net.apply, static_argnums=2 if isinstance(noise, str) else ())(
                variables, arrays["in:ws"], noise
            )
            np.testing.assert_allclose(images, arrays[f"out:{name}"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    "case",
    vectors.found(
        *("discriminator_resnet_c0", "discriminator_resnet_c3"),
        *("discriminator_orig_c0", "discriminator_skip_c0", "discriminator_clamp_mbstd2"),
    ),
)
def test_discriminator_matches_the_original(case):
    """A batch of two groups whose members lie apart, and where there is one, a group of three."""
    arrays, variables = vectors.load(case), stylegan2_names.variables(weights(case))
    kind = case.split("_")[1]
    options = {"architecture": kind} if kind != "clamp" else {"clamp": 0.7, "stddev_group": 2}
    if kind == "clamp":
        options["stddev_channels"] = 2
    net = StyleGan2Discriminator(vectors.WIDTHS, label_layers=4, **options)
    for name in ("img8", "img3"):
        if f"in:{name}" in arrays:
            images = arrays[f"in:{name}"]
            labels = arrays["in:c"][: len(images)] if "in:c" in arrays else None
            scores = jax.jit(net.apply)(variables, images, labels)
            expected = arrays[f"out:logits_{name}"][:, 0]
            np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


def test_parameters_are_as_many_as_in_the_original():
    """At 256x256 with half of the feature maps ("paper256")."""
    widths = tuple(min(16384 // side, 512) for side in (4, 8, 16, 32, 64, 128, 256))
    key, latents = jax.random.key(0), jnp.zeros((1, 512))

    def count(net, *inputs):
        shapes = jax.eval_shape(lambda: net.init(key, *inputs))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))

    assert count(StyleGan2Generator(widths, 3), latents, None) == 24_767_458
    assert count(StyleGan2Generator(widths, 3, mapping_layers=2), latents, None) == 23_191_522
    assert count(StyleGan2Discriminator(widths), jnp.zeros((1, 256, 256, 3)), None) == 24_001_089


def test_tensors_come_back_under_the_names_of_the_original():
    """All of them, with the copies of the filter that the originals keep and do not use."""
    others = vectors.found("synthesis_resnet", "discriminator_skip_c0", "discriminator_orig_c0")
    for case in ("generator_c0", "discriminator_resnet_c0", *others):
        tensors = weights(case)
        again = stylegan2_names.state_dict(stylegan2_names.variables(tensors))
        assert again.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert again[name].shape == tensor.shape, name
            np.testing.assert_allclose(again[name], tensor, rtol=0, atol=1e-9, err_msg=name)


def test_noise_sides_are_those_of_the_convolutions():
    net = StyleGan2Generator((8, 8, 4), 3, 6, 1)
    variables = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.zeros((1, 5)), None))
    flat = jax.tree.leaves_with_path(variables["noise"])
    sides = {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in flat}
    layers = ("b4/conv1", "b8/conv0", "b8/conv1", "b16/conv0", "b16/conv1")
    expected = [sides[f"synthesis/{layer}/noise_const"] for layer in layers]
    assert expected == [(side, side) for side in net.noise_sides]
    assert net.num_styles == len(layers) + 1


def test_half_precision_is_close_and_images_are_not_rounded():
    arrays = vectors.load("generator_c0")
    variables = stylegan2_names.variables(weights("generator_c0"))
    net = StyleGan2Generator(vectors.WIDTHS, 3, vectors.STYLE_SIZE, 4, dtype=jnp.bfloat16)
    images = jax.jit(net.apply)(variables, arrays["in:z"], None)
    assert images.dtype == jnp.float32
    expected = arrays["out:img_psi1_cutNone"]
    difference = np.abs(images - expected).mean() / np.abs(expected).mean()
    assert 0 < difference < 0.05

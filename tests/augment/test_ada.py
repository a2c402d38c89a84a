"""The augmentation pipeline equals the official one; it fires as often as p says."""

import dataclasses
import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erfinv

from dermgan_jax.augment import ada
from dermgan_jax.errors import UserError

GOLDEN = Path(__file__).parents[1] / "golden" / "augment"
GROUPS = {
    "blit": ("xflip", "rotate90", "xint"),
    "geom": ("scale", "rotate", "aniso", "xfrac"),
    "color": ("brightness", "contrast", "lumaflip", "hue", "saturation"),
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
}
LETTERS = dict(zip("bgcfnk", GROUPS, strict=True))
EVERYTHING = ada.POLICIES["bgcfnc"]
TRANSFORMS = [name for group in GROUPS.values() for name in group]
# What the official code draws, in its order; `rotate` twice, before and after `aniso`.
ORDER = [
    *("xflip", "rotate90", "xint", "scale", "pre_rotation", "aniso", "post_rotation", "xfrac"),
    *("brightness", "contrast", "lumaflip", "hue", "saturation"),
]

augment = jax.jit(ada.augment, static_argnums=3)
apply = jax.jit(ada.apply, static_argnums=2)


@functools.partial(jax.jit, static_argnums=(1, 3))
def choose(rng, num, p, policy):
    """Parameters for images that consist of one pixel."""
    return ada.parameters(ada.random_numbers(rng, num, (1, 1, 1), policy), p, policy)


def load(case):
    """Arrays by name, images NHWC."""
    with np.load(GOLDEN / f"{case}.npz") as arrays:
        return {
            name: array.transpose(0, 2, 3, 1) if array.ndim == 4 else array
            for name, array in arrays.items()
        }


def policy_of(spec):
    """One transform, one group, or several groups ("bgcfnc")."""
    if spec in TRANSFORMS:
        names = [spec]
    elif spec in GROUPS:
        names = GROUPS[spec]
    else:
        letters = spec[:-1] + "k" if spec.endswith("nc") else spec
        names = [name for letter in letters for name in GROUPS[LETTERS[letter]]]
    return ada.Policy(**dict.fromkeys(names, 1.0))


def at_percentile(d, noise):
    """The official code's debug_percentile: everything fires, with the d quantile of its values.

    Its normal quantiles lack a factor sqrt(2), and it leaves the second rotation out.
    """
    uniform = {name: np.full((1, *shape), d) for name, shape in ada._UNIFORM.items()}
    normal = {name: np.full((1, *shape), erfinv(2 * d - 1)) for name, shape in ada._NORMAL.items()}
    values = uniform | normal | {"post_rotation": np.full(1, 0.5), "noise": np.full(1, erfinv(d))}
    gates = {name: np.zeros(1) for name in values} | {"imgfilter": np.zeros((1, 4))}
    return ada.RandomNumbers(*as_float32((values, gates, noise)))


def as_float32(tree):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), tree)


def cases(golden):
    """(name of an output, policy, parameters for the one image) of debug-percentile vectors."""
    for name in golden:
        if name.startswith("out:"):
            spec, d = name.removeprefix("out:").split("@")
            policy = policy_of(spec)
            numbers = at_percentile(float(d), golden["in:noise_image"])
            yield name, policy, ada.parameters(numbers, 1.0, policy)


def test_each_transform_alone_equals_the_official_one():
    golden = load("single")
    names, _, chosen = zip(*cases(golden), strict=True)
    assert {name[4:-4] for name in names} == set(TRANSFORMS)
    # All in one batch, through all groups: those without a part in a case are neutral.
    batch = jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *chosen)
    images = jnp.repeat(golden["in:images"], len(names), 0)
    for name, mine in zip(names, apply(images, batch, EVERYTHING), strict=True):
        np.testing.assert_allclose(mine, golden[name][0], atol=1e-5, err_msg=name)


@pytest.mark.parametrize("vectors", ["groups", "gray"])
def test_groups_equal_the_official_ones(vectors):
    golden = load(vectors)
    for name, policy, chosen in cases(golden):
        mine = apply(golden["in:images"], chosen, policy)
        np.testing.assert_allclose(mine, golden[name], atol=1e-5, err_msg=name)


def recorded(golden):
    """The official code's random numbers by transform."""
    draws = [array for name, array in golden.items() if name.startswith("in:draw_")]
    num = len(draws[0])
    numbers = ada.random_numbers(jax.random.key(0), num, (24, 24, 3), ada.Policy())
    values, gates, noise = dict(numbers.values), dict(numbers.gates), None
    for name in ORDER[: len(draws) // 2]:
        values[name], gates[name], *draws = draws
    if draws:
        values["imgfilter"], gates["imgfilter"] = (np.stack(draws[i:8:2], -1) for i in (0, 1))
        values["noise"], gates["noise"], noise, gates["cutout"], values["cutout"] = draws[8:]
    shaped = [
        {name: np.reshape(array, tree[name].shape) for name, array in new.items()}
        for new, tree in ((values, numbers.values), (gates, numbers.gates))
    ]
    return ada.RandomNumbers(*shaped, noise)


@pytest.mark.parametrize(
    ("spec", "p", "strengths"),
    [
        ("bg", 1.0, {"xint_max": 0.2, "rotate_max": 0.3}),
        ("bgc", 0.6, {}),
        ("bgcfnc", 0.5, {"imgfilter_bands": (1.0, 0.5, 1.0, 1.0)}),
    ],
)
def test_gates_and_gradients_equal_the_official_ones(spec, p, strengths):
    golden = load(f"random_{spec}")
    policy = dataclasses.replace(policy_of(spec), **strengths)
    chosen = ada.parameters(recorded(golden), p, policy)

    @jax.jit
    def both(images, cotangent):
        result, vjp = jax.vjp(lambda x: ada.apply(x, chosen, policy), images)
        return result, vjp(cotangent)[0]

    mine, gradient = both(golden["in:images"], golden["in:cot"])
    np.testing.assert_allclose(mine, golden["out:y"], atol=2e-5)
    wanted = golden["out:grad_images"]
    assert np.linalg.norm(gradient - wanted) < 1e-5 * np.linalg.norm(wanted)


@pytest.mark.parametrize("name", ada.POLICIES)
def test_nothing_happens_at_p_0_and_everything_changes_at_p_1(name):
    images = jax.random.uniform(jax.random.key(0), (4, 24, 28, 3), minval=-1)
    same = augment(images, jax.random.key(1), 0.0, ada.POLICIES[name])
    np.testing.assert_allclose(same, images, atol=5e-6)
    changed = augment(images, jax.random.key(1), 1.0, ada.POLICIES[name])
    assert jnp.abs(changed - images).mean((1, 2, 3)).min() > 0.05


def fired(chosen):
    """Per transform, which images something was done to."""
    some = {
        **{name: getattr(chosen, name) != 0 for name in ("brightness", "hue")},
        **{name: getattr(chosen, name) != 1 for name in ("scale", "aniso", "contrast")},
        **{name: (getattr(chosen, name) != 0).all(-1) for name in ("xint", "xfrac")},
        "rotate": (chosen.pre_rotation != 0) | (chosen.post_rotation != 0),
        "saturation": chosen.saturation != 1,
        "noise": chosen.noise_std != 0,
        "cutout": chosen.cutout_size != 0,
    }
    # Some of what these do is nothing: half of the flips, a quarter of the turns.
    return {name: hits.mean() for name, hits in some.items()} | {
        "xflip": 2 * chosen.xflip.mean(),
        "rotate90": (chosen.rotate90 != 0).mean() * 4 / 3,
        "lumaflip": 2 * chosen.lumaflip.mean(),
        "imgfilter": 1 - (chosen.band_gains == 1).all(-1).mean(),
    }


def test_transforms_fire_independently_with_p_times_their_multiplier():
    policy = dataclasses.replace(EVERYTHING, noise=0.0, cutout=0.5, hue=0.0, rotate=0.75)
    chosen = choose(jax.random.key(2), 20_000, 0.4, policy)
    expected = dict.fromkeys(TRANSFORMS, 0.4) | {"cutout": 0.2, "rotate": 0.3}
    expected |= {"noise": 0.0, "hue": 0.0, "imgfilter": 1 - 0.6**4}
    measured = {name: float(share) for name, share in fired(chosen).items()}
    assert measured == pytest.approx(expected, abs=0.02)
    both = ((chosen.scale != 1) & (chosen.aniso != 1)).mean()
    assert float(both) == pytest.approx(0.16, abs=0.02)


def test_strengths_are_those_of_the_policy():
    policy = dataclasses.replace(EVERYTHING, rotate_max=0.5, xint_max=0.3, scale_std=0.1)
    chosen = choose(jax.random.key(3), 20_000, 1.0, policy)
    octaves = {name: jnp.log2(getattr(chosen, name)).std() for name in ("scale", "contrast")}
    assert octaves == pytest.approx({"scale": 0.1, "contrast": 0.5}, rel=0.03)
    assert float(jnp.abs(chosen.xint).max()) == pytest.approx(0.3, rel=0.01)
    assert float(jnp.abs(chosen.pre_rotation).max()) == pytest.approx(np.pi / 2, rel=0.01)
    # Gains keep the power of a spectrum that falls as 1 / f, one band after the other.
    gains = ada._at_constant_power(jnp.array([[2.0, 1, 1, 1]]))[0]
    assert float(gains**2 @ jnp.array([10.0, 1, 1, 1])) == pytest.approx(13, rel=1e-5)


def test_dermatology_keeps_chroma_but_for_light():
    chosen = choose(jax.random.key(4), 5000, 1.0, ada.POLICIES["dermatology"])
    assert not (chosen.hue != 0).any()
    assert not (chosen.lumaflip != 0).any()
    assert not (chosen.saturation != 1).any()
    assert jnp.abs(chosen.brightness).max() < 0.25
    assert jnp.abs(jnp.log2(chosen.contrast)).max() < 0.5
    assert fired(chosen)["rotate"] == 1


def test_one_transform_more_leaves_the_others_as_they_were():
    fewer, more = (
        choose(jax.random.key(5), 8, 0.5, ada.POLICIES[name]) for name in ("bg", "bgcfnc")
    )
    for name in ("xflip", "rotate90", "xint", "scale", "pre_rotation", "aniso", "xfrac"):
        np.testing.assert_array_equal(getattr(fewer, name), getattr(more, name))


def test_a_policy_costs_no_more_than_its_groups():
    def program(policy):
        images = jnp.zeros((2, 24, 24, 3))
        return str(
            jax.make_jaxpr(augment, static_argnums=3)(images, jax.random.key(0), 0.5, policy)
        )

    everything, colours = program(EVERYTHING), program(policy_of("color"))
    assert " gather[" in everything
    assert " gather[" not in colours
    assert " dot_general[" not in colours


def test_gradient_penalty_through_it_is_that_of_the_linear_map_it_is():
    policy, shape = ada.POLICIES["bgc"], (5, 6, 1)
    size = np.prod(shape)
    images, weights = jax.random.normal(jax.random.key(7), (2, 1, *shape))
    chosen = choose(jax.random.key(6), 1, 0.8, policy)
    # The map of this one image, from what becomes of black and of each pixel alone.
    repeated = jax.tree.map(lambda x: jnp.repeat(x, size + 1, 0), chosen)
    basis = jnp.concatenate([jnp.zeros((1, size)), jnp.eye(size)]).reshape(-1, *shape)
    offset, *columns = apply(basis, repeated, policy).reshape(-1, size)
    matrix = jnp.stack(columns, -1) - offset[:, None]

    def dense(x):
        return (matrix @ x.reshape(-1) + offset).reshape(x.shape)

    def penalty(weights, transform):
        gradient = jax.grad(lambda x: jnp.tanh(transform(x) * weights).sum())(images)
        return jnp.square(gradient).sum()

    gradients = jax.jit(jax.grad(penalty), static_argnums=1)
    mine = gradients(weights, lambda x: ada.apply(x, chosen, policy))
    wanted = gradients(weights, dense)
    np.testing.assert_allclose(mine, wanted, atol=1e-4 * float(jnp.abs(wanted).max()))


def test_half_precision_images_are_transformed_in_float32():
    images = jax.random.uniform(jax.random.key(0), (2, 24, 24, 3), minval=-1)
    images = images.astype(jnp.bfloat16)
    half = augment(images, jax.random.key(9), 1.0, ada.POLICIES["bg"])
    full = augment(images.astype(jnp.float32), jax.random.key(9), 1.0, ada.POLICIES["bg"])
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(np.float32), full, rtol=2**-8, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "name", "message"),
    [
        ((1, 24, 24, 2), "bgc", "needs images of 1 or 3 channels, not 2"),
        ((1, 32, 21, 3), "bgcfnc", "at least 22 pixels a side, not 32x21.*without imgfilter"),
        ((1, 3, 8, 3), "bg", "at least 4 pixels a side, not 3x8"),
    ],
)
def test_says_what_it_cannot_augment_while_it_is_traced(shape, name, message):
    with pytest.raises(UserError, match=message):
        jax.eval_shape(
            lambda x: ada.augment(x, jax.random.key(0), 0.5, ada.POLICIES[name]), jnp.zeros(shape)
        )

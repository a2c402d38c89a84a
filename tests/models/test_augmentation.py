"""How GANs augment, as configured."""

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from dermgan_jax.models import augmentation

IMAGES = jax.random.uniform(jax.random.key(0), (4, 8, 8, 3), minval=-1, maxval=1)


def fields(**changed):
    return ConfigDict(augmentation.default_fields() | changed)


def test_without_augmentation_images_are_as_they_were():
    model = fields()
    assert augmentation.init(model) == {}
    assert augmentation.augment(model, IMAGES, jax.random.key(1), {}) is IMAGES
    assert augmentation.adjusted(model, {"path_mean": 1.0}, jnp.ones(4)) == {"path_mean": 1.0}


def test_ada_augments_with_the_probability_of_the_state():
    model = fields(augment="ada", augment_p=1.0)
    state = augmentation.init(model)

    @jax.jit
    def augment(p):
        extra = {"ada": state["ada"]._replace(p=p)}
        return augmentation.augment(model, IMAGES, jax.random.key(1), extra)

    assert state["ada"].p == 1
    np.testing.assert_allclose(augment(0.0), IMAGES, atol=0.02)
    assert float(jnp.abs(augment(1.0) - IMAGES).mean()) > 0.1


def test_ada_probability_follows_the_scores_of_reals_at_every_interval():
    """Two minibatches of 4 of 100 images: 0.08 per step, up to the bound, down to 0."""
    model = fields(augment="ada", ada_interval=2, ada_kimg=0.1, ada_max_p=0.2)
    extra, strengths = {"path_mean": 3.0, **augmentation.init(model)}, []
    for score in [1.0] * 6 + [-1.0] * 6:
        extra = augmentation.adjusted(model, extra, jnp.full(4, score))
        strengths.append(float(extra["ada"].p))
    np.testing.assert_allclose(
        strengths, [0, 0.08, 0.08, 0.16, 0.16, 0.2, 0.2, 0.12, 0.12, 0.04, 0.04, 0], atol=1e-6
    )
    assert extra["path_mean"] == 3.0


def test_diffaugment_follows_its_policies():
    model = fields(augment="diffaugment", diffaugment_policies=("cutout",))
    cut = augmentation.augment(model, IMAGES, jax.random.key(1), {})
    changed = np.asarray(cut != IMAGES).any(-1)
    assert 0 < changed.mean() <= 0.3  # a box of half the sides, or what of it is inside
    np.testing.assert_array_equal(np.asarray(cut)[changed], 0)

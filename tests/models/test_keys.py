"""No two purposes of randomness share a key."""

import jax
import numpy as np
import pytest
import tiny_configs
from toy_model import ToyModel

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models import sampling
from dermgan_jax.models.keys import Purpose, purpose_key, samples_key

SEEDS = (0, 1, 2**32 - 1)
MANY = 1000


@pytest.fixture
def toy():
    return ToyModel(config_schema.validate(tiny_configs.toy()), DataSpec(4, 4, 3, (9, 1), 8))


def data(keys):
    """Keys, one or many, as tuples of numbers."""
    return [tuple(row) for row in np.asarray(jax.random.key_data(keys)).reshape(-1, 2).tolist()]


def folded(key, numbers):
    return data(jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers))


def keys_of(seed):
    """What is made of one seed: samples, and for each purpose its steps, or its two halves."""
    last = np.uint32(2**31 - 1)
    numbers = np.append(np.arange(MANY, dtype=np.uint32), last)
    found = data(samples_key(seed)) + folded(samples_key(seed), numbers)
    for purpose in Purpose:
        key = purpose_key(np.uint32(seed), purpose)
        halved = purpose == Purpose.INITIALISATION
        found += data(key) + (data(jax.random.split(key)) if halved else folded(key, numbers))
    return found


def test_no_key_serves_two_purposes_or_two_seeds():
    found = [key for seed in SEEDS for key in keys_of(seed)]
    assert len(set(found)) == len(found)


def test_key_of_a_traced_seed_is_the_same():
    for purpose in Purpose:
        traced = jax.jit(purpose_key, static_argnums=1)(np.uint32(5), purpose)
        assert data(traced) == data(purpose_key(5, purpose))


def test_run_is_measured_by_other_samples_than_it_shows(toy):
    shown = sampling.draw_latents(toy, 3, 40)
    measured = sampling.draw_latents(toy, 3, 40, for_evaluation=True)
    assert not np.isin(measured, shown).any()
    labels = [sampling.draw_labels(toy, 3, 400, for_evaluation=each) for each in (True, False)]
    assert not np.array_equal(*labels)


def test_latent_depends_on_seed_and_number_only(toy):
    many = sampling.draw_latents(toy, 3, 70)
    np.testing.assert_array_equal(sampling.draw_latents(toy, 3, 5, first=40), many[40:45])
    np.testing.assert_array_equal(sampling.draw_latents(toy, 3, 1), many[:1])

"""The pool of generated images against the original with the original's draws."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.models import image_pool

GOLDEN = Path(__file__).parents[1] / "golden" / "cyclegan" / "image_pool.npz"


def test_replays_the_original():
    golden = np.load(GOLDEN)
    uniform, places = iter(golden["in:uniform"]), iter(golden["in:randint"])
    pool, exchange = image_pool.init(3, (1, 1, 1)), jax.jit(image_pool.exchange_drawn)
    used = [0, 0]
    for images, expected in zip(golden["in:batches"], golden["out:returned"], strict=True):
        swap, place = np.zeros(len(images), bool), np.zeros(len(images), np.int32)
        for i in range(len(images)):
            # The original draws a uniform number only if full, and a place only if that is > 0.5.
            if int(pool.count) + i >= 3:
                swap[i], used[0] = next(uniform) > 0.5, used[0] + 1
                if swap[i]:
                    place[i], used[1] = next(places), used[1] + 1
        pool, returned = exchange(pool, images, swap, place)
        np.testing.assert_array_equal(returned, expected)
    assert used == [golden["out:n_uniform_used"], golden["out:n_randint_used"]]


def test_half_of_the_images_come_from_all_places_of_a_full_pool():
    images = jnp.arange(1.0, 2001.0)[:, None, None, None]
    pool, returned = jax.jit(image_pool.exchange)(
        image_pool.init(5, (1, 1, 1)), images, jax.random.key(0)
    )
    own = (returned == images)[5:].mean()
    np.testing.assert_allclose(own, 0.5, atol=0.04)
    np.testing.assert_array_equal(returned[:5], images[:5])
    assert pool.count == 5
    # What went in and did not come out is still there.
    gone = set(np.ravel(images).tolist()) - set(np.ravel(returned).tolist())
    assert gone <= set(np.ravel(pool.images).tolist())
    assert len(set(np.ravel(pool.images).tolist())) == 5


def test_size_zero_is_no_pool():
    images = jnp.ones((2, 3, 4, 1))
    pool, returned = image_pool.exchange(image_pool.init(0, (3, 4, 1)), images, jax.random.key(0))
    assert pool.images.shape == (0, 3, 4, 1)
    np.testing.assert_array_equal(returned, images)

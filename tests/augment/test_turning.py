import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.augment.turning import turned


def test_all_eight_ways_and_what_belongs_together_stays_so():
    square = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    images = jnp.broadcast_to(square[..., None], (400, 3, 3, 1))
    masks = jnp.broadcast_to(square, (400, 3, 3))
    found, with_them = turned((images, masks), jax.random.key(0))
    np.testing.assert_array_equal(found[..., 0], with_them)
    ways = {np.rot90(side, turn).tobytes() for side in (square, square.T) for turn in range(4)}
    assert {np.asarray(each, square.dtype).tobytes() for each in with_them} == ways

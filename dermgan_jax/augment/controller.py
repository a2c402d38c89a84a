"""How strongly to augment: p follows the sign of the discriminator's scores of reals.

Karras et al., 2020, arXiv:2006.06676, section 3: where the discriminator tells reals from fakes
too easily, the mean sign of its scores (r_t) nears 1. It overfits, and p rises.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Controller(NamedTuple):
    """All float32 scalars, to be kept with the training state.

    Attributes:
      p: strength of augmentation, in [0, 1].
      sign_sum: of the scores observed since the last adjustment, the sum of their signs.
      count: their number.
    """

    p: jax.Array
    sign_sum: jax.Array
    count: jax.Array


def init(p: float = 0.0) -> Controller:
    """Starts at strength p, having observed nothing."""
    return Controller(*(jnp.array(value, jnp.float32) for value in (p, 0.0, 0.0)))


def observe(state: Controller, real_scores: jax.Array) -> Controller:
    """Takes note of scores, of any shape, of augmented reals; no gradient flows into them."""
    signs = jnp.sign(jax.lax.stop_gradient(real_scores).astype(jnp.float32))
    return state._replace(
        sign_sum=state.sign_sum + signs.sum(), count=state.count + real_scores.size
    )


def adjust(
    state: Controller,
    target: float,
    images: jax.Array | float,
    ada_kimg: float,
    max_p: float = 1.0,
) -> Controller:
    """Moves p one step towards the target and starts observing anew.

    The official code does so every four iterations with target 0.6 and ada_kimg 500 (100 from
    trained weights), and does not bound p from above.

    Args:
      state: with nothing observed, p stays.
      target: mean sign to be held.
      images: reals shown since the last adjustment.
      ada_kimg: thousands of images, more than 0, in which p can rise from 0 to 1.
      max_p: upper bound; above about 0.85 augmentations leak into the generated images.
    """
    mean_sign = state.sign_sum / jnp.maximum(state.count, 1.0)
    direction = jnp.where(state.count > 0, jnp.sign(mean_sign - target), 0.0)
    p = jnp.clip(state.p + direction * (images / (ada_kimg * 1000)), 0.0, max_p)
    return init()._replace(p=p.astype(jnp.float32))

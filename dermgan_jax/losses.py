"""Adversarial losses and gradient penalties. All per image and pure; callers take the mean."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def wasserstein_generator(fake_scores: jax.Array) -> jax.Array:
    """(N,) -> (N,): the critic's scores of fakes, to be raised (Arjovsky et al., 2017)."""
    return -fake_scores


def wasserstein_critic(real_scores: jax.Array, fake_scores: jax.Array) -> jax.Array:
    """(N,), (N,) -> (N,): minus the critic's estimate of the distance (Arjovsky et al., 2017)."""
    return fake_scores - real_scores


def drift(real_scores: jax.Array) -> jax.Array:
    """(N,) -> (N,): keeps the critic's scores near zero (Karras et al., 2018, appendix A.1)."""
    return jnp.square(real_scores)


def interpolates(reals: jax.Array, fakes: jax.Array, mix: jax.Array) -> jax.Array:
    """Images (N, H, W, C) on the lines from reals (mix 0) to fakes (mix 1); `mix` is (N,)."""
    return reals + (fakes - reals) * mix[:, None, None, None]


def gradient_norms(critic: Callable[[jax.Array], jax.Array], images: jax.Array) -> jax.Array:
    """Norms (N,) of the gradient of the summed scores with respect to each image.

    Args:
      critic: images (N, H, W, C) -> scores (N,).
      images: where the gradient is taken.
    """
    gradients = jax.grad(lambda x: critic(x).sum())(images)
    squares = jnp.square(gradients).sum((1, 2, 3))
    # The derivative of sqrt at 0 is infinite and would turn into NaN; it is taken to be 0.
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def gradient_penalty(norms: jax.Array, target: float = 1.0) -> jax.Array:
    """(N,) -> (N,): squared relative distance of gradient norms from `target`.

    Gulrajani et al. (2017) with target 1; the general form is that of Karras et al. (2018).
    """
    return jnp.square(norms / target - 1.0)

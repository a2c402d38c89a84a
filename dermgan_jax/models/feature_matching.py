"""Losses over what a multi-scale discriminator sees (pix2pixHD, Wang et al. 2018, eq. 4; SPADE)."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

# Of every scale the maps of all layers, the last of which holds logits.
Seen = Sequence[tuple[jax.Array, ...]]


def halves(seen: Seen) -> tuple[Seen, Seen]:
    """What was seen of the first and of the second half of a batch: fakes, then reals."""
    split = [[jnp.split(x, 2) for x in scale] for scale in seen]
    first, second = ([tuple(pair[half] for pair in scale) for scale in split] for half in (0, 1))
    return first, second


def mean_over_scales(judge: Callable[[jax.Array], jax.Array], seen: Seen) -> jax.Array:
    """The mean over scales of the mean of `judge(logits)`: a scalar."""
    return sum(judge(scale[-1]).mean() for scale in seen) / len(seen)


def distance(of_fake: Seen, of_real: Seen) -> jax.Array:
    """Mean absolute differences of all maps but the logits, summed up over layers: a scalar.

    Their mean over scales; no gradient flows into the maps of reals.
    """
    total = sum(
        jnp.abs(fake.astype(jnp.float32) - jax.lax.stop_gradient(real)).mean()
        for fakes, reals in zip(of_fake, of_real, strict=True)
        for fake, real in zip(fakes[:-1], reals[:-1], strict=True)
    )
    return total / len(of_fake)

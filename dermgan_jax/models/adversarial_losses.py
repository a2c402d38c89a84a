"""What DCGAN and LAPGAN share: either player's loss, WGAN-GP among them, and class labels."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from dermgan_jax import losses
from dermgan_jax.data.records import DataSpec

# score(variables, images, rng) -> (scores (N,), changed collections), of one discriminator
Score = Callable[[Mapping[str, Any], jax.Array, jax.Array], tuple[jax.Array, Mapping[str, Any]]]


BOUNDS = {"gradient_penalty": "[0, 1e6]", "critic_updates": "[1, 1000]"}


def default_fields() -> dict[str, Any]:
    """Those of `config.model` that choose the loss, as in Goodfellow et al. (2014)."""
    return {
        "loss": "vanilla",  # vanilla | nonsaturating | lsgan | wgangp
        "gradient_penalty": 10.0,  # weight of the penalty of wgangp
        "critic_updates": 1,  # of the discriminator per update of the generator; 5 for wgangp
        "conditional": False,  # on the class
    }


def faults(fields: Any) -> list[str]:
    """Why these fields of `config.model` are not valid."""
    found = []
    if fields.loss not in losses.ADVERSARIAL:
        known = ", ".join(losses.ADVERSARIAL)
        found.append(f"model.loss is {fields.loss!r}; expected one of {known}")
    return found


def class_frequencies(fields: Any, data: DataSpec, num: int) -> jax.Array | None:
    """(num, L), for judging images of unknown class; None if the model is unconditional."""
    if not fields.conditional:
        return None
    counts = jnp.array(data.class_counts, jnp.float32)
    return jnp.broadcast_to(counts / counts.sum(), (num, data.num_classes))


def discriminator_loss(
    fields: Any,
    score: Score,
    variables: Mapping[str, Any],
    real: jax.Array,
    fake: jax.Array,
    rng: jax.Array,
) -> tuple[jax.Array, dict[str, jax.Array], Mapping[str, Any]]:
    """Judgements of reals and of fakes, not halved, and the penalty of "wgangp".

    Reals and fakes are judged in batches of their own, reals first, so that batch statistics never
    mix the two. The penalty is that of Gulrajani et al. (2017, arXiv:1704.00028, equation 3).

    Args:
      fields: reads "loss" and "gradient_penalty".
      score: the discriminator.
      variables: of the discriminator.
      real, fake: (N, H, W, C).
      rng: of the penalty and of whatever is random in the discriminator.

    Returns:
      The loss; metrics, float32 scalars; the collections that the judgements changed.
    """
    real_rng, fake_rng, mix_rng, penalty_rng = jax.random.split(rng, 4)
    of_real, changed = score(variables, real, real_rng)
    of_fake, changed = score({**variables, **changed}, fake, fake_rng)
    loss = losses.toward_real(fields.loss, of_real)
    loss += losses.toward_fake(fields.loss, of_fake)
    metrics = {"score_real": of_real, "score_fake": of_fake}
    if fields.loss == "wgangp":
        between = losses.interpolates(real, fake, jax.random.uniform(mix_rng, (len(real),)))
        norms = losses.gradient_norms(lambda x: score(variables, x, penalty_rng)[0], between)
        metrics["gradient_norm"] = norms
        metrics["gradient_penalty"] = fields.gradient_penalty * losses.gradient_penalty(norms)
        loss += metrics["gradient_penalty"]
    return loss.mean(), jax.tree.map(jnp.mean, metrics), changed


def generator_loss(
    fields: Any, score: Score, variables: Mapping[str, Any], fake: jax.Array, rng: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """How far fakes are from being judged real.

    Args:
      fields: reads "loss".
      score, variables: the discriminator.
      fake: (N, H, W, C).
      rng: of whatever is random in the discriminator.

    Returns:
      The loss; metrics, float32 scalars.
    """
    scores, _ = score(variables, fake, rng)
    return losses.toward_real(fields.loss, scores).mean(), {"score_fake": scores.mean()}

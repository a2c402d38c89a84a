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


def absolute_gradient_penalty(norms: jax.Array, target: float = 1.0) -> jax.Array:
    """(N,) -> (N,): squared distance of gradient norms from `target`, which may be 0.

    The form of pytorch-CycleGAN-and-pix2pix and CUT (models/networks.py, cal_gradient_penalty).
    """
    return jnp.square(norms - target)


def _lsgan(scores: jax.Array, real: bool) -> jax.Array:
    return jnp.square(scores - real)


def _signed(scores: jax.Array, real: bool) -> jax.Array:
    return -scores if real else scores


def _cross_entropy(scores: jax.Array, real: bool) -> jax.Array:
    return jax.nn.softplus(_signed(scores, real))


# Loss of scores that should judge their images real (True), or fake: least squares (Mao et al.,
# 2017), cross-entropy of logits (Goodfellow et al., 2014), critic (Arjovsky et al., 2017).
ADVERSARIAL: dict[str, Callable[[jax.Array, bool], jax.Array]] = {
    "lsgan": _lsgan,
    "vanilla": _cross_entropy,
    "nonsaturating": _cross_entropy,
    "wgangp": _signed,
}


def toward_real(mode: str, scores: jax.Array) -> jax.Array:
    """How far scores are from judging their images real: of reals for a discriminator, of fakes
    for a generator.

    Args:
      mode: of `ADVERSARIAL`.
      scores: (N, ...), one or several per image; their losses are averaged.

    Returns:
      (N,), float32.
    """
    return _per_image(ADVERSARIAL[mode](scores.astype(jnp.float32), True))


def toward_fake(mode: str, scores: jax.Array) -> jax.Array:
    """How far scores are from judging their images fake, as a discriminator's of fakes should.

    A discriminator's loss is the sum of this and `toward_real` of reals, halved in CycleGAN,
    pix2pix and CUT (models/networks.py, GANLoss). Arguments and result as of `toward_real`.
    """
    return _per_image(ADVERSARIAL[mode](scores.astype(jnp.float32), False))


def _per_image(each: jax.Array) -> jax.Array:
    return each.reshape(len(each), -1).mean(-1)


def relativistic_generator(mode: str, fake_scores: jax.Array, real_scores: jax.Array) -> jax.Array:
    """How far fakes are from being judged more real than the average real image, and reals less.

    The relativistic average GAN (Jolicoeur-Martineau, 2019, arXiv:1807.00734) as ESRGAN trains with
    it (basicsr/models/esrgan_model.py): half of both judgements, no gradient flows into the reals'.

    Args:
      mode: of `ADVERSARIAL`.
      fake_scores, real_scores: (N, ...), one or several per image.

    Returns:
      (N,), float32.
    """
    reals = jax.lax.stop_gradient(real_scores)
    return 0.5 * (
        toward_fake(mode, reals - fake_scores.mean())
        + toward_real(mode, fake_scores - reals.mean())
    )


def relativistic_discriminator(
    mode: str, real_scores: jax.Array, fake_scores: jax.Array
) -> jax.Array:
    """How far reals are from being judged more real than the average fake, and fakes less.

    As in ESRGAN, half of both judgements, and no gradient flows into the averages. Arguments and
    result as of `relativistic_generator`.
    """
    mean_real, mean_fake = (
        jax.lax.stop_gradient(scores.mean()) for scores in (real_scores, fake_scores)
    )
    return 0.5 * (
        toward_real(mode, real_scores - mean_fake) + toward_fake(mode, fake_scores - mean_real)
    )


def absolute_error(images: jax.Array, wanted: jax.Array) -> jax.Array:
    """Mean absolute difference per image: (N, H, W, C) twice -> (N,)."""
    return jnp.abs(images - wanted).mean((1, 2, 3))


def patch_nce(
    queries: jax.Array, keys: jax.Array, temperature: float = 0.07, all_negatives: bool = False
) -> jax.Array:
    """Patchwise contrastive loss (Park et al., 2020, equation 3; CUT's models/patchnce.py).

    Args:
      queries: (N, P, D), unit vectors of patches of generated images.
      keys: (N, P, D), of the same patches of the inputs; no gradient flows into them.
      temperature: divides the similarities.
      all_negatives: take negatives from all images rather than only the patch's own.

    Returns:
      (N, P), float32: cross-entropy of finding the own patch among the negatives.
    """
    n, p, d = queries.shape
    keys = jax.lax.stop_gradient(keys)
    groups = (1, n * p, d) if all_negatives else (n, p, d)
    q, k = (x.astype(jnp.float32).reshape(groups) for x in (queries, keys))
    positives = (q * k).sum(-1, keepdims=True)
    negatives = jnp.einsum("gpd,gqd->gpq", q, k)
    # As in the original, the patch itself stays among the negatives, as a hopeless one.
    negatives = jnp.where(jnp.eye(q.shape[1], dtype=bool), -10.0, negatives)
    logits = jnp.concatenate([positives, negatives], -1) / temperature
    return -jax.nn.log_softmax(logits)[..., 0].reshape(n, p)

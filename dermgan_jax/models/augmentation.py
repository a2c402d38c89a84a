"""What a GAN's discriminator gets to see of images, as the fields of `config.model` choose it.

ADA (Karras et al., 2020, arXiv:2006.06676) keeps the probability of its transformations in the
GAN's own state, under "ada".
"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from dermgan_jax.augment import ada, controller, diffaugment
from dermgan_jax.errors import UserError

KINDS = ("none", "ada", "diffaugment")


BOUNDS = {
    "augment_p": "[0, 1]",
    "ada_target": "[-1, 1]",
    "ada_kimg": "[0.001, 1e6]",
    "ada_interval": "[1, 65536]",
    "ada_max_p": "[0, 1]",
    "diffaugment_cutout": "[0, 1]",
}


def default_fields() -> dict[str, Any]:
    """Those of `config.model`: no augmentation, else with the settings of the papers."""
    return {
        "augment": "none",  # none | ada | diffaugment
        "augment_policy": "bgc",  # ada: name of a policy
        "augment_p": 0.0,  # ada: probability at the beginning
        "ada_target": 0.6,  # mean sign of the scores of reals
        "ada_kimg": 500.0,  # thousands of images in which p could go from 0 to 1
        "ada_interval": 4,  # minibatches of reals between two adjustments
        "ada_max_p": 0.85,  # beyond it, augmentation leaks into the fakes
        "diffaugment_policies": ("color", "translation", "cutout"),  # "zoom", ours
        "diffaugment_cutout": 0.5,  # side of the box that is cut out, as a share of the image's
    }


def faults(fields: Any, shape: tuple[int, int, int]) -> list[str]:
    """What is wrong with these fields of `config.model` for images of a shape (H, W, C)."""
    found = []
    if fields.augment not in KINDS:
        found.append(f"model.augment is {fields.augment!r}; expected one of {', '.join(KINDS)}")
    if fields.augment_policy not in ada.POLICIES:
        known = ", ".join(ada.POLICIES)
        found.append(f"model.augment_policy is {fields.augment_policy!r}; expected one of {known}")
    if not found:
        images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        try:
            jax.eval_shape(lambda x: augment(fields, x, jax.random.key(0), init(fields)), images)
        except UserError as error:
            found.append(f"model.augment is {fields.augment!r}: {error}")
    return found


def init(fields: Any) -> dict[str, Any]:
    """The part of a GAN's own state that augmentation needs."""
    if fields.augment != "ada":
        return {}
    return {"ada": controller.init(fields.augment_p)}


def augment(fields: Any, images: jax.Array, rng: jax.Array, extra: Mapping[str, Any]) -> jax.Array:
    """Images (N, H, W, C) in [-1, 1] as the discriminator sees them; differentiable.

    Args:
      fields: `config.model`.
      images: reals or fakes.
      rng: key.
      extra: the GAN's own state.
    """
    if fields.augment == "ada":
        return ada.augment(images, rng, extra["ada"].p, ada.POLICIES[fields.augment_policy])
    if fields.augment == "diffaugment":
        return diffaugment.augment(
            images, rng, tuple(fields.diffaugment_policies), fields.diffaugment_cutout
        )
    return images


def adjusted(fields: Any, extra: Mapping[str, Any], real_scores: jax.Array) -> dict[str, Any]:
    """The GAN's own state with ADA's probability after one more minibatch of reals (section 3.1).

    Args:
      fields: `config.model`.
      extra: the state before.
      real_scores: (N,).
    """
    if fields.augment != "ada":
        return dict(extra)
    seen = controller.observe(extra["ada"], real_scores)
    due = seen.count >= fields.ada_interval * len(real_scores)
    moved = controller.adjust(
        seen, fields.ada_target, seen.count, fields.ada_kimg, fields.ada_max_p
    )
    return {**extra, "ada": jax.tree.map(functools.partial(jnp.where, due), moved, seen)}

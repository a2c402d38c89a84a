"""Batches as losses see them: looked up, cropped, flipped and scaled on the devices."""

import jax
import jax.numpy as jnp

from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.models.contract import Batch
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.sharding import split_by_batch


def load_batches(
    recipe: Recipe,
    batches: Batch,
    resident: Batch,
    rng: jax.Array,
    image_size: tuple[int, int],
) -> Batch:
    """Looks up resident images, crops and flips them at random, and scales to [-1, 1].

    The two domains of unpaired data are cropped and flipped independently, pairs alike.

    Args:
      recipe: the run's constants.
      batches: "image" uint8 (R, B, H, W, C) and "label" int32 (R, B), or "a" and "b"; instead of
        what is in `resident`, positions there, int32 (R, B). What is not uint8 passes as it is.
      resident: what positions refer to.
      rng: key of crops and flips.
      image_size: (h, w) of the stage; larger images are cropped to it.

    Returns:
      "image" float32 (R, B, h, w, C) in [-1, 1] and "label" int32 (R, B), or "a" and "b"; "mask"
      int32 (R, B, h, w), class indices, if it was given as uint8 (R, B, H, W, 1), cut and flipped
      like its image. All split over the mesh by B.
    """
    data = recipe.model.config.data
    batches = {
        name: resident[name][array] if name in resident else array
        for name, array in batches.items()
    }
    batches = jax.lax.with_sharding_constraint(batches, split_by_batch(recipe.mesh, axis=1))
    loaded = {}
    for name, array in batches.items():
        if array.dtype != jnp.uint8:
            loaded[name] = array
            continue
        own_rng = jax.random.fold_in(rng, 1) if name == "b" and not data.paired else rng
        cut = random_crop(array, image_size, own_rng)
        image = cut.astype(jnp.int32) if name == "mask" else to_signed(cut)
        if data.mirror:
            flip = jax.random.bernoulli(own_rng, 0.5, (*image.shape[:2], 1, 1, 1))
            image = jnp.where(flip, image[..., ::-1, :], image)
        loaded[name] = image[..., 0] if name == "mask" else image
    return loaded


def random_crop(images: jax.Array, size: tuple[int, int], rng: jax.Array) -> jax.Array:
    """(R, B, H, W, C) cut to (R, B, h, w, C), each image at a place of its own."""
    *lead, height, width, channels = images.shape
    if (height, width) == size:
        return images
    limits = jnp.array([height - size[0] + 1, width - size[1] + 1])
    corners = jax.random.randint(jax.random.fold_in(rng, 2), (*lead, 2), 0, limits)

    def cut(image: jax.Array, corner: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (*corner, 0), (*size, channels))

    return jax.vmap(jax.vmap(cut))(images, corners)

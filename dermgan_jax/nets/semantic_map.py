"""Semantic maps: class indices of pixels as channels of 0 and 1 (SPADE, preprocess_input)."""

import jax
import jax.numpy as jnp


def semantic_map(
    masks: jax.Array,
    num_classes: int,
    labels: jax.Array | None = None,
    num_labels: int = 0,
) -> jax.Array:
    """Masks int (N, H, W) as float32 (N, H, W, num_classes + num_labels).

    Args:
      masks: class indices.
      num_classes: of pixels.
      labels: int32 (N,), of whole images: a channel each, 1 everywhere or 0 everywhere.
      num_labels: how many there are.
    """
    maps = jax.nn.one_hot(masks, num_classes)
    if not num_labels:
        return maps
    of_image = jax.nn.one_hot(labels, num_labels)[:, None, None]
    return jnp.concatenate([maps, jnp.broadcast_to(of_image, (*masks.shape, num_labels))], -1)


def instance_edges(instances: jax.Array) -> jax.Array:
    """Where a pixel's upper, lower, left or right neighbour is another thing: 0 or 1 (N, H, W, 1).

    Args:
      instances: int (N, H, W), a number for each thing.
    """
    edges = jnp.zeros(instances.shape, bool)
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:] != instances[:, :-1]
    edges = edges.at[:, :, 1:].max(across).at[:, :, :-1].max(across)
    edges = edges.at[:, 1:].max(down).at[:, :-1].max(down)
    return edges.astype(jnp.float32)[..., None]

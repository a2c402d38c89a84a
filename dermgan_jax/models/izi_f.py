"""What f-AnoGAN minimises and what it scores by (Schlegl et al., Medical Image Analysis 2019).

izi_f: image -> latent -> image, whose residuals are taken of pixels and of the discriminator's
features. The encoder is trained on their weighted sum (equation 3); of an image whose latent is
given by the trained encoder the same sum is the anomaly score (equation 4), and the absolute
difference of pixels its map.
"""

import jax
import jax.numpy as jnp


def squared_error(wanted: jax.Array, found: jax.Array) -> jax.Array:
    """Mean squared difference per image: (N, …) twice -> (N,), float32."""
    difference = wanted.astype(jnp.float32) - found.astype(jnp.float32)
    return jnp.square(difference).reshape(len(wanted), -1).mean(-1)


def anomaly_score(of_pixels: jax.Array, of_features: jax.Array, kappa: float) -> jax.Array:
    """(N,) from `squared_error` of pixels and of features; the higher, the less normal."""
    return of_pixels + kappa * of_features


def anomaly_map(images: jax.Array, reconstructions: jax.Array) -> jax.Array:
    """Absolute differences, their mean over the channels: (N, H, W, C) twice -> (N, H, W)."""
    return jnp.abs(images - reconstructions).mean(-1)

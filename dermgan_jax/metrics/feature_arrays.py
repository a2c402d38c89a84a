"""What every metric on features asks of them.

A feature metric is a function

    compute(real, fake, *, seed: int) -> tuple[MetricValue, ...]

of two float arrays (n, d), a row per image; the numbers of rows may differ. It knows nothing of the
network the features come from: whoever extracted them adds that to `name` and `protocol`.
"""

import numpy as np

from dermgan_jax.errors import UserError


def check(metric: str, real: np.ndarray, fake: np.ndarray, *, at_least: int = 2) -> None:
    """Refuses features that `metric` cannot be computed from.

    Raises:
      UserError: if a set is no (n, d) array, has fewer than `at_least` rows or a value that is not
        finite, or if the two differ in d.
    """
    for side, features in (("real", real), ("fake", fake)):
        check_one(metric, features, side=side, at_least=at_least)
    if real.shape[1] != fake.shape[1]:
        raise UserError(
            f"{metric}: real features have {real.shape[1]} numbers per image, fake ones "
            f"{fake.shape[1]}; extract both with the same network"
        )


def check_one(metric: str, features: np.ndarray, *, side: str, at_least: int = 2) -> None:
    """As `check`, of a single set; `side` names it in the message."""
    if features.ndim != 2:
        raise UserError(f"{metric}: {side} features have shape {features.shape}, not (images, d)")
    if len(features) < at_least:
        raise UserError(
            f"{metric}: {len(features)} {side} images are too few, it needs at least {at_least}"
        )
    finite = np.isfinite(features).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{metric}: {(~finite).sum()} of {len(features)} {side} images have NaN or infinite "
            f"features, the first is number {np.argmin(finite)}; check these images and the weights"
        )

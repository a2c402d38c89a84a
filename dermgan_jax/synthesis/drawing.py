"""How images are drawn from a trained model: what every command that samples one has in common."""

import dataclasses

from dermgan_jax.runs.restore import LATEST


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Choices for drawing samples.

    Attributes:
      seed: image i depends on (seed, i) only.
      label: name of a class, for conditional models; None: as frequent as in the training data.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.
      truncation: 0 draws the average image, 1 leaves styles as they are; for models with styles.
      truncation_cutoff: only so many of the first layers are truncated; None: all.
      noise: "const", "none" or "random"; for models with styles.
    """

    seed: int = 0
    label: str | None = None
    checkpoint: str = LATEST
    truncation: float = 1.0
    truncation_cutoff: int | None = None
    noise: str = "const"

"""A trained classifier."""

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models.contract import Classifier
from dermgan_jax.runs.restore import LATEST, Restored, restore


def restore_classifier(workdir: Path, checkpoint: str = LATEST) -> Restored:
    """A classifier as its checkpoint holds it.

    Args:
      workdir: of a classifier with at least one checkpoint.
      checkpoint: "latest", "best" (by `checkpoint.best_metric`) or a step.

    Raises:
      UserError: if there is no such checkpoint, or it is of no classifier.
    """
    found = restore(workdir, checkpoint)
    if not isinstance(found.model, Classifier):
        raise UserError(
            f"{workdir} holds a {found.model.config.model.name}, which makes images: give the "
            "--workdir of a classifier"
        )
    return found

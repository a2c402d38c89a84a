"""Which class each image of a set shows, and which class a question is about."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Labelling:
    """Classes of real images.

    Attributes:
      classes: their names.
      labels: int32 (N,), positions in `classes`; negative where there is none.
      compared: the class whose images are compared, the others being there for class against class;
        None if all are compared.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    compared: str | None = None

    @property
    def rows(self) -> np.ndarray:
        """Positions of the images that are compared, int64, ascending."""
        if self.compared is None:
            return np.arange(len(self.labels))
        return np.flatnonzero(self.labels == self.classes.index(self.compared))

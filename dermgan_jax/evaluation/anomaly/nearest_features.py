"""DN2: distance to the nearest normal images in pretrained features (Bergman et al., 2020,
arXiv:2002.10445)."""

import numpy as np

from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.anomaly.baseline import Baseline, Detect, Detected
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.files import Path
from dermgan_jax.metrics import neighbours

NEIGHBOURS = 2
SPACE = "lite0"


def nearest_distances(train: np.ndarray, test: np.ndarray, k: int = NEIGHBOURS) -> np.ndarray:
    """Mean squared distance (n,) of test points (n, d) to their k nearest of the train ones (m, d).

    Raises:
      UserError: if there are fewer than k.
    """
    if len(train) < k:
        raise UserError(f"{len(train)} normal training images have no {k} nearest ones")
    columns, rows = neighbours.centred(train, test)
    found = []
    for block in neighbours.row_blocks(rows):
        distances = np.asarray(neighbours.squared_distances(block, columns))
        found.append(np.partition(distances, k - 1, axis=1)[:, :k].mean(1))
    return np.concatenate(found)


def fit(normals: ImageSet, weights: Path | None = None) -> Detect:
    """Score: mean squared distance to the two nearest normal images in features of Lite0."""
    space = open_space(SPACE, weights)
    train = space.features(normals, "normal training images", keep=True)

    def detect(images: ImageSet, title: str = "images") -> Detected:
        features = space.features(images, title, keep=True)
        return Detected(nearest_distances(train, features))

    return detect


NEAREST_FEATURES = Baseline(
    "nearest Lite0 features (DN2)",
    fit,
    "Bergman et al. 2020, k = 2, EfficientNet-Lite0 in place of a ResNet",
    weights="efficientnet_lite0",
)

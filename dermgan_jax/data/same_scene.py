"""Whether two pictures show the same thing, told by keypoints that agree on one movement.

Each pair of keypoints that are alike says how one picture would have to be turned, zoomed and moved
to lie on the other. Counted are the pairs that agree with the movement that most agree with, each
by how alike its keypoints are. Brightness and colours do not count.
"""

import numpy as np

from dermgan_jax.data.keypoints import LENGTH, Keypoints

LEAST_ALIKE = 0.75  # scalar product of descriptors
PIXELS = 6.0  # that a keypoint may be off
BEND = 0.08  # ... and of its distance, as skin is no plane
ZOOM = 0.5  # natural logarithm; by which the zooms of two pairs may differ
TURN = 0.85  # cosine of the angle by which their turns may


def agreement(first: Keypoints, second: Keypoints) -> float:
    """How much speaks for the two pictures showing the same thing; 0 for nothing.

    At most as much as either has keypoints. Mirror images are not tried: see `keypoints.mirrored`.
    """
    if min(len(first.places), len(second.places)) < 2:
        return 0.0
    # Sums of whole numbers below 2^24: no order of adding them changes the result.
    products = first.descriptors.astype(np.float32) @ second.descriptors.astype(np.float32).T
    theirs = products.argmax(1)
    ours = np.arange(len(theirs))
    alike = products[ours, theirs] / LENGTH**2
    meant = (products.argmax(0)[theirs] == ours) & (alike > LEAST_ALIKE)
    if meant.sum() < 2:
        return 0.0
    weights = (alike[meant] - LEAST_ALIKE) / (1 - LEAST_ALIKE)
    agree = _agree(first.places[meant].astype(float), second.places[theirs[meant]].astype(float))
    return float((agree * weights).sum(1).max())


def _agree(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Whether a column's pair agrees with the movement that a row's pair tells: bool (n, n).

    Args:
      ours, theirs: float64 (n, 4), places of the pairs.
    """
    zoom = (theirs[:, 2] / ours[:, 2])[:, None]
    turn = (theirs[:, 3] - ours[:, 3])[:, None]
    across, down = (ours[:, i] - ours[:, i, None] for i in (0, 1))
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    off_x = cos * across - sin * down + theirs[:, 0, None] - theirs[:, 0]
    off_y = sin * across + cos * down + theirs[:, 1, None] - theirs[:, 1]
    allowed = PIXELS * np.sqrt(np.maximum(zoom, 1)) + BEND * zoom * np.hypot(across, down)
    near = np.hypot(off_x, off_y) < allowed
    same_zoom = np.abs(np.log(zoom) - np.log(zoom.T)) < ZOOM
    return near & same_zoom & (np.cos(turn - turn.T) > TURN)

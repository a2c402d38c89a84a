"""Whether an anomaly map marks what is abnormal: pixel AUROC, and AUPRO of MVTec AD.

AUPRO (Bergmann et al., IJCV 2021, section 5.2): the ground truth is cut into 8-connected regions;
at a threshold, the per-region overlap is the mean over all regions of the share of their pixels
that the maps exceed, and the false-positive rate is the share of normal pixels of all images that
they do. The curve of one against the other is integrated exactly up to a rate of 0.3, interpolated
there, and divided by it. Large and small regions count alike, as they do not in the pixel AUROC.

Values are exact, of every distinct score. Intervals over groups come from the same sums in 512
bins of equal numbers of pixels.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classification, group_bootstrap
from dermgan_jax.statistics.held_out_images import TWO_THOUSAND, HeldOutImages, Resampling
from dermgan_jax.statistics.intervals import Estimate

FPR_LIMIT = 0.3
EIGHT_CONNECTED = np.ones((3, 3), int)
BINS = 512


class Localisation(NamedTuple):
    """How well maps agree with masks.

    Attributes:
      pixel_auroc, aupro: with 95 % intervals over groups.
      images: that maps and masks are of.
      regions: of the abnormal, 8-connected.
    """

    pixel_auroc: Estimate
    aupro: Estimate
    images: int
    regions: int


def pixel_auroc(maps: np.ndarray, masks: np.ndarray) -> float:
    """Area under the ROC curve of all pixels, ties counting half.

    Args:
      maps: (N, H, W), higher where abnormal; in any range.
      masks: bool (N, H, W), what is abnormal.

    Raises:
      UserError: if shapes differ, or no pixel or every pixel is abnormal.
    """
    _require_pixels(maps, masks)
    return float(classification.auc(masks.ravel(), maps.ravel()))


def pixel_average_precision(maps: np.ndarray, masks: np.ndarray) -> float:
    """Average precision of all pixels; arguments and errors as of `pixel_auroc`."""
    _require_pixels(maps, masks)
    return classification.average_precision(masks.ravel(), maps.ravel())


def aupro(maps: np.ndarray, masks: np.ndarray, limit: float = FPR_LIMIT) -> float:
    """Area under the per-region-overlap curve up to a false-positive rate, from 0 to 1.

    Args:
      maps, masks: as of `pixel_auroc`; several regions that touch are one.
      limit: false-positive rate up to which the curve is integrated, above 0 and at most 1.

    Raises:
      UserError: as `pixel_auroc`.
    """
    _require_pixels(maps, masks)
    cover, regions = _coverage(masks)
    normal = ~masks.ravel()
    order = np.argsort(-maps.ravel(), kind="stable")
    ends = np.append(np.diff(maps.ravel()[order]) != 0, True)
    overlap = np.cumsum(cover.ravel()[order])[ends] / regions.sum()
    false = np.cumsum(normal[order])[ends] / normal.sum()
    zero = np.zeros(1)
    return float(_area(*(np.concatenate([zero, each]) for each in (false, overlap)), limit))


def localise(
    maps: np.ndarray,
    masks: np.ndarray,
    test: HeldOutImages,
    resampling: Resampling = TWO_THOUSAND,
) -> Localisation:
    """Both values with intervals.

    Args:
      maps: (N, H, W).
      masks: bool (N, H, W); of normal images empty.
      test: the same images, whose groups are resampled.
      resampling: of the groups.

    Raises:
      UserError: as `pixel_auroc`, or if no class has two groups.
    """
    exact = {"pixel_auroc": pixel_auroc(maps, masks), "aupro": aupro(maps, masks)}
    weights = test.weights(resampling)
    resampled = _resampled(maps, masks, weights)
    groups = np.asarray(test.groups)
    number = len(np.unique(groups[masks.any((1, 2))]))
    freedom = max(test.num_groups - int((test.groups_of_classes > 0).sum()), 1)
    found = {}
    for name, value in exact.items():
        uncertainty = group_bootstrap.of_score(np.array([value]), resampled[name][None], freedom)
        low, high = group_bootstrap.score_interval(uncertainty, number)
        found[name] = Estimate(value, low, high)
    return Localisation(**found, images=len(maps), regions=count_regions(masks))


def count_regions(masks: np.ndarray) -> int:
    """8-connected regions in bool (N, H, W)."""
    return int(_coverage(masks)[1].sum())


def _require_pixels(maps: np.ndarray, masks: np.ndarray) -> None:
    if maps.shape != masks.shape or maps.ndim != 3:
        raise UserError(f"localisation: maps are {maps.shape}, masks {masks.shape}")
    if not 0 < masks.sum() < masks.size:
        what = "no pixel is" if not masks.any() else "all pixels are"
        raise UserError(
            f"localisation: {what} marked as abnormal in {len(masks)} masks, and it needs both "
            "kinds of pixels: give abnormal images whose masks are not empty"
        )


def _coverage(masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each pixel adds to the summed overlap of its region, (N, H, W), and regions (N,)."""
    cover, regions = np.zeros(masks.shape), np.zeros(len(masks), np.int64)
    for i, mask in enumerate(masks):
        labels, regions[i] = ndimage.label(mask, EIGHT_CONNECTED)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 1
        cover[i] = np.where(labels > 0, 1 / sizes[labels], 0)
    return cover, regions


def _area(false: np.ndarray, overlap: np.ndarray, limit: float) -> np.ndarray:
    """Area up to `limit`, divided by it, of curves along the last axis, which begin at 0."""
    capped = np.minimum(false, limit)
    rise = np.diff(false)
    # The one step that passes the limit is cut there; later ones have no width.
    share = np.divide(np.diff(capped), rise, out=np.zeros_like(rise), where=rise > 0)
    ends = overlap[..., :-1] + share * np.diff(overlap)
    return (np.diff(capped) * (overlap[..., :-1] + ends) / 2).sum(axis=-1) / limit


def _resampled(maps: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Both values (r,) under weights (r, N), from binned scores."""
    edges = np.unique(np.quantile(maps, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) - np.searchsorted(edges, maps, side="right")  # 0: the highest scores
    image = np.arange(len(maps))[:, None, None] * (len(edges) + 1)
    cells, size = (image + bins).ravel(), len(maps) * (len(edges) + 1)
    cover, regions = _coverage(masks)

    def curve(per_pixel: np.ndarray, total: np.ndarray) -> np.ndarray:
        """(r, bins + 1), from 0: the weighted sums divided by the weighted total (N,)."""
        counts = np.bincount(cells, per_pixel.ravel(), minlength=size).reshape(len(maps), -1)
        sums, whole = np.cumsum(weights @ counts, axis=1), (weights @ total)[:, None]
        shares = np.divide(sums, whole, out=np.full(sums.shape, np.nan), where=whole > 0)
        return np.concatenate([np.zeros((len(weights), 1)), shares], axis=1)

    false = curve(~masks, (~masks).sum((1, 2)))
    return {
        "pixel_auroc": _area(false, curve(masks, masks.sum((1, 2))), 1.0),
        "aupro": _area(false, curve(cover, regions), FPR_LIMIT),
    }

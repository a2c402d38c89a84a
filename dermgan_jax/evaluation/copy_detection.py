"""Finds synthetic images that copy a training image, and how close the others come.

It works in two steps. First, for every synthetic image, the few nearest training images are found,
mirrored or not, in a feature space and among small pictures. Then second distances compare each of
these pairs in detail: pixels after alignment and, where its weights are found, LPIPS, which
forgives more of magnification and less of noise.

What counts as close is learned from real images that the model never saw. They go through the same
two steps. Of 100 or more such images, take the one at the first percentile: only one in a hundred
lies nearer to a training image. Its distances are the limits:

  exact copy  every pixel equals that of a training image, or of its mirror image.
  near copy   a second distance is below 0.7 times that limit. So are copies that were encoded
              again, shifted or brightened. A copy magnified by a few percent may escape.
  close       the distance in the feature space is below the limit. By chance, so is one in a
              hundred images of a model that copies nothing.

Why 0.7: in images of intrinsic dimension m, a share of 0.01 × 0.7^m lies below 0.7 times the first
percentile. For m = 20, as for the phantom's images, that is one image in a hundred thousand.
"""

import dataclasses
import functools
import hashlib
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from dermgan_jax.data.image_sets import CHUNK, ImageSet, select
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation.image_sources import ImageSource
from dermgan_jax.features import lpips_net, weights
from dermgan_jax.features.feature_spaces import FeatureSpace, open_space
from dermgan_jax.files import Path
from dermgan_jax.metrics import alignment, lpips, memorisation
from dermgan_jax.metrics.memorisation import Closeness, Neighbours

FEW = 3  # nearest training images, of each space, that the second distances look at
NEAR = 0.7  # of the held-out rank's second distance
TINY = 1e-6  # thresholds lie above it, so that equal pairs are not nothing over nothing
PIXELS = "pixels"
MOST_HELD_OUT = 1000  # a random choice of more; their first percentile is known well enough
FEW_HELD_OUT = 100  # below, the first percentile is finer than their number
ALPHA = 0.01  # of the share's test
EXACT, NEAR_COPY, CLOSE = "exact copy", "near copy", "close"


@dataclasses.dataclass(frozen=True)
class Compared:
    """Images of a source, their N names, and their groups if these are known.

    Images of a data set are `grouping_unknown` if it does not say which belong together.
    """

    source: ImageSource
    names: tuple[str, ...]
    groups: np.ndarray | None = None
    grouping_unknown: bool = False

    @property
    def name(self) -> str:
        """Of the source."""
        return self.source.name

    @property
    def images(self) -> ImageSet:
        """uint8 (N, H, W, C)."""
        return self.source.images


@dataclasses.dataclass(frozen=True)
class Distances:
    """Of N images to the training images.

    Attributes:
      nearest: float64 (N,), in the feature space, to the nearest one.
      indices: int (N, K), training images that may be the original.
      mirrored: bool (N, K), whether it is the mirrored image that resembles them.
      judged: float64 (J, N, K), the second distances.
    """

    nearest: np.ndarray
    indices: np.ndarray
    mirrored: np.ndarray
    judged: np.ndarray


@dataclasses.dataclass(frozen=True)
class Findings:
    """What an audit found of synthetic images, each distinct one counted once.

    Attributes:
      fake, held_out: distances to the training images.
      held_out_rows: positions of the held-out images that were compared.
      distinct: positions of the first of each distinct synthetic image.
      exact: bool, which of these are exact copies.
      share: of synthetic images below the held-out rank.
      thresholds: float64 (J,), the second distances below which an image is a near copy.
      ratio: median distance over that of held-out images, and its 95 % interval.
    """

    fake: Distances
    held_out: Distances
    held_out_rows: np.ndarray
    distinct: np.ndarray
    exact: np.ndarray
    share: Closeness
    thresholds: np.ndarray
    ratio: tuple[float, tuple[float, float]]

    def match(self, distances: Distances, row: int) -> tuple[int, bool, float]:
        """The training image most like an image, whether that is mirrored, and how like it is.

        The last is the smallest second distance over its threshold: below 1 is a near copy.
        """
        relative = distances.judged[:, row] / self.thresholds[:, None]
        _, best = np.unravel_index(relative.argmin(), relative.shape)
        index, mirrored = distances.indices[row, best], distances.mirrored[row, best]
        return int(index), bool(mirrored), float(relative.min())

    @functools.cached_property
    def verdicts(self) -> tuple[str, ...]:
        """EXACT, NEAR_COPY, CLOSE or "" of each distinct synthetic image."""
        near = (self.fake.judged < self.thresholds[:, None, None]).any(axis=(0, 2))
        close = self.fake.nearest < self.share.threshold
        found = np.select([self.exact, near, close], [EXACT, NEAR_COPY, CLOSE], "")
        return tuple(map(str, found))

    def count(self, verdict: str) -> int:
        """Distinct synthetic images of a verdict."""
        return self.verdicts.count(verdict)

    @property
    def refusal(self) -> str | None:
        """Why the audit says no, or None."""
        reasons = []
        for verdict, plural in ((EXACT, "exact copies"), (NEAR_COPY, "near copies")):
            if count := self.count(verdict):
                number = f"{count} {plural if count > 1 else verdict}"
                reasons.append(f"{number} of training images among {len(self.distinct)}")
        if self.share.p_value < ALPHA:
            reasons.append(
                f"{self.share.share:.1%} of the synthetic images lie closer to the training images "
                f"than {self.share.nominal:.1%} of unseen real ones do (p = "
                f"{self.share.p_value:.2g})"
            )
        return "; ".join(reasons) or None


@dataclasses.dataclass(frozen=True)
class SecondDistance:
    """A second distance: images (N, H, W, C) and partners -> float64 (N,)."""

    protocol: str
    distances: Callable[[ImageSet, ImageSet], np.ndarray]


def second_distances(
    features: str, images: ImageSet, folder: Path | None
) -> tuple[SecondDistance, ...]:
    """Aligned pixels, and LPIPS unless only pixels are wanted or it cannot be had.

    Args:
      features: the name of the feature space.
      images: of the size that will be compared, for which LPIPS may be too small.
      folder: where its weights are looked for first.
    """
    of_pixels = SecondDistance(alignment.protocol(), alignment.aligned_distances)
    large_enough = min(images.shape[1:3]) >= lpips_net.TRUNKS["alex"].smallest_side
    if features == "pixels" or not large_enough or not weights.available("lpips_alex", folder):
        return (of_pixels,)
    params = lpips_net.load("alex", folder)

    def root_of_lpips(a: ImageSet, b: ImageSet) -> np.ndarray:
        return np.sqrt(np.maximum(lpips.paired(a, b, "alex", params).values, 0))

    return of_pixels, SecondDistance(f"sqrt_{lpips.protocol('alex')}", root_of_lpips)


def examine(
    train: Compared,
    fake: Compared,
    held_out: Compared | None,
    space: FeatureSpace,
    second: Sequence[SecondDistance],
    seed: int,
) -> tuple[Findings, list[str]]:
    """Compares all images; what a reader has to know before believing it comes second.

    Args:
      train, fake: the images.
      held_out: real images that the model never saw, or None to compare training images with those
        of other groups.
      space: of the nearest neighbours; those among small pictures are looked at too.
      second: the second distances.
      seed: of the choice among many held-out images, and of the bootstrap.

    Raises:
      UserError: if held-out images do not differ from the training images.
    """
    of_train, of_fake = fingerprints(train.images), fingerprints(fake.images)
    unseen, rows = held_out or train, _usable(train, held_out, of_train)
    distinct = np.sort(np.unique(of_fake, return_index=True)[1])
    notes = _notes(train, held_out, len(rows), len(fake.images), len(distinct))
    if len(rows) > MOST_HELD_OUT:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_HELD_OUT, replace=False))
    groups = None
    if held_out is None:
        ids = _group_ids(train)
        groups = ids[rows], ids
    spaces = [space] if space.layer == PIXELS else [space, open_space(PIXELS)]
    of_fakes = _measure(select(fake.images, distinct), train.images, spaces, second)
    of_held_out = _measure(select(unseen.images, rows), train.images, spaces, second, groups)
    if not np.median(of_held_out.nearest):
        raise UserError(
            f"most images of {unseen.name} are at no distance from the training images as "
            f"{space.protocol} sees them: choose other --features, or look whether they are blank"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = memorisation.median_ratio(of_fakes.nearest, of_held_out.nearest, seed=seed)
    if not np.isfinite(ratio[1]).all():
        raise UserError(
            f"many images of {unseen.name} are at no distance from the training images as "
            f"{space.protocol} sees them: choose other --features, or look whether they are blank"
        )
    share = memorisation.closeness(of_fakes.nearest, of_held_out.nearest)
    ranked = np.sort(of_held_out.judged.min(axis=2), axis=1)[:, share.rank - 1]
    findings = Findings(
        fake=of_fakes,
        held_out=of_held_out,
        held_out_rows=rows,
        distinct=distinct,
        exact=np.isin(of_fake[distinct], of_train),
        share=share,
        thresholds=np.maximum(NEAR * ranked, TINY),
        ratio=ratio,
    )
    return findings, notes


def fingerprints(images: ImageSet) -> np.ndarray:
    """Text (N,), the same for equal images and for mirror images of each other."""
    found = []
    for first in range(0, len(images), CHUNK):
        for image in np.asarray(images[first : first + CHUNK]):
            versions = (np.ascontiguousarray(version) for version in (image, image[:, ::-1]))
            found.append(min(hashlib.sha256(version).hexdigest() for version in versions))
    return np.array(found)


def _usable(train: Compared, held_out: Compared | None, of_train: np.ndarray) -> np.ndarray:
    """Positions of the held-out images that have no twin among the images they are compared with.

    Without held-out images, of training images with none in another group.
    """
    if held_out is not None:
        usable = ~np.isin(fingerprints(held_out.images), of_train)
    else:
        pairs = np.unique(np.stack([of_train, _group_ids(train).astype(str)]), axis=1)
        twins, groups = np.unique(pairs[0], return_counts=True)
        usable = ~np.isin(of_train, twins[groups > 1])
        if len(np.unique(_group_ids(train))) < 2:
            usable[:] = False
    if not usable.any():
        raise UserError(
            f"no image of {(held_out or train).name} can serve as an unseen one: each equals a "
            "training image or has none of another group to be compared with; give "
            f"{'--held_out' if held_out is None else 'other images as --held_out'}"
        )
    return np.flatnonzero(usable)


def _group_ids(train: Compared) -> np.ndarray:
    """int (N,); every image is a group of its own where none are known."""
    if train.groups is None:
        return np.arange(len(train.images))
    return np.unique(train.groups, return_inverse=True)[1]


def _measure(
    images: ImageSet,
    train: ImageSet,
    spaces: Sequence[FeatureSpace],
    second: Sequence[SecondDistance],
    groups: tuple[np.ndarray, np.ndarray] | None = None,
) -> Distances:
    """Distances in the first space, and second distances of the nearest few of every space."""
    rows = np.arange(len(images))
    mirror_images = select(images, rows, np.ones(len(rows), bool))
    found: list[Neighbours] = []
    for space in spaces:
        columns = space.features(train, "training images", keep=True)
        orientations = (
            space.features(images, "images", keep=True),
            space.features(mirror_images, "mirrored images", keep=True),
        )
        found.append(memorisation.nearest_few(orientations, columns, FEW, groups))
    indices, distances, mirrored = (
        np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)
    )
    judged = np.empty((len(second), *indices.shape))
    for (j, judge), k in itertools.product(enumerate(second), range(indices.shape[1])):
        judged[j, :, k] = judge.distances(
            select(images, rows, mirrored[:, k]), select(train, indices[:, k])
        )
    judged[:, np.isinf(distances)] = np.inf  # of the same group
    return Distances(found[0].distances[:, 0].astype(np.float64), indices, mirrored, judged)


def _notes(
    train: Compared, held_out: Compared | None, num_held_out: int, num_fake: int, num_distinct: int
) -> list[str]:
    notes = []
    if held_out is None:
        apart = "of other groups" if train.groups is not None else "(no groups are known)"
        notes.append(
            "no held-out images: every training image was compared with the other training images "
            f"{apart}"
        )
    elif train.grouping_unknown:
        notes.append(
            "warning: grouping unknown: if held-out images show lesions or patients that training "
            "images show, they are too close to these, and so are the limits: copies may pass"
        )
    left_out = len((held_out or train).images) - num_held_out
    if left_out:
        notes.append(f"warning: {left_out} held-out images equal training images and were left out")
    if num_held_out < FEW_HELD_OUT:
        notes.append(
            f"warning: {num_held_out} held-out images: a first percentile cannot be told from so "
            "few; the share is compared with the closest of them"
        )
    if num_distinct < num_fake:
        notes.append(
            f"warning: only {num_distinct} of {num_fake} synthetic images are distinct; each was "
            "counted once"
        )
    return notes

"""How many images of one lesion are found, and how many are found wrongly, on HAM10000.

    python benchmarks/duplicates.py --dir=FOLDER [--features --weights=FOLDER] [--sheet=FILE.png]

Three ways: keypoints that agree (`data.duplicates`, what the program does), small grey pictures
turned and mirrored, and with --features EfficientNet-Lite0, the mean of a picture and of a quarter
turn. The truth is `lesion_id`. Limits are chosen on half of the lesions, those that come first by
hash: the least at which nine in ten pairs are of one lesion. What is printed is of the other half:
precision, the share of pairs found that are of one lesion, and recall, the share of pairs of one
lesion that are found, with 95 % intervals over lesions. A pair of lesions of both halves counts
half, as it does in both.

Then groups: how many lesions of several images are in one group whole, and of the groups' pairs
how many are of one lesion. --sheet shows the pairs of different lesions that agree most.
"""

import argparse
from pathlib import Path

import numpy as np

from dermgan_jax import config as config_schema
from dermgan_jax.data.alike_pictures import pairs_sheet
from dermgan_jax.data.alike_records import alike_records
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.duplicates import Pair, groups, is_same
from dermgan_jax.data.image_files import save_image
from dermgan_jax.data.pipeline import downscale
from dermgan_jax.data.prepare import prepare
from dermgan_jax.data.splits import hash_order
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.statistics import group_bootstrap

SIDE = 150  # pixels
THUMBNAIL = 30
PRECISION = 0.9  # that limits are chosen for
SHOWN = 54  # pairs of the sheet
REPLICATES = 2000
LIMITS = {
    "keypoints": (4.0, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0, 15.0),
    "small pictures": (0.95, 0.96, 0.97, 0.98, 0.99, 0.995),
    "EfficientNet-Lite0": (0.7, 0.75, 0.8, 0.85, 0.9, 0.92),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dir", required=True)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--features", action="store_true")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    config = config_schema.experiment("dcgan")
    config.data.update(dataset="ham10000", dir=args.dir, resolution=SIDE)
    listed = catalogue(config.data)
    lesions = np.unique([record.group for record in listed.records], return_inverse=True)[1]
    labels = np.array([record.label for record in listed.records])
    found = {"keypoints": alike_records(listed.dataset, listed.records, config.data)}
    images = prepare(listed, config.data).images
    found["small pictures"] = of_thumbnails(np.asarray(images))
    if args.features:
        found["EfficientNet-Lite0"] = of_features(np.asarray(images), args.weights)
    truth = Truth(lesions, labels)
    print("| way | limit | pairs | precision | recall |\n" + "| --- " * 5 + "|")
    for way, pairs in found.items():
        table(truth, way, pairs)
    print_groups(truth, found["keypoints"])
    if args.sheet:
        odd = [p for p in found["keypoints"] if lesions[p.first] != lesions[p.second]]
        odd = sorted(filter(is_same, odd), key=lambda pair: -pair.agreement)
        print(f"{len(odd)} pairs that are taken for the same are of different lesions")
        save_image(pairs_sheet(listed.dataset, odd[:SHOWN]), args.sheet)


class Truth:
    """Which images show the same lesion, and the half of the lesions that results are told of.

    Args:
      lesions: int (n,), of each image, each number up to the largest.
      labels: int (n,), classes, within which lesions are resampled.
    """

    def __init__(self, lesions: np.ndarray, labels: np.ndarray):
        self.lesions = lesions
        number = lesions.max() + 1
        order = hash_order([str(lesion) for lesion in range(number)], 0)
        self.half = np.isin(lesions, order[number // 2 :])
        self.sizes = np.bincount(lesions)[lesions]
        names = np.array([f"{lesion:06}" for lesion in lesions])
        rows = np.flatnonzero(self.half)
        self.weights = np.zeros((REPLICATES, len(lesions)))
        self.weights[:, rows] = group_bootstrap.image_weights(
            labels[rows], names[rows], REPLICATES, seed=0
        )
        self.number = len(np.unique(lesions[rows]))

    def same(self, pairs: np.ndarray) -> np.ndarray:
        """Whether pairs, int (n, 2), are of one lesion."""
        return self.lesions[pairs[:, 0]] == self.lesions[pairs[:, 1]]

    def per_image(self, pairs: np.ndarray) -> np.ndarray:
        """Half of the pairs of each image: float (images,)."""
        return np.bincount(pairs.ravel(), minlength=len(self.lesions)) / 2

    def share(self, counted: np.ndarray, of: np.ndarray) -> tuple[float, tuple[float, float]]:
        """A ratio of sums over the images of the half, with its interval."""
        value = counted[self.half].sum() / max(of[self.half].sum(), 1e-9)
        replicates = (self.weights @ counted) / np.maximum(self.weights @ of, 1e-9)
        uncertainty = group_bootstrap.of_score(np.array([value]), replicates[None], self.number - 1)
        return value, group_bootstrap.score_interval(uncertainty, self.number)


def table(truth: Truth, way: str, pairs: list[Pair]) -> None:
    rows = np.array([pair[:2] for pair in pairs]).reshape(-1, 2)
    scores = np.array([pair.agreement for pair in pairs])
    mirror = np.array([pair.mirrored for pair in pairs], bool)
    known = truth.per_image(rows[:0]) + (truth.sizes - 1) / 2  # pairs of one lesion, per image
    chosen = None
    for limit in LIMITS[way]:
        kept = rows[(scores >= limit) & ~mirror]
        right, all_found = truth.per_image(kept[truth.same(kept)]), truth.per_image(kept)
        other = ~truth.half
        if chosen is None and right[other].sum() >= PRECISION * all_found[other].sum():
            chosen = limit
        told = [truth.share(right, all_found), truth.share(right, known)]
        number = round(all_found[truth.half].sum())
        cells = [f"{v:.1%} ({low:.1%} to {high:.1%})" for v, (low, high) in told]
        mark = " (chosen)" if chosen == limit else ""
        print(f"| {way} | {limit:g}{mark} | {number:,} | {cells[0]} | {cells[1]} |", flush=True)


def print_groups(truth: Truth, pairs: list[Pair]) -> None:
    """Of the groups that the program makes."""
    of = np.array(groups(len(truth.lesions), pairs))
    several = truth.sizes > 1
    first = {}
    for row in np.flatnonzero(several):
        first.setdefault(truth.lesions[row], set()).add(of[row])
    whole = np.array([several[i] and len(first[truth.lesions[i]]) == 1 for i in range(len(of))])
    share, (low, high) = truth.share(whole / truth.sizes, several / truth.sizes)
    print(f"lesions of several images in one group: {share:.1%} ({low:.1%} to {high:.1%})")
    inside = np.array([(i, j) for rows in _members(of) for i in rows for j in rows if i < j])
    right = truth.per_image(inside[truth.same(inside)])
    share, (low, high) = truth.share(right, truth.per_image(inside))
    print(f"pairs within groups that are of one lesion: {share:.1%} ({low:.1%} to {high:.1%})")
    print(f"{len(set(of))} groups, the largest of {np.bincount(of).max()} images")


def _members(of: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(of, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of[order])) + 1)


def of_thumbnails(images: np.ndarray) -> list[Pair]:
    """Correlations of small grey pictures, the best of eight turns and mirror images."""
    grey = images.mean(-1, keepdims=True).astype(np.uint8)
    small = downscale(grey, (THUMBNAIL, THUMBNAIL))[..., 0].astype(np.float32)
    turned = [np.rot90(side, k, (1, 2)) for side in (small, small[:, :, ::-1]) for k in range(4)]
    units = [unit(each.reshape(len(each), -1)) for each in turned]
    return best_pairs(units[0], units, LIMITS["small pictures"][0])


def of_features(images: np.ndarray, weights: Path | None) -> list[Pair]:
    """Cosines of features about their mean."""
    space = open_space("lite0", weights)
    features = space.features(images, "images", keep=True)
    turned = np.ascontiguousarray(np.rot90(images, -1, (1, 2)))
    features = features + space.features(turned, "turned images", keep=True)
    vectors = unit(features, about_mean=True)
    return best_pairs(vectors, [vectors], LIMITS["EfficientNet-Lite0"][0])


def unit(vectors: np.ndarray, about_mean: bool = False) -> np.ndarray:
    """Vectors (n, d) of length 1, each less its own mean, or those of all by length less theirs."""
    if about_mean:
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors - vectors.mean(0)
    else:
        vectors = vectors - vectors.mean(1, keepdims=True)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)


def best_pairs(vectors: np.ndarray, others: list[np.ndarray], least: float) -> list[Pair]:
    """Pairs of rows whose scalar product with any of the others reaches `least`."""
    found = []
    for start in range(0, len(vectors), 1000):
        rows = slice(start, start + 1000)
        products = np.max([vectors[rows] @ other.T for other in others], axis=0)
        first, second = np.nonzero(products >= least)
        keep = first + start < second
        scores = products[first[keep], second[keep]]
        found += [
            Pair(int(i), int(j), False, float(score))
            for i, j, score in zip(first[keep] + start, second[keep], scores, strict=True)
        ]
    return found


if __name__ == "__main__":
    main()

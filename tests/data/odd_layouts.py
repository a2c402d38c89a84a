"""Folders of one's own images as people have them: combinations of what is odd, drawn by number."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from odd_cases import OddCase
from odd_tables import PIXEL

NAMES = ("nevus", "Mélanome", "SCC & AK", "100%", "patch_test", "7", "C.")
SPLITS = {
    "train": ("train", "Train", "TRAINING", "trn"),
    "val": ("val", "Valid", "validation", "dev"),
    "test": ("test", "TEST", "Testing", "tst"),
}
SUFFIXES = (".png", ".PNG", ".jpg", ".JPEG", ".jfif", ".tif")


@dataclasses.dataclass
class Tree:
    """Files that are being made odd.

    Attributes:
      files: of the images, relative to the folder.
      others: further files.
      folders: empty ones.
      dataset, fields: of `config.data`.
      classes, groups, splits: as expected.
      refusal: what is said of it, if it cannot be read.
    """

    files: list[str]
    dataset: str
    fields: dict[str, object]
    classes: set[str]
    groups: set[str]
    splits: set[str | None]
    others: list[str] = dataclasses.field(default_factory=list)
    folders: list[str] = dataclasses.field(default_factory=list)
    refusal: str = ""


def cases(number: int) -> list[OddCase]:
    """The first `number` cases; two in five are refused."""
    return [_case(seed) for seed in range(number)]


def _case(seed: int) -> OddCase:
    rng = np.random.default_rng(1000 + seed)
    refused = seed % 5 < 2
    if refused:
        trouble = TROUBLES[(seed // 5 * 2 + seed % 5) % len(TROUBLES)]
        tree = trouble()
        odd = [trouble.__name__]
    else:
        layout = LAYOUTS[int(rng.integers(len(LAYOUTS)))]
        tree = _planted(rng, layout)
        odd = [f"_{tree.dataset}", layout.replace("/", "-")]
    odd += [change.__name__ for change in ODDITIES if rng.random() < 0.4 and change(rng, tree)]

    def write(folder: Path) -> None:
        for name in tree.folders:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in [*tree.files, *tree.others]:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PIXEL)

    case = OddCase(f"{seed}{'+'.join(odd)}", write, tree.dataset, tree.fields)
    if refused:
        return dataclasses.replace(case, refusal=tree.refusal)
    return dataclasses.replace(
        case,
        images=len(tree.files),
        classes=tuple(tree.classes),
        groups=len(tree.groups),
        splits=tuple(tree.splits),
    )


# What a path is made of, in order; "visit" is a folder that says nothing.
LAYOUTS = (
    *("", "split", "name", "name/patient", "name/patient/visit", "split/name", "name/split"),
    *("split/name/patient", "name/split/patient", "name/visit", "split/name/visit"),
)


def _planted(rng: np.random.Generator, layout: str) -> Tree:
    """A sound tree of a layout."""
    levels = layout.split("/") if layout else []
    names = [NAMES[i] for i in rng.permutation(len(NAMES))[:3]]
    splits = {split: str(rng.choice(spellings)) for split, spellings in SPLITS.items()}
    kinds = "name" in levels and bool(rng.integers(2))
    by_pattern = "patient" not in levels and bool(rng.integers(2))
    found, groups = [], set()
    for i in range(18):
        split = ("train", "val", "test")[i // 6]
        parts = {
            "name": names[i % 3],
            "split": splits[split],
            "patient": f"P {split} {i % 6 // 2}" if "split" in levels else f"P {i // 3}",
            "visit": "day 1",
        }
        suffix = SUFFIXES[i % len(SUFFIXES)]
        found.append("/".join([*(parts[level] for level in levels), f"q{i // 2}_{i:02}{suffix}"]))
        own = parts["patient"] if "patient" in levels else found[-1]
        groups.add(f"q{i // 2}" if by_pattern else own)
    return Tree(
        found,
        "image_folders" if kinds else "image_folder",
        {"group_pattern": r"/?(q\d+)_"} if by_pattern else {},
        set(names) if "name" in levels else set(),
        groups,
        set(SPLITS) if "split" in levels else {None},
    )


# Oddities: what has to change nothing.


def _hidden(rng, tree: Tree) -> bool:
    tree.others += ["__MACOSX/nevus/._1.png", ".hidden.png", ".cache/x.png"]
    return True


def _texts(rng, tree: Tree) -> bool:
    places = [str(Path(name).parent) for name in tree.files[:1]]
    tree.others += [*(f"{place}/Thumbs.db" for place in places), "labels.csv", "README"]
    return True


def _unread(rng, tree: Tree) -> bool:
    places = {str(Path(name).parent) for name in tree.files}
    names = ("a.gif", "b.HEIC", "c.jp2")
    tree.others += [f"{place}/{name}" for place in sorted(places)[:1] for name in names]
    return True


ODDITIES: Sequence[Callable] = (_hidden, _texts, _unread)


# Troubles: what has to be refused.


def _own(*names: str, dataset: str = "image_folder", refusal: str, **fields) -> Tree:
    return Tree(list(names), dataset, fields, set(), set(), set(), refusal=refusal)


def _loose() -> Tree:
    return _own("a/0.png", "b/1.png", "2.png", refusal="{} holds 1 images beside its folders")


def _loose_in_split() -> Tree:
    names = ("train/a/0.png", "train/1.png", "test/a/2.png")
    return _own(*names, refusal="{}/train holds 1 images beside its folders, such as 1.png")


def _beside_splits() -> Tree:
    names = ("Train/a/0.png", "test/a/1.png", "unsure/2.png")
    return _own(*names, refusal="folders of splits (Train, test) and 1 images beside them")


def _class_beside_splits() -> Tree:
    names = ("train/0.png", "testing/1.png", "nevus/2.png", "nevus/3.png")
    return _own(*names, refusal="and 2 images beside them, such as nevus/2.png")


def _some_classes_split() -> Tree:
    names = ("a/train/0.png", "a/test/1.png", "b/2.png")
    return _own(*names, refusal="1 images of {}/b are in none, such as b/2.png")


def _wrapped() -> Tree:
    names = ("archive/train/a/0.png", "archive/test/a/1.png")
    return _own(*names, refusal="(test, train): set data.dir={}/archive")


def _wrapped_twice() -> Tree:
    names = ("x/archive/Train/a/0.png", "x/archive/test/a/1.png")
    return _own(*names, refusal="{}/x/archive/Train is called like a split and holds 1 images")


def _nearly_splits() -> Tree:
    names = ("train_images/0.png", "test_images/1.png")
    return _own(*names, refusal="called like splits (test_images, train_images)")


def _kaggle() -> Tree:
    names = ("seg_train/a/0.png", "seg_pred/1.png")
    return _own(*names, refusal="called like splits (seg_train)")


def _cyclegan() -> Tree:
    return _own("trainA/0.png", "testB/1.png", refusal="called like splits (testB, trainA)")


def _split_in_split() -> Tree:
    names = ("train/train/a/0.png", "test/a/1.png")
    return _own(*names, refusal="{}/train/train is called like a split and holds 1 images")


def _split_in_class() -> Tree:
    names = ("a/p1/test/0.png", "b/p2/1.png")
    return _own(*names, refusal="{}/a/p1/test is called like a split and holds 1 images")


def _nothing() -> Tree:
    tree = _own(refusal="data.dir={} holds no images: put images or class folders there")
    tree.others = ["a.txt"]
    return tree


def _empty_class() -> Tree:
    tree = _own("a/0.png", "b/1.png", refusal="class 'c' has no image: add its images")
    tree.folders = ["c"]
    return tree


def _no_match() -> Tree:
    names = ("a/p1_0.png", "a/p2_1.png", "b/other.png")
    refusal = "finds no group in 1 of 3 paths, such as b/other.png: correct it"
    return _own(*names, refusal=refusal, group_pattern=r"(p\d)_")


def _one_kind() -> Tree:
    names = ("a/0.png", "a/1.png")
    return _own(*names, dataset="image_folders", refusal="data.dir={} holds 1 folders: put the")


def _loose_kind() -> Tree:
    names = ("A/0.png", "B/1.png", "2.png")
    return _own(*names, dataset="image_folders", refusal="{} holds 1 images beside its folders")


def _no_kind() -> Tree:
    names = ("train/0.png", "test/1.png")
    return _own(*names, dataset="image_folders", refusal="holds 1 images of no kind, such as")


def _some_fused() -> Tree:
    names = ("trainA/0.png", "trainB/1.png", "others/2.png")
    return _own(*names, dataset="image_folders", refusal="and others (others)")


def _empty_kind() -> Tree:
    tree = _own("A/0.png", dataset="image_folders", refusal="{}/B holds no images: add some or")
    tree.folders = ["B"]
    return tree


TROUBLES: Sequence[Callable[[], Tree]] = (
    *(_loose, _loose_in_split, _beside_splits, _class_beside_splits, _some_classes_split),
    *(_wrapped, _wrapped_twice, _nearly_splits, _kaggle, _cyclegan, _split_in_split),
    *(_split_in_class, _nothing, _empty_class, _no_match, _one_kind, _loose_kind, _no_kind),
    *(_some_fused, _empty_kind),
)

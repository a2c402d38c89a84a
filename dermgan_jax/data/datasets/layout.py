"""Which folders of one's own images are splits, and which are classes or kinds of picture.

Layouts, told apart by what is there; images lie at any depth below:

  DIR/*                      neither splits nor classes
  DIR/NAME/**                classes or kinds
  DIR/SPLIT/*                splits alone
  DIR/SPLIT/NAME/**          splits and in them classes or kinds
  DIR/NAME/SPLIT/**          classes or kinds and in them splits, as pix2pix wants them

SPLIT is a name of `split_names`. Anything in between is a fault: an image of the test split that
passes for one of a class would be trained on.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dermgan_jax import files, listings
from dermgan_jax.data.class_folders import class_of
from dermgan_jax.data.datasets.split_names import look_like_splits, split_of
from dermgan_jax.data.faults import Fault
from dermgan_jax.files import Path

DEPTH = 2  # folders of splits and of classes, one in the other
A_TABLE = "or say it in a table (data.csv)"


class Part(NamedTuple):
    """Images that have a class or kind, and a split, in common.

    Attributes:
      folder: that holds them.
      name: of the class or kind; "" without one.
      split: "train", "val", "test" or None.
      images: at any depth below `folder`, or directly in it where only that is meant.
    """

    folder: Path
    name: str
    split: str | None
    images: tuple[Path, ...]

    def inner(self, image: Path) -> str:
        """The outermost folder that an image lies in below `folder`, or ""."""
        first, separator, _ = files.name_below(image, self.folder).partition("/")
        return sys.intern(first) if separator else ""


class Tree:
    """The images below a folder, each once, whatever links lead to it.

    Args:
      root: the folder.
      images: all below it.
    """

    def __init__(self, root: Path, images: Iterable[Path]):
        self.root = root
        self._in: dict[Path, list[Path]] = {}
        self._below: dict[Path, list[Path]] = {}
        lists_of: dict[str, list[list[Path]]] = {}
        for image in images:
            inside = _folder_below(image, root)
            if inside not in lists_of:
                lists_of[inside] = self._lists(inside)
            for members in lists_of[inside]:
                members.append(image)

    def _lists(self, inside: str) -> list[list[Path]]:
        """The lists that an image in a folder belongs to."""
        names = inside.split("/") if inside else []
        places = [self.root.joinpath(*names[:depth]) for depth in range(1, len(names) + 1)]
        below = [self._below.setdefault(place, []) for place in places[:DEPTH]]
        return [self._in.setdefault([self.root, *places][-1], []), *below]

    def directly_in(self, folder: Path) -> tuple[Path, ...]:
        """Images that lie in a folder itself."""
        return tuple(self._in.get(folder, ()))

    def below(self, folder: Path) -> tuple[Path, ...]:
        """Images at any depth, below a folder that is at most two below the root."""
        return tuple(self._below.get(folder, ()))

    def outside(self, loose_in: Path, folders: Sequence[Path]) -> list[Path]:
        """Images directly in a folder, and those below others."""
        below = [image for folder in folders for image in self.below(folder)]
        return [*self.directly_in(loose_in), *below]


def _folder_below(image: Path, folder: Path) -> str:
    """Where an image lies below a folder, as text; "" directly in it."""
    return files.name_below(image, folder).rpartition("/")[0]


def parts_of(root: Path, images: Iterable[Path]) -> tuple[list[Part], list[Fault]]:
    """The parts of `data.dir`, and what of it is none.

    Splits that are not called train, val or test are told once.

    Args:
      root: `data.dir`.
      images: all below it.
    """
    tree = Tree(root, images)
    folders, _ = listings.listing(root)
    if any(split_of(path.name) for path in folders):
        parts, faults = _splits_first(tree, folders)
    else:
        parts, faults = _names_first(tree, folders)
    _tell_splits(parts, root)
    return parts, [*faults, *_deeper_splits(parts)]


def _splits_first(tree: Tree, folders: Sequence[Path]) -> tuple[list[Part], list[Fault]]:
    parts: list[Part] = []
    faults: list[Fault] = []
    splits = [path for path in folders if split_of(path.name)]
    outside = tree.outside(tree.root, [path for path in folders if path not in splits])
    if outside:
        names = ", ".join(path.name for path in splits)
        faults.append(
            Fault(
                "images outside splits",
                f"{tree.root} has folders of splits ({names}) and {len(outside)} images beside "
                f"them, such as {outside[0].relative_to(tree.root)}: move these into a split, or "
                "rename the folders",
            )
        )
    for path in splits:
        inside, found = _named(tree, path, split_of(path.name))
        parts += inside
        faults += found
    return parts, faults


def _named(tree: Tree, folder: Path, split: str | None) -> tuple[list[Part], list[Fault]]:
    """A part for each folder in `folder`, or one without a name where there are none."""
    folders, _ = listings.listing(folder)
    loose = tree.directly_in(folder)
    if not folders:
        return [Part(folder, "", split, loose)] if loose or split else [], []
    parts = [Part(path, class_of(path.name), split, tree.below(path)) for path in folders]
    if not loose:
        return parts, []
    return [*parts, Part(folder, "", split, loose)], [loose_images(folder, loose)]


def loose_images(folder: Path, images: Sequence[Path]) -> Fault:
    """The fault of images that lie beside folders, where all should lie in one."""
    return Fault(
        "images outside folders",
        f"{folder} holds {len(images)} images beside its folders, such as {images[0].name}: move "
        "them into a folder",
    )


def _names_first(tree: Tree, folders: Sequence[Path]) -> tuple[list[Part], list[Fault]]:
    root = tree.root
    inside = {path: listings.listing(path)[0] for path in folders}
    with_splits = [
        path for path, inner in inside.items() if any(split_of(each.name) for each in inner)
    ]
    found = look_like_splits(path.name for path in inside[folders[0]]) if folders else []
    if len(folders) == 1 and found:  # the folder is the data set, not a class
        message = (
            f"{root} holds a single folder, {folders[0].name}, in which those of splits lie "
            f"({', '.join(found)}): set data.dir={folders[0]}"
        )
        return [], [Fault("directory", message)]
    if not with_splits:
        parts, faults = _named(tree, root, None)
        return parts, [*_alike(root, folders), *faults]
    parts: list[Part] = []
    faults = []
    for path, inner in inside.items():
        outside = tree.outside(path, [each for each in inner if not split_of(each.name)])
        if outside:
            faults.append(
                Fault(
                    "images outside splits",
                    f"{with_splits[0]} has folders of splits, but {len(outside)} images of {path} "
                    f"are in none, such as {outside[0].relative_to(root)}: move them into one",
                )
            )
        parts += [
            Part(each, class_of(path.name), split_of(each.name), tree.below(each))
            for each in inner
            if split_of(each.name)
        ]
    if loose := tree.directly_in(root):
        faults.append(loose_images(root, loose))
    return parts, faults


def _alike(root: Path, folders: Sequence[Path]) -> list[Fault]:
    """Folders that may well be splits but are not called so exactly."""
    odd = look_like_splits(path.name for path in folders)
    if not odd:
        return []
    return [
        Fault(
            "folders like splits",
            f"{root} has folders that are called like splits ({', '.join(odd)}) where no splits "
            f"are expected: call them train, val and test, {A_TABLE}",
        )
    ]


def _deeper_splits(parts: Sequence[Part]) -> list[Fault]:
    """Folders called like splits where a class's images or a split's classes lie."""
    found: dict[Path, int] = {}
    for part in parts:
        if part.split and split_of(part.name):
            found[part.folder] = len(part.images)
        for inside, count in Counter(_folder_below(i, part.folder) for i in part.images).items():
            folders = inside.split("/")
            depth = next((i for i, name in enumerate(folders) if split_of(name)), None)
            if depth is not None:
                place = part.folder.joinpath(*folders[: depth + 1])
                found[place] = found.get(place, 0) + count
    return [
        Fault(
            "folders like splits",
            f"{folder} is called like a split and holds {count} images, where no split is "
            f"expected: name as data.dir the folder in which the splits lie, rename it, {A_TABLE}",
        )
        for folder, count in found.items()
    ]


def _tell_splits(parts: Sequence[Part], root: Path) -> None:
    """Says which folders are read as splits under other names."""
    renamed = {}
    for part in parts:
        if part.split:
            for name in part.folder.relative_to(root).parts:
                if split_of(name) == part.split != name:
                    renamed[name] = part.split
    if renamed:
        named = ", ".join(f"{name} is {split}" for name, split in sorted(renamed.items()))
        files.tell_once(f"note: {root}: folders are read as splits: {named}")

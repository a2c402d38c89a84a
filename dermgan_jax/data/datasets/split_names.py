"""How splits are called by those who make data sets, in folders and in tables."""

import re
from collections.abc import Iterable

# In lower case -> how this program calls them.
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "tst": "test",
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def split_of(name: str) -> str | None:
    """The split ("train", "val", "test") that a folder or a cell names, or None.

    Capitals and spaces around the name do not matter; the whole name has to be a split's.
    """
    return SPLIT_NAMES.get(name.strip().lower())


def look_like_splits(names: Iterable[str]) -> list[str]:
    """Names with a split's name as a word in them, such as seg_train and seg_test, sorted.

    Empty unless the training split or two splits are among them: a "patch_test" alone may be a
    class.
    """
    found = {}
    for name in names:
        splits = {split_of(word) for word in _WORD.findall(name)} - {None}
        if splits:
            found[name] = splits
    meant = set().union(*found.values())
    return sorted(found) if "train" in meant or len(meant) > 1 else []

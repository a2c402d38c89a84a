"""Which image of one side belongs to which of the other, for metrics of pairs."""

import itertools
from collections.abc import Sequence

import numpy as np

from dermgan_jax.data.image_marks import PREFIX
from dermgan_jax.data.image_sets import FolderImages, ImageSet, select
from dermgan_jax.errors import UserError

EXAMPLES = 3  # names that a message gives


def pairs(
    real: ImageSet, fake: ImageSet, names: tuple[str, str]
) -> tuple[ImageSet, ImageSet, list[str]]:
    """The images that have a partner, in one order, and what to know of it.

    Files of two folders are partners if they have one name, without the suffix: with the folders
    they lie in or without, and with "synthetic_" before it or without, whichever gives more pairs.
    Images without file names are partners by
    their position.

    Args:
      real, fake: the sides.
      names: of the sides, for messages.

    Returns:
      Both sides (n, H, W, C), and notes.

    Raises:
      UserError: if no name is on both sides, one is there twice, or images without names differ in
        number.
    """
    if not (isinstance(real, FolderImages) and isinstance(fake, FolderImages)):
        if len(real) != len(fake):
            raise UserError(
                f"pairs are taken by position, as not both sides are folders, but {names[0]} has "
                f"{len(real)} images and {names[1]} {len(fake)}: give as many of each"
            )
        return real, fake, [f"note: pairs of {names[0]} and {names[1]} are taken by position"]
    sides, common = max(
        (_matched(real, fake, *how) for how in itertools.product((False, True), (True, False))),
        key=lambda found: len(found[1]),
    )
    if not common:
        examples = " and ".join(_quoted(list(side)) for side in sides)
        raise UserError(
            f"no image of {names[0]} has a partner of its name in {names[1]}: their names are such "
            f"as {examples}; give partners one name"
        )
    for side, name in zip(sides, names, strict=True):
        twice = sorted(key for key in common if len(side[key]) > 1)
        if twice:
            raise UserError(f"{name} has several images named {_quoted(twice)}: keep one of each")
    alone = [sorted(side.keys() - set(common)) for side in sides]
    notes = [
        f"warning: {len(lost)} images of {name} have no partner of their name and are left out of "
        f"the metrics of pairs: {_quoted(lost)}"
        for lost, name in zip(alone, names, strict=True)
        if lost
    ]
    rows = [np.array([side[key][0] for key in common]) for side in sides]
    return select(real, rows[0]), select(fake, rows[1]), notes


def _matched(
    real: FolderImages, fake: FolderImages, plain: bool, whole: bool
) -> tuple[list[dict[str, list[int]]], list[str]]:
    """Positions by name on both sides, and the names that are on both."""
    sides = [_by_name(images, plain, whole) for images in (real, fake)]
    return sides, sorted(sides[0].keys() & sides[1].keys())


def _by_name(images: FolderImages, plain: bool, whole: bool) -> dict[str, list[int]]:
    """Name without suffix -> positions.

    Args:
      images: of one side.
      plain: without the beginning that translations have.
      whole: with the folders below the set's own.
    """
    found: dict[str, list[int]] = {}
    for position, path in enumerate(images.paths):
        name = path.relative_to(images.folder).with_suffix("")
        if plain:
            name = name.with_name(name.name.removeprefix(PREFIX) or name.name)
        found.setdefault(name.as_posix() if whole else name.name, []).append(position)
    return found


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:EXAMPLES])
    return shown + (f", … ({len(names)} in all)" if len(names) > EXAMPLES else "")

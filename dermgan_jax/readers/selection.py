"""Which images of the two sides a study shows: at random, classes evenly, no image twice."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from dermgan_jax.data.squares import to_square
from dermgan_jax.errors import UserError
from dermgan_jax.readers import order
from dermgan_jax.readers.design import split_evenly
from dermgan_jax.readers.sides import Side

TINY = 16  # pixels, side of the pictures in which images are nearly the same
NEAR, NEAR_SHARE = 2.0, 0.1  # grey values; share of their standard deviation


@dataclasses.dataclass(frozen=True)
class Chosen:
    """An image of a side, fitted: uint8 (S, S, 3)."""

    side: Side
    position: int
    pixels: np.ndarray

    @property
    def of_class(self) -> str:
        """Its class, or ""."""
        return self.side.classes[self.position]

    @property
    def origin(self) -> str:
        """Its file's name, or its position in the source."""
        return self.side.origins[self.position]

    @property
    def digest(self) -> bytes:
        """Of its pixels."""
        return digest(self.pixels)


def digest(pixels: np.ndarray) -> bytes:
    """SHA-256 of uint8 (H, W, C), grey ones as coloured."""
    whole = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return hashlib.sha256(np.ascontiguousarray(whole).tobytes()).digest()


def classes_of(sides: Iterable[Side]) -> tuple[str, ...]:
    """Every class that an image of the sides is known to show, sorted."""
    return tuple(sorted({name for side in sides for name in side.classes} - {""}))


def choose(
    sides: Sequence[Side],
    num: int,
    side: int,
    seed: int,
    classes: Sequence[str],
    what: str,
) -> list[Chosen]:
    """`num` images, as many of every side and class as of any other, in random order.

    An image that equals one chosen before, pixel by pixel, is passed over with a note.

    Args:
      sides: sources of one kind.
      num: how many.
      side: of the study's square, in pixels.
      seed: of the choice.
      classes: to choose from; empty: classes do not matter.
      what: "real" or "synthetic", for messages.

    Raises:
      UserError: if a class is missing on a side, or there are too few images.
    """
    chosen: list[Chosen] = []
    seen: set[bytes] = set()
    for each, wanted in zip(sides, split_evenly(num, len(sides)), strict=True):
        names = tuple(classes) or (None,)
        for name, number in zip(names, split_evenly(wanted, len(names)), strict=True):
            chosen += _of_class(each, name, number, side, seed, seen, what)
    shuffled = order.generator(seed, "choice", what).permutation(len(chosen))
    return [chosen[i] for i in shuffled]


def _of_class(
    each: Side,
    name: str | None,
    number: int,
    side: int,
    seed: int,
    seen: set[bytes],
    what: str,
) -> list[Chosen]:
    rows = [i for i, of_class in enumerate(each.classes) if name in (None, of_class)]
    where = f"{each.name} has" if name is None else f"{each.name} has of class {name!r}"
    found: list[Chosen] = []
    for at in order.generator(seed, "choice", what, each.name, name or "").permutation(len(rows)):
        if len(found) == number:
            break
        one = Chosen(each, rows[at], each.fitted(rows[at], side))
        if one.digest in seen:
            print(f"note: {one.origin} of {each.name} equals an image chosen before: passed over")
            continue
        seen.add(one.digest)
        found.append(one)
    if len(found) < number:
        raise UserError(
            f"{where} {len(rows)} {what} images and the design needs {number} different ones: "
            + (
                "give more images, or ask for fewer"
                if name is None or any(each.classes)
                else "nothing there says what class an image is of; sort the images into a folder "
                "for each class, or leave out classes and the question 'class'"
            )
        )
    return found


def require_different(real: Sequence[Chosen], fake: Sequence[Chosen]) -> None:
    """Refuses an image that stands on both sides.

    Raises:
      UserError: naming each pair of equal images.
    """
    by_digest = {one.digest: one for one in real}
    pairs = [(by_digest[one.digest], one) for one in fake if one.digest in by_digest]
    if pairs:
        lines = [f"  {a.side.name}: {a.origin} = {b.side.name}: {b.origin}" for a, b in pairs[:5]]
        raise UserError(
            f"{len(pairs)} images stand among the real and among the synthetic ones:\n"
            + "\n".join(lines)
            + "\nRemove them from one side"
        )


def near(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Pairs of images that are nearly the same, as after another compression.

    Args:
      one, other: uint8 (H, W, C).

    Returns:
      Positions in both: those whose small pictures differ by less than two grey values on average
      and by far less than they vary.
    """
    a, b = (np.stack([_small(image) for image in images]) for images in (one, other))
    distance = np.stack([np.abs(b - each).mean(axis=1) for each in a])
    limit = np.minimum(NEAR, NEAR_SHARE * a.std(axis=1))[:, None]
    return [(int(i), int(j)) for i, j in np.argwhere(distance < limit)]


def _small(image: np.ndarray) -> np.ndarray:
    grey = Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[-1] == 1 else image))
    return np.asarray(grey.convert("L").resize((TINY, TINY), Image.Resampling.BOX), float).ravel()


def copies(fake: Sequence[Chosen], training: Iterable[np.ndarray], side: int) -> list[Chosen]:
    """The synthetic images that equal a training image, pixel by pixel, once both are fitted.

    Args:
      fake: chosen images.
      training: uint8 (H, W, C) each.
      side: of the study's square.
    """
    known = {digest(to_square(np.asarray(image), side)) for image in training}
    return [one for one in fake if one.digest in known]

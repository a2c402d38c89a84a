"""A visible mark in the corner of an image, for eyes that read no files: SYNTHETIC, or S."""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

WORD, LETTER = "SYNTHETIC", "S"
PAPER, INK = 255, 0  # grey values
MARGIN = 2  # pixels around the letters
SHARE = 0.5  # of the width that the word may take; else the letter stands alone
HEIGHT = 16  # times lower than the image are the letters
LEAST = 10  # pixels of letters that can be read


def marked(images: np.ndarray) -> np.ndarray:
    """Copies of images uint8 (N, H, W, C) with a mark in the lower right corner."""
    mark = _mark(*images.shape[1:3])
    height, width = (min(sides) for sides in zip(mark.shape, images.shape[1:3], strict=True))
    found = images.copy()
    found[:, -height:, -width:] = mark[:height, :width, None]
    return found


def require_files(mark: bool, out: Path) -> None:
    """Refuses a visible mark for arrays.

    Raises:
      UserError: if one is wanted and `out` is an .npz.
    """
    if mark and out.suffix == ".npz":
        raise UserError(
            f"--mark is drawn into PNG files: name a folder, or leave it out; --out={out}"
        )


@functools.cache
def _mark(height: int, width: int) -> np.ndarray:
    """Grey values (h, w) of the mark of images of a size."""
    size = max(LEAST, height // HEIGHT)
    word = _drawn(WORD, size)
    return word if word.shape[1] <= SHARE * width else _drawn(LETTER, size)


def _drawn(text: str, size: int) -> np.ndarray:
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new(
        "L", (int(right - left) + 2 * MARGIN, int(bottom - top) + 2 * MARGIN), PAPER
    )
    ImageDraw.Draw(picture).text((MARGIN - left, MARGIN - top), text, fill=INK, font=font)
    return np.asarray(picture)

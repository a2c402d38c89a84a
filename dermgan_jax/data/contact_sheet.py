"""Sheets of images with a caption under each."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dermgan_jax.data.image_files import PAPER, grid

LEAST_SIDE = 128  # pixels; smaller images are shown enlarged, or captions would not fit
LINE = 14  # pixels
FONT_SIZE = 11
INK = 30


def contact_sheet(
    images: Sequence[np.ndarray], captions: Sequence[str], columns: int
) -> np.ndarray:
    """Arranges images in reading order, captions below them.

    Args:
      images: uint8 (H, W, C) each, of equal shape, C 1 or 3; at least one.
      captions: one per image, of one or more lines.
      columns: of the sheet.

    Returns:
      uint8 (H', W', 3).
    """
    lines = max(caption.count("\n") + 1 for caption in captions)
    factor = -(-LEAST_SIDE // min(images[0].shape[:2]))
    cells = [
        _cell(image, caption, factor, lines)
        for image, caption in zip(images, captions, strict=True)
    ]
    return grid(np.stack(cells), -(-len(cells) // columns), min(columns, len(cells)))


def _cell(image: np.ndarray, caption: str, factor: int, lines: int) -> np.ndarray:
    enlarged = np.broadcast_to(image, (*image.shape[:2], 3)).repeat(factor, 0).repeat(factor, 1)
    height, width = enlarged.shape[:2]
    cell = Image.new("RGB", (width, height + LINE * lines + 2), (PAPER,) * 3)
    cell.paste(Image.fromarray(np.ascontiguousarray(enlarged)))
    pen = ImageDraw.Draw(cell)
    font = ImageFont.load_default(FONT_SIZE)
    pen.multiline_text((2, height), caption, fill=(INK,) * 3, font=font, spacing=2)
    return np.asarray(cell)

"""Writes images: as PNG files, as .npz, as a sheet."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, PngImagePlugin

from dermgan_jax import files
from dermgan_jax.data.class_folders import folder_of
from dermgan_jax.data.npz_images import SIGNED
from dermgan_jax.files import Path

LOOKED_AT = 128  # pixels of an image on a sheet that people look at
GUTTER = 2  # pixels between the images of a grid
BEST = {"quality": 95, "subsampling": 0}  # of JPEG; other formats ignore it
PAPER = 255  # grey value of gutters and empty cells


def write_pngs(
    images: np.ndarray,
    folder: Path,
    labels: Sequence[int] | None = None,
    classes: Sequence[str] = (),
    first: int = 0,
    text: Mapping[str, str] | None = None,
) -> list[Path]:
    """Writes FOLDER/000000.png and so on, or FOLDER/CLASS/000000.png.

    Args:
      images: uint8 (N, H, W, C), C 1 or 3.
      folder: made if need be.
      labels: (N,) or longer, indices into `classes`; each class then has its own subfolder, the
        layout of the `image_folder` data set, see `class_folders`.
      classes: names of the classes.
      first: number of the first image.
      text: what every file carries beside its pixels.

    Returns:
      The files, in the order of the images.
    """
    files.make_folder(folder)
    paths = [folder / name for name in png_names(len(images), labels, classes, first)]
    for image, path in zip(images, paths, strict=True):
        save_image(image, path, text)
    return paths


def png_names(
    num: int, labels: Sequence[int] | None = None, classes: Sequence[str] = (), first: int = 0
) -> list[str]:
    """Where `write_pngs` puts images, relative to its folder."""
    places = [""] * num
    if labels is not None:
        places = [f"{folder_of(classes[label])}/" for label in labels[:num]]
    return [f"{place}{index:06d}.png" for index, place in enumerate(places, first)]


def write_npz(images: np.ndarray, path: Path, **others: np.ndarray) -> None:
    """Writes the key `images` (N, H, W, C), uint8 or floats in [-1, 1], and others, as `labels`.

    Of floats the key `range` says where they are, as `npz_images.read` reads it.
    """
    if images.dtype != np.uint8:
        others["range"] = np.array(SIGNED)
    files.write_arrays(path, images=images, **others)


def save_image(image: np.ndarray, path: Path, text: Mapping[str, str] | None = None) -> None:
    """Writes uint8 (H, W, C), C 1 or 3, in the format that the file name ends in.

    Formats that lose something do so as little as is sensible.

    Args:
      image: the pixels.
      path: replaced if it exists.
      text: keys and texts that a PNG file carries beside its pixels; no other format does.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    options = dict(BEST)
    if text and path.suffix.lower() == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        for key, value in text.items():
            options["pnginfo"].add_itxt(key, value)
    with files.replacing(path) as file:
        picture.save(file, format=Image.registered_extensions()[path.suffix.lower()], **options)


def large_enough(images: np.ndarray) -> np.ndarray:
    """Small images for a sheet that people look at: every pixel as a square of pixels.

    Args:
      images: (N, H, W, C); those of 128 pixels and more stay as they are.

    Returns:
      Them, enlarged by the least whole number that gives the longer side 128 pixels.
    """
    times = -(-LOOKED_AT // max(images.shape[1:3]))
    return images.repeat(times, axis=1).repeat(times, axis=2)


def grid(images: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Arranges images in reading order on white paper.

    Args:
      images: uint8 (N, H, W, C); those beyond rows × columns are left out.
      rows, columns: of the sheet; cells without an image stay white.

    Returns:
      uint8 (H', W', C) with a gutter of two pixels between images.
    """
    height, width, channels = images.shape[1:]
    down, across = height + GUTTER, width + GUTTER
    sheet = np.full((rows * down, columns * across, channels), PAPER, np.uint8)
    for index, image in enumerate(images[: rows * columns]):
        top, left = index // columns * down, index % columns * across
        sheet[top : top + height, left : left + width] = image
    return sheet[:-GUTTER, :-GUTTER]

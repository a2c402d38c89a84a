"""Writes synthetic images, each of which says what made it, and a row of each in a table."""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from dermgan_jax import files
from dermgan_jax.data import image_marks
from dermgan_jax.data.image_files import save_image
from dermgan_jax.files import Path
from dermgan_jax.synthesis import corner_mark
from dermgan_jax.synthesis.made_by import PNG_KEY, SYNTHETIC, MadeBy
from dermgan_jax.synthesis.manifest import Row


class MarkedImages:
    """Images that are being written into one folder, or .npz.

    Args:
      told: what makes them.
      classes: names, if the model knows classes; `save` is then given labels.

    Attributes:
      rows: of those that were written, in that order.
    """

    def __init__(self, told: MadeBy, classes: Sequence[str] = ()):
        self.told, self.classes = told, classes
        self.rows: list[Row] = []

    def save(
        self,
        image: np.ndarray,
        folder: Path,
        name: str,
        *,
        index: int,
        label: int | None = None,
        original: np.ndarray | None = None,
        comment: str = SYNTHETIC,
    ) -> None:
        """Writes an image as FOLDER/NAME, a PNG file, with a visible mark if that was asked for.

        Args:
          image: uint8 (H, W, C), C 1 or 3.
          folder: made if need be, with the folders in the name.
          name: with slashes, ending in .png.
          index: number of the image in its drawing.
          label: of its class.
          original: the pixels that it is a translation of, uint8 (H, W, C).
          comment: what a viewer of images shows.
        """
        if self.told.corner_mark:
            image = corner_mark.marked(image[None])[0]
        row = self._row(name, index, label, original, image)
        facts = {"index": index}
        if row.label:
            facts["label"] = row.label
        if row.input_sha256:
            facts["input_sha256"] = row.input_sha256
        told = image_marks.with_digest({**self.told.png_facts(), **facts}, image)
        files.make_folder((folder / name).parent)
        save_image(image, folder / name, {"Comment": comment, PNG_KEY: json.dumps(told)})
        self.rows.append(row)

    def note(
        self,
        images: np.ndarray,
        key: str = "images",
        labels: Sequence[int] | None = None,
        originals: np.ndarray | None = None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        """Takes note of images that are written to an .npz.

        Args:
          images: (N, H, W, C), as they are written.
          key: of the .npz.
          labels: (N,), of their classes.
          originals: what they are translations of.
          numbers: (N,), of the images in their drawing; None: as they come.
        """
        for position, image in enumerate(images):
            index = position if numbers is None else int(numbers[position])
            label = None if labels is None else int(labels[position])
            original = None if originals is None else originals[position]
            self.rows.append(self._row(f"{key}/{position}", index, label, original, image))

    def _row(
        self,
        name: str,
        index: int,
        label: int | None,
        original: np.ndarray | None,
        image: np.ndarray,
    ) -> Row:
        drawing = self.told.drawing
        return Row(
            file=name,
            index=str(index),
            seed="" if drawing is None else str(drawing.seed),
            label="" if label is None or not self.classes else self.classes[label],
            input_sha256="" if original is None else image_marks.pixel_digest(original),
            pixels_sha256=image_marks.pixel_digest(image),
        )


def save_sheet(
    image: np.ndarray, path: Path, told: MadeBy | None, comment: str = SYNTHETIC
) -> None:
    """Writes a PNG file of several images, made by one model or with others beside them.

    Args:
      image: uint8 (H, W, C), with a visible mark if that was asked for.
      path: of the file.
      told: what made the images; None if it is not known.
      comment: what a viewer of images shows.
    """
    if told is None:
        save_image(image, path, {"Comment": comment})
        return
    if told.corner_mark:
        image = corner_mark.marked(image[None])[0]
    facts = image_marks.with_digest(told.png_facts(), image)
    save_image(image, path, {"Comment": comment, PNG_KEY: json.dumps(facts)})


def renewed(texts: Mapping[str, str], pixels: np.ndarray) -> dict[str, str]:
    """The texts of one of our files for other pixels that were made of it, such as larger ones."""
    if PNG_KEY not in texts:
        return dict(texts)
    told = json.loads(texts[PNG_KEY])
    before = {"made_of_sha256": told["pixels_sha256"]} if "pixels_sha256" in told else {}
    again = image_marks.with_digest({**told, **before}, pixels)
    return {**texts, PNG_KEY: json.dumps(again)}

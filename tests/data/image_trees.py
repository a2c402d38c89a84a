"""Writing small images and tables for tests."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

HAM_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")


def write_image(path: Path, seed: int = 0, size=(20, 16), mode: str = "RGB") -> Path:
    """A random image; its size is (width, height) as Pillow has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)
    return path


def write_table(path: Path, columns, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path

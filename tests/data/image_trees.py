"""Writing small images and tables for tests."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from dermgan_jax.data.datasets import phantom

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


DERM7PT_COLUMNS = (
    *("case_num", "diagnosis", "seven_point_score", "pigment_network", "streaks", "pigmentation"),
    *("regression_structures", "dots_and_globules", "blue_whitish_veil", "vascular_structures"),
    *("level_of_diagnostic_difficulty", "elevation", "location", "sex", "management"),
    *("clinic", "derm", "case_id", "notes"),
)
DERM7PT_SPLITS = {"train": range(6), "valid": (6, 7), "test": (8, 9)}


def derm7pt_rows(diagnoses=("clark nevus", "melanoma (in situ)")) -> list[list[str]]:
    """Ten rows of meta.csv, the diagnoses in turn."""
    return [
        [
            *(str(i + 1), diagnoses[i % len(diagnoses)], "3", *["absent"] * 7),
            *("medium", "flat", "back", "", "excision"),
            *(f"NEL/NEL{i:03}.JPG", f"NEL/Nel{i + 20:03}.jpg", "", ""),
        ]
        for i in range(10)
    ]


def write_derm7pt(folder: Path) -> Path:
    """release_v0/ in `folder`: drawn phantoms in place of the photographs."""
    rows = derm7pt_rows()
    release = folder / "release_v0"
    write_table(release / "meta" / "meta.csv", DERM7PT_COLUMNS, rows)
    for part, indexes in DERM7PT_SPLITS.items():
        write_table(release / "meta" / f"{part}_indexes.csv", ("indexes",), [[i] for i in indexes])
    images = release / "images" / "NEL"
    images.mkdir(parents=True)
    for i in range(10):
        Image.fromarray(phantom.draw_clinical(0, i, 24).image).save(images / f"Nel{i:03}.jpg")
        Image.fromarray(phantom.draw(0, i, 24).image).save(images / f"Nel{i + 20:03}.jpg")
    return folder


def write_chest_xray(folder: Path) -> Path:
    """chest_xray/ in `folder`, 36 X-rays in the layout of the Kaggle archive."""
    normal = [f"IM-{i:04}-0001" for i in range(8)]
    normal += [f"NORMAL2-IM-{i:04}-0001" for i in range(7)] + ["NORMAL2-IM-0006-0001-0002"]
    sick = [f"person{i // 2}_bacteria_{i}" for i in range(12)]
    sick += [f"person{i}_virus_{i + 20}" for i in range(4, 12)]
    outer = folder / "chest_xray"
    for part in (outer, outer / "chest_xray", outer / "__MACOSX" / "chest_xray"):
        for diagnosis, names in (("NORMAL", normal), ("PNEUMONIA", sick)):
            for i, name in enumerate(names):
                split = ("train", "train", "val", "test")[i % 4]
                path = part / split / diagnosis / f"{name}.jpeg"
                write_image(path, seed=i, mode="L")
    return folder

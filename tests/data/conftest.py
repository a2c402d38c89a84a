"""Small data sets on disk, in the layouts of the real ones."""

import pytest
from image_trees import (
    HAM_COLUMNS,
    write_chest_xray,
    write_derm7pt,
    write_image,
    write_table,
)
from PIL import Image

from dermgan_jax import config as config_schema


@pytest.fixture
def make_config(tmp_path):
    """make_config(dataset, dir, **fields of config.data) -> a whole configuration."""

    def make(dataset, folder="", **fields):
        config = config_schema.experiment("pgan")
        config.train.total_kimg = 1.0
        config.data.update(dataset=dataset, dir=str(folder), resolution=8, **fields)
        config.data.prepared_dir = str(tmp_path / "prepared")
        return config

    return make


@pytest.fixture
def ham10000_rows():
    """24 rows of metadata: lesions of two images each, in three classes."""
    return [
        [
            f"HAM_{i // 2:07}",
            f"ISIC_{i:07}",
            ("mel", "nv", "bcc")[i // 8],
            "histo",
            "",
            "male",
            "ear",
        ]
        for i in range(24)
    ]


@pytest.fixture
def ham10000_dir(tmp_path, ham10000_rows):
    """The Kaggle layout; the first image has a mask."""
    folder = tmp_path / "ham"
    write_table(folder / "HAM10000_metadata.csv", HAM_COLUMNS, ham10000_rows)
    for i, row in enumerate(ham10000_rows):
        write_image(folder / f"HAM10000_images_part_{1 + i % 2}" / f"{row[1]}.jpg", seed=i)
    mask = Image.new("L", (20, 16))
    mask.paste(255, (0, 0, 10, 16))
    masks = folder / "HAM10000_segmentations_lesion_tschandl"
    masks.mkdir()
    mask.convert("P").save(masks / "ISIC_0000000_segmentation.png")
    return folder


@pytest.fixture
def class_folders(tmp_path):
    """Two classes of six PNG files each."""
    folder = tmp_path / "folder"
    for i in range(12):
        write_image(folder / ("melanoma", "nevus")[i % 2] / f"{i:02}.png", seed=i)
    return folder


@pytest.fixture
def derm7pt_dir(tmp_path):
    """release_v0 of derm7pt: ten cases, 6 / 2 / 2, their images named in other capitals."""
    return write_derm7pt(tmp_path / "derm7pt")


@pytest.fixture
def chest_xray_dir(tmp_path):
    """The Kaggle archive of Kermany's X-rays, with its second copy inside."""
    return write_chest_xray(tmp_path / "xrays")


@pytest.fixture
def two_folders(tmp_path):
    """Six pairs by name; the second folder has two images more, and other suffixes."""
    folder = tmp_path / "two"
    for i in range(6):
        write_image(folder / "camera" / "clinic" / f"{i:02}.png", seed=i)
    for i in range(8):
        write_image(folder / "dermatoscope" / "clinic" / f"{i:02}.jpg", seed=10 + i)
    return folder

"""Time and memory of what happens to a data set before its first image is trained on.

    python benchmarks/listing.py [--sizes=10000,100000,1000000 --layouts=folders,table --dir=/tmp]

Each size and layout is a process of its own, which lists files that are links to one small image,
splits them, and goes on as `dermgan train` does. A row of the table is a step: seconds of CPU, and
the most memory that the process has held so far, in MB. Layouts:

  folders     CLASS/PATIENT/*.jpg, five images a patient
  flat        CLASS/*.jpg, each image a group of its own
  table       one folder of images and data.csv with class, patient, age and sex
  ham10000    the layout of HAM10000, two images a lesion
  isic2018    the layout of ISIC 2018, task 3

The images of a size are made anew and removed afterwards; a million take a quarter of a minute and
no space but that of their names.
"""

import argparse
import csv
import itertools
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

LINKS = 50_000  # names that one file may have; ext4 allows 65,000
PER_FOLDER = 1000
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
SIDE = 8  # pixels of the pictures among which copies are looked for


class Links:
    """Makes names of one small image, as many as wanted."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.count = folder, 0
        self.original = self._new()

    def _new(self) -> pathlib.Path:
        path = self.folder / f"{self.count:09}.original"
        Image.new("RGB", (16, 16), (self.count % 251, 90, 120)).save(path, "JPEG")
        return path

    def add(self, path: str) -> None:
        """Makes one more; its folder exists."""
        self.count += 1
        if self.count % LINKS == 0:
            self.original = self._new()
        os.link(self.original, path)


def make(layout: str, root: pathlib.Path, links: Links, count: int) -> dict[str, object]:
    """Makes `count` images in a layout; returns what `config.data` needs to list them."""
    root.mkdir(parents=True)
    if layout in ("folders", "flat"):
        _make_folders(root, links, count, patients=layout == "folders")
        return {"dataset": "image_folder"}
    names = [f"ISIC_{i:08}" for i in range(count)]
    place = {"table": "images", "ham10000": "HAM10000_images_part_1"}
    images = root / place.get(layout, "ISIC2018_Task3_Training_Input")
    images.mkdir()
    for name in names:
        links.add(f"{images}/{name}.jpg")
    if layout == "isic2018":
        header = ("image", *(name.upper() for name in CLASSES))
        truth = (
            [name, *(f"{float(i % 7 == place)}" for place in range(7))]
            for i, name in enumerate(names)
        )
        folder = root / "ISIC2018_Task3_Training_GroundTruth"
        folder.mkdir()
        _table(folder / "ISIC2018_Task3_Training_GroundTruth.csv", header, truth)
        lesions = ([name, f"HAM_{i // 14 * 7 + i % 7}", "histo"] for i, name in enumerate(names))
        columns = ("image", "lesion_id", "diagnosis_confirm_type")
        _table(root / "ISIC2018_Task3_Training_LesionGroupings.csv", columns, lesions)
        return {"dataset": "isic2018"}
    ages, sexes = (
        (str(5 * (i % 18)) for i in itertools.count()),
        itertools.cycle(("male", "female")),
    )
    if layout == "ham10000":
        columns = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
        rows = (
            [f"HAM_{i // 2:08}", name, CLASSES[i // 2 % 7], "histo", age, sex, "back"]
            for i, (name, age, sex) in enumerate(zip(names, ages, sexes, strict=False))
        )
        _table(root / "HAM10000_metadata.csv", columns, rows)
        return {"dataset": "ham10000"}
    columns = ("path", "label", "patient", "age", "sex")
    rows = (
        [f"images/{name}.jpg", CLASSES[i // 5 % 7], f"p{i // 5:07}", age, sex]
        for i, (name, age, sex) in enumerate(zip(names, ages, sexes, strict=False))
    )
    _table(root / "data.csv", columns, rows)
    return {"dataset": "image_folder", "csv": "data.csv"}


def _make_folders(root: pathlib.Path, links: Links, count: int, patients: bool) -> None:
    """CLASS/PATIENT/*.jpg, or CLASS/*.jpg."""
    for name in CLASSES:
        (root / name).mkdir()
    for i in range(count):
        folder = f"{root}/{CLASSES[i // 5 % 7]}"
        if patients:
            folder = f"{folder}/p{i // 5:07}"
            if i % 5 == 0:
                os.mkdir(folder)
        links.add(f"{folder}/ISIC_{i:08}.jpg")


def _table(path: pathlib.Path, columns: tuple[str, ...], rows: Iterator[list[str]]) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


class Steps:
    """Runs steps and prints what each costs."""

    def __init__(self, layout: str, count: int):
        self.beginning = f"| {layout} | {count:,} |"
        self.show("imports", time.process_time())

    def show(self, what: str, seconds: float) -> None:
        """Prints a row."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{self.beginning} {what} | {seconds:.1f} | {peak:,.0f} |", flush=True)

    def __call__(self, what: str, function: Callable, *args) -> object:
        start = time.process_time()
        result = function(*args)
        self.show(what, time.process_time() - start)
        return result


def measure(layout: str, root: str, count: int, fields: dict[str, object]) -> None:
    """Goes through the steps of a run, up to its first image."""
    from dermgan_jax import config as config_schema
    from dermgan_jax.data import catalogue, check, file_digests, near_copies, other_files, prepare

    config = config_schema.experiment("pgan")
    prepared = pathlib.Path(root).with_name("prepared")
    config.data.update(dir=root, resolution=SIDE, prepared_dir=str(prepared), **fields)
    data, step = config.data, Steps(layout, count)
    dataset = step("list", catalogue.list_dataset, data)
    found = step("splits and their hash", catalogue.select, dataset, data)
    del dataset
    step("summary, images per class", check.summary, found)
    data.num_images = count // 2
    step("half of them (num_images)", catalogue.select, found.dataset, data)
    data.num_images = 0
    step("files that are no images", other_files.notes, pathlib.Path(root))
    step("digests", prepare.digests, found, data)
    file_digests._remembered.clear()  # as another process has it
    step("digests that are kept", prepare.digests, found, data)
    step("fingerprint", prepare.fingerprint, found, data)
    pictures = smooth_pictures(count)
    groups = [record.group for record in found.records]
    step("near copies", near_copies.near_copies, pictures, found.splits, groups)


def smooth_pictures(count: int) -> np.ndarray:
    """Random walks to the right and down, whose spectrum is like that of photographs: uint8."""
    steps = np.random.default_rng(0).standard_normal((count, SIDE, SIDE, 1), np.float32)
    walks = steps.cumsum(1).cumsum(2)
    return np.clip(128 + 12 * walks, 0, 255).astype(np.uint8)


def main() -> None:
    """Makes the images of every size and layout, and measures each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--layouts", default="folders,flat,table,ham10000,isic2018")
    parser.add_argument("--dir", default=None, help="where the images are made")
    options = parser.parse_args()
    print("| layout | images | step | seconds | peak MB |\n| --- | --- | --- | --- | --- |")
    for layout in options.layouts.split(","):
        for count in map(int, options.sizes.split(",")):
            with tempfile.TemporaryDirectory(dir=options.dir) as folder:
                root = pathlib.Path(folder) / "data"
                fields = make(layout, root, Links(pathlib.Path(folder)), count)
                call = f"measure({layout!r}, {str(root)!r}, {count}, {fields!r})"
                here = str(pathlib.Path(__file__).parent)
                code = (
                    f"import sys; sys.path.insert(0, {here!r}); from listing import measure; {call}"
                )
                subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()

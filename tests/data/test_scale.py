"""Listing and splitting take time and memory in proportion to the number of images.

Times are those of the processor, so that other programs do not matter; where a ratio is compared,
eight times as many images may take twenty times as long, and would take sixty-four if each were
compared with all others.
"""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks.listing import CLASSES, Links, make, smooth_pictures
from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue, list_dataset
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.near_copies import near_copies
from dermgan_jax.data.splits import assign, split_hash

FEW, TIMES, AT_MOST = 200, 8, 20
MILLION = """
import resource, time
from dermgan_jax import config
from dermgan_jax.data.catalogue import catalogue
data = config.experiment("pgan").data
data.update(dir={folder!r}, **{fields!r})
start = time.process_time()
count = len(catalogue(data).records)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(count, time.process_time() - start, peak)
"""


def seconds(function, *args):
    """The least of three attempts."""
    found = []
    for _ in range(3):
        start = time.process_time()
        function(*args)
        found.append(time.process_time() - start)
    return min(found)


@pytest.mark.parametrize("layout", ["folders", "table"])
def test_listing_takes_time_in_proportion(layout, make_config, tmp_path):
    configs = []
    for count in (FEW, FEW * TIMES):
        (tmp_path / str(count)).mkdir()
        root = tmp_path / str(count) / "data"
        fields = make(layout, root, Links(root.parent), count)
        configs.append(make_config(folder=root, **fields).data)
    few, many = (seconds(catalogue, data) for data in configs)
    assert many < AT_MOST * few


@pytest.mark.parametrize("num_classes", [7, 1000])
def test_splits_take_time_in_proportion(num_classes):
    def split(count):
        groups = [f"lesion {i // 2}" for i in range(count)]
        labels = np.arange(count) // 2 % num_classes
        split_hash(list(map(str, range(count))), assign(labels, groups, (0.7, 0.15, 0.15), 0))

    count = 3000
    assert seconds(split, TIMES * count) < AT_MOST * seconds(split, count)


@pytest.mark.parametrize("layout", ["folders", "flat", "table", "ham10000"])
def test_folders_are_walked_once(layout, make_config, tmp_path, monkeypatch):
    """Of buckets and shared disks, which answer slowly, each walk takes minutes."""
    root, walked, scandir = tmp_path / "data", [], os.scandir
    fields = make(layout, root, Links(tmp_path), 42)
    monkeypatch.setattr(os, "scandir", lambda path: walked.append(Path(path)) or scandir(path))
    found = registry.load("dataset", fields["dataset"])(make_config(folder=root, **fields).data)
    assert len(found.records) == 42
    folders = {record.image.parent for record in found.records}
    assert folders <= set(walked)
    # Those of classes are also looked at to tell them from splits.
    again = [path for path in folders if path.name not in CLASSES and walked.count(path) > 1]
    assert again == []


@pytest.mark.parametrize("is_on", [True, False])
def test_collector_is_as_before_a_listing(is_on, make_config, tmp_path):
    make("flat", tmp_path / "data", Links(tmp_path), 35)
    try:
        (gc.enable if is_on else gc.disable)()
        assert len(list_dataset(make_config("image_folder", tmp_path / "data").data).records) == 35
        assert gc.isenabled() == is_on
        with pytest.raises(DataError):
            list_dataset(make_config("image_folder", tmp_path / "none").data)
        assert gc.isenabled() == is_on
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["folders", "table"])
def test_a_million_images_are_listed_and_split_in_a_minute_and_two_gigabytes(layout, tmp_path):
    root = tmp_path / "data"
    fields = make(layout, root, Links(tmp_path), 1_000_000)
    code = MILLION.format(folder=str(root), fields=fields)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    count, took, peak = map(float, done.stdout.split())
    assert count == 1_000_000
    assert took < 60
    assert peak < 2


@pytest.mark.slow
def test_copies_among_a_hundred_thousand_images_take_a_minute():
    pictures = smooth_pictures(100_000)
    splits = np.array(["train", "train", "val", "train", "test"])[np.arange(100_000) % 5]
    pictures[99_999] = pictures[0]
    start = time.process_time()
    found = near_copies(pictures, splits, [str(i) for i in range(100_000)])
    assert (99_999, 0) in found
    assert time.process_time() - start < 60

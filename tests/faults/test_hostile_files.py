"""Files of strangers: read or refused in one message that names them, within bounds.

pytest -m slow -s tests/faults/test_hostile_files.py
"""

import faulthandler
import math
import pathlib
import time

import hostile_files
import numpy as np
import peak_memory
import pytest
from command_line import call

from dermgan_jax.data import csv_table
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.data.npz_images import open_floats, read_labels
from dermgan_jax.errors import UserError
from dermgan_jax.files import open_arrays
from dermgan_jax.formats.ncnn import read_convolutions
from dermgan_jax.formats.pickled_modules import read_networks
from dermgan_jax.formats.tensor_files import read_tensors

SECONDS, BYTES = 60, 2 << 30
FEW, MANY = 6, 60  # damaged files of each kind


def _latents(path):
    with open_arrays(path) as arrays:
        return [arrays[key] for key in arrays]


def _tables(path):
    return csv_table.read_table(path), csv_table.read_stripped(path)


READERS = {
    **dict.fromkeys(("pth", "old pth", "safetensors", "npz of tensors"), (read_tensors,)),
    **dict.fromkeys(("pickle", "pkl of networks", "pkl of arrays"), (read_tensors, read_networks)),
    **dict.fromkeys(
        ("npz of images", "npz, compressed"),
        (lambda path: open_floats(path, 3), open_images, lambda path: read_labels(path, 6, 2)),
    ),
    "npz of latents": (_latents,),
    "ncnn": (read_convolutions,),
    "csv": (_tables,),
}
NOT_PLAIN = ("pkl of networks", read_tensors)  # which refuses modules
ARCHITECTURES = ("cyclegan", "stylegan2", "fastgan", "projected", "esrgan", "dcgan")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def outcome(path, read, counts):
    """Reads a file, holds what that costs against the bounds, and counts what came of it."""
    measured, start = peak_memory.begin(), time.monotonic()
    before = peak_memory.held()[0] if measured else 0
    counts["cases"] += 1
    said = ""
    try:
        read(path)
    except UserError as error:
        said = str(error)
    except OSError as error:  # which the command line maps to a message
        said = str(error.filename)
    counts["refused" if said else "read"] += 1
    assert not said or path.stem in said
    assert len(said) < 2000
    assert "\x1b" not in said
    seconds = time.monotonic() - start
    more = peak_memory.held()[1] - before if measured else 0
    counts["ms"] = max(counts["ms"], math.ceil(seconds * 1000))
    counts["MB"] = max(counts["MB"], more >> 20)
    assert seconds < SECONDS
    assert more < BYTES


def run(cases, folder, outcomes):
    total = 0
    for number, case in enumerate(cases):
        place = folder / str(number)
        place.mkdir()
        path = case.write(place)
        for read in READERS[case.kind]:
            try:
                outcome(path, read, outcomes[case.kind])
            except Exception as error:
                raise AssertionError(f"{case.kind}: {case.name}") from error
            total += 1
        for each in place.iterdir():
            each.unlink()
    assert not pathlib.Path("executed").exists()
    return total


def test_strangers_files(tmp_path, outcomes):
    cases = [case for case in hostile_files.cases(0, FEW) if not case.is_heavy]
    assert run(cases, tmp_path, outcomes) > 300


@pytest.mark.slow
def test_many_strangers_files(tmp_path, outcomes):
    assert run(hostile_files.cases(1, MANY), tmp_path, outcomes) >= 400


def test_sound_files_are_read(tmp_path):
    for kind, (name, content) in hostile_files.sound().items():
        (tmp_path / name).write_bytes(content)
        found = [read(tmp_path / name) for read in READERS[kind] if (kind, read) != NOT_PLAIN]
        if read_tensors in READERS[kind] and kind != NOT_PLAIN[0]:
            np.testing.assert_array_equal(*found[0].values(), hostile_files.WEIGHT)
        else:
            assert len(found[0])


def _imports(folder, capsys, every, arch):
    of_others = ("csv", "npz of images", "npz, compressed", "npz of latents")
    cases = [case for case in hostile_files.cases(2, 2) if case.kind not in of_others]
    light = [case for case in cases if every == 1 or not case.is_heavy]
    _imported(light[::every], arch, folder, capsys)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_importers_say_it_in_one_message(arch, tmp_path, capsys):
    _imports(tmp_path, capsys, 15, arch)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_importers_say_it_of_every_file(arch, tmp_path, capsys):
    _imports(tmp_path, capsys, 1, arch)


def _imported(cases, arch, folder, capsys):
    for number, case in enumerate(cases):
        place = folder / str(number)
        place.mkdir()
        path = case.write(place)
        words = (f"--arch={arch}", f"--source={path}", f"--workdir={folder}/run{number}")
        start = time.monotonic()
        code = call("import", *words)
        said = capsys.readouterr().err
        assert code == 2, (case.kind, case.name)
        assert str(path.parent) in said, (case.kind, case.name, said)
        assert "Traceback" not in said
        assert time.monotonic() - start < SECONDS
        assert not (folder / f"run{number}").exists()
    assert not pathlib.Path("executed").exists()


def test_latents_of_integers_are_no_reason_to_fall_over(tmp_path):
    """The smallest array of each sort that NumPy writes is read, or refused, by `_latents`."""
    for value in (np.int8(3), np.bool_(True), np.str_("x"), np.float16(1)):
        np.savez(tmp_path / "latents.npz", z=value)
        assert _latents(tmp_path / "latents.npz")[0] == value

"""Odd images: their pixels as they should be, or one message that names the file, within bounds.

pytest -m slow -s tests/faults/test_odd_images.py
"""

import collections
import faulthandler
import math
import re
import time
import warnings

import numpy as np
import odd_images
import peak_memory
import pytest
from command_line import call
from PIL import Image

from dermgan_jax.config import experiment
from dermgan_jax.data import decode
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.decode_limits import LARGEST
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.prepare import prepare
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.synthesis import image_folder
from dermgan_jax.synthesis.image_folder import groups_of_one_size

SECONDS, BYTES = 60, 2 << 30
FEW, MANY = 1, 30  # damaged files of each sound one


@pytest.fixture(autouse=True)
def no_hang():
    faulthandler.dump_traceback_later(20 * SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def asked(function, path, *arguments):
    """What a function of `decode` gives, or the message of its refusal."""
    try:
        return function(path, *arguments)
    except DataError as error:
        for fault in error.faults:
            if str(path) not in fault.message:
                raise AssertionError(f"it does not name the file: {fault.message}") from error
        return str(error)


def outcome(case, path, counts):
    """Reads a file in all ways, holds what that costs against the bounds, and counts."""
    path.write_bytes(case.content)
    measured, start = peak_memory.begin(), time.monotonic()
    before = peak_memory.held()[0] if measured else 0
    found = asked(decode.read_image, path, 3)
    grey = asked(decode.read_image, path, 1)
    said = [asked(decode.header_size, path), asked(decode.require_usable, path, 8)]
    said += [asked(decode.require_grey, path), asked(decode.read_mask_values, path)]
    seconds = time.monotonic() - start
    more = peak_memory.held()[1] - before if measured else 0
    for text in (text for text in (found, grey, *said) if isinstance(text, str)):
        assert len(text) < 1000
        assert text.isprintable()
    assert isinstance(found, str) == isinstance(grey, str)
    is_read = isinstance(found, np.ndarray)
    if is_read:
        assert not case.is_refused
        assert found.dtype == grey.dtype == np.uint8
        assert (*found.shape[:2], 1) == grey.shape
        if case.pixels is not None:
            assert found.shape == case.pixels.shape
            assert np.abs(found.astype(int) - case.pixels).max() <= case.tolerance
    counts["cases"] += 1
    counts["read" if is_read else "refused"] += 1
    counts["ms"] = max(counts["ms"], math.ceil(seconds * 1000))
    counts["MB"] = max(counts["MB"], more >> 20)
    assert seconds < SECONDS
    assert more < BYTES
    return is_read


def run(cases, folder, outcomes):
    number = -1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of damage
        for number, case in enumerate(cases):
            path = folder / f"{number}{case.suffix}"
            try:
                outcome(case, path, outcomes[case.kind])
            except Exception as error:
                raise AssertionError(f"{case.kind}: {case.name}") from error
            path.unlink()
    return number + 1


def test_odd_images(tmp_path, outcomes):
    cases = [case for case in odd_images.cases(0, FEW) if "GB" not in case.name]
    assert run(cases[:60] + cases[60::3], tmp_path, outcomes) > 200


@pytest.mark.slow
def test_many_odd_images(tmp_path, outcomes):
    assert run(odd_images.cases(1, MANY), tmp_path, outcomes) >= 1000


def test_sound_images_are_read(tmp_path):
    for number, case in enumerate(odd_images.sound()):
        path = tmp_path / f"{number}{case.suffix}"
        assert outcome(case, path, collections.Counter()) != case.is_refused, case.name


def _check(folder, capsys, tmp_path):
    words = ("check", "--config=tests/tiny_configs.py:pgan", "--config.data.dataset=image_folder")
    fields = {"dir": folder, "resolution": 8, "num_images": 0, "prepared_dir": tmp_path / "kept"}
    code = call(*words, *(f"--config.data.{key}={value}" for key, value in fields.items()))
    return code, capsys.readouterr().err


def test_a_check_lists_them_by_kind(tmp_path, capsys):
    folder, refused = tmp_path / "data", {}
    folder.mkdir()
    some = [case for case in odd_images.cases(3, 1) if "GB" not in case.name][::7]
    for number, case in enumerate(some):
        path = folder / f"{number:03}{case.suffix}"
        path.write_bytes(case.content)
        said = (asked(decode.read_image, path, 3), asked(decode.require_usable, path, 8))
        refused[path.name] = any(isinstance(each, str) for each in said)
    code, said = _check(folder, capsys, tmp_path)
    assert code == 2
    assert "Traceback" not in said
    named = {name for name in refused if f"/{name} " in said}
    more = sum(map(int, re.findall(r"\.\.\. and (\d+) more", said)))
    assert len(named) >= 20
    assert len(named) + more == sum(refused.values())
    assert all(refused[name] for name in named)


def test_input_is_read_a_few_at_a_time(tmp_path, monkeypatch):
    pixels = odd_images.picture()
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path in paths:
        Image.fromarray(pixels).save(path)
    groups = list(groups_of_one_size(paths, SetReader(paths, 3)))
    assert [path for group in groups for path, _ in group] == paths
    monkeypatch.setattr(image_folder, "BATCH_BYTES", 2 * pixels.nbytes)
    assert [len(group) for group in groups_of_one_size(paths, SetReader(paths, 3))] == [2, 2, 1]
    paths[2].write_bytes(paths[2].read_bytes()[:80])
    with pytest.raises(DataError, match=r"2\.png"):
        list(groups_of_one_size(paths, SetReader(paths, 3)))


def test_the_limit_of_pixels_is_named_and_can_be_raised(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("RGB", (1100, 1000)).save(path)
    monkeypatch.setenv(LARGEST, "1")
    with pytest.raises(DataError, match=rf"1100x1000 pixels, more than 1 mega.*set \${LARGEST}"):
        decode.read_image(path, 3)
    monkeypatch.setenv(LARGEST, "0.4")  # Pillow would refuse more than twice the limit
    with pytest.raises(DataError, match=rf"a\.png .*set \${LARGEST}"):
        decode.read_image(path, 3)
    monkeypatch.setenv(LARGEST, "1.1")
    assert decode.read_image(path, 3).shape == (1000, 1100, 3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGB", "P", "RGBA", "I;16", "CMYK"])
def test_the_largest_that_is_read_stays_within_bounds(mode, tmp_path):
    path = tmp_path / ("a.png" if mode != "CMYK" else "a.jpg")
    Image.new(mode, (9990, 9990), 60_000 if mode == "I;16" else None).save(path)
    if not peak_memory.begin():
        pytest.skip("only Linux tells")
    before = peak_memory.held()[0]
    decode.read_image(path, 3)
    assert peak_memory.held()[1] - before < BYTES


@pytest.mark.slow
def test_many_threads_of_large_images_stay_within_bounds(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    large = Image.new("RGB", (9900, 9900), (200, 150, 120))
    for number in range(6):
        large.putpixel((number, 0), (0, 0, 0))
        large.save(folder / f"{number}.jpg")
    del large
    config = experiment("pgan")
    config.data.update(dataset="image_folder", dir=str(folder), resolution=8, workers=16)
    config.data.prepared_dir = str(tmp_path / "kept")
    if not peak_memory.begin():
        pytest.skip("only Linux tells")
    before = peak_memory.held()[0]
    assert len(prepare(catalogue(config.data), config.data).images) == 6
    assert peak_memory.held()[1] - before < BYTES

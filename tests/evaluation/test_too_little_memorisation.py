"""Tests of memorisation where there is too little to test, or nothing that differs."""

import numpy as np
import pytest
from command_line import call
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import memorisation_tests

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("train", "held_out", "fake"), [(2, 1, 30), (3, 5, 1), (5, 5, 30)])
def test_tests_of_memorisation_of_a_handful_of_images(train, held_out, fake):
    sides = (RANDOM.normal(size=(num, 20)) for num in (train, held_out, fake))
    found = memorisation_tests.memorisation_tests(*sides, ["one"] * train, "p", 0)
    assert 0 <= found["authpct"]["value"] <= 100
    left_out = " ".join(found["left_out"])
    assert "AuthPct over groups: all training images are of one" in left_out
    assert "FLD" in left_out
    assert "fld" not in found


def test_a_single_training_image_is_too_few_for_tests_of_memorisation():
    sides = (RANDOM.normal(size=(num, 20)) for num in (1, 5, 5))
    with pytest.raises(UserError, match="1 training images are too few"):
        memorisation_tests.memorisation_tests(*sides, None, "p", 0)


def test_tests_of_memorisation_of_images_that_are_all_alike(recwarn):
    points, alike = RANDOM.normal(size=(30, 20)), np.ones((30, 20))
    for sides, told in (
        ((alike, points, points), "the training images are all alike"),
        ((points, alike, points), "the held-out images are all alike"),
        ((alike, alike, alike), "are all alike"),
    ):
        found = memorisation_tests.memorisation_tests(*sides, None, "p", 0)
        assert told in " ".join(found["left_out"])
        assert "ct" not in found or np.isfinite(found["ct"]["value"])
    assert not recwarn.list


def test_membership_of_folders_that_are_no_halves(tmp_path, capsys):
    folders = {}
    for name in ("train", "halves", "unseen", "fake"):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        for i in range(12):
            image = RANDOM.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(image).save(folders[name] / f"{i:02d}.png")
    code = call(
        *("audit", f"--train={folders['train']}", f"--held_out={folders['unseen']}"),
        *(f"--fake={folders['fake']}", f"--membership={folders['halves']}"),
        *("--features=pixels", f"--out={tmp_path}/audit"),
    )
    assert code == 2
    assert "first is not there, and no --config says how to train it" in capsys.readouterr().err

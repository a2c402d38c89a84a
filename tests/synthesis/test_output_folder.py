"""Folders that commands fill: what may lie there, what is removed, what a failure leaves."""

import json

import numpy as np
import pytest
from etils import epath
from PIL import Image

from dermgan_jax.data.image_files import save_image
from dermgan_jax.errors import UserError
from dermgan_jax.synthesis.output_folder import NAME, filling, require_room

ASKED = {"command": "toy", "seed": 1}
OTHER = {"command": "toy", "seed": 2}
OURS = {"dermgan_jax": "{}"}


def picture(path, text=None, value=0):
    save_image(np.full((4, 4, 3), value, np.uint8), path, text)


def fill(out, names, asked=ASKED, overwrite=False, value=0):
    with filling(out, asked, names, overwrite) as folder:
        for name in names:
            if name.endswith(".csv"):
                (folder / name).write_text("image\n")
            else:
                picture(folder / name, OURS if name.endswith(".png") else None, value)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.fixture
def out(tmp_path):
    """A folder that was filled."""
    fill(tmp_path / "out", ["a/1.png", "2.jpg", "3.csv"])
    return tmp_path / "out"


def test_the_same_may_be_written_again_and_more_of_it(out):
    fill(out, ["a/1.png", "2.jpg", "3.csv", "4.png"], value=9)
    assert everything(out) == ["2.jpg", "3.csv", "4.png", "a/1.png", NAME]
    assert np.asarray(Image.open(out / "a" / "1.png")).max() == 9


def test_after_an_interruption_the_same_command_goes_on(tmp_path):
    def interrupted():
        with filling(tmp_path, ASKED, ["1.png", "2.png"]) as folder:
            picture(folder / "1.png", OURS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert json.loads((tmp_path / NAME).read_text())["complete"] is False
    with pytest.raises(UserError, match="holds 1 images that were made otherwise"):
        fill(tmp_path, ["1.png"], OTHER)
    fill(tmp_path, ["1.png", "2.png"])
    assert json.loads((tmp_path / NAME).read_text())["complete"] is True


@pytest.mark.parametrize(
    ("names", "asked", "message"),
    [
        (["a/1.png", "2.jpg", "3.csv"], OTHER, "holds 2 images that were made otherwise"),
        (["a/1.png", "3.csv"], ASKED, r"holds 1 more images .* \(2\.jpg\)"),
        (None, OTHER, "add --overwrite"),
    ],
)
def test_images_are_never_mixed(out, names, asked, message):
    before = everything(out)
    with pytest.raises(UserError, match=message):
        require_room(out, asked, names=names)
    assert everything(out) == before


def test_table_of_the_user_is_not_replaced(tmp_path):
    (tmp_path / "scores.csv").write_text("mine")
    with pytest.raises(UserError, match=r"holds scores\.csv, which would be replaced"):
        fill(tmp_path, ["1.png", "scores.csv"])
    (tmp_path / "notes.txt").write_text("mine")
    fill(tmp_path, ["1.png"])
    assert everything(tmp_path) == ["1.png", "notes.txt", "scores.csv", NAME]


def test_overwrite_leaves_exactly_the_new_files(out):
    fill(out, ["9.png"], OTHER, overwrite=True)
    assert everything(out) == ["9.png", NAME]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    fill(out / "new", ["9.png"], OTHER, overwrite=True)
    assert everything(out / "new") == ["9.png", NAME]


@pytest.mark.parametrize("foreign", ["photo.png", "2.jpg", "notes.txt", ".hidden", "link.png"])
def test_overwrite_never_removes_what_the_program_did_not_write(out, foreign):
    if foreign == "link.png":
        (out / foreign).symlink_to(out / "a" / "1.png")
    elif foreign.endswith("g"):
        save_image(np.zeros((9, 9, 3), np.uint8), out / foreign)
    else:
        (out / foreign).write_text("mine")
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    with pytest.raises(UserError, match=f"also holds {foreign}: move that away"):
        fill(out, ["9.png"], OTHER, overwrite=True)
    assert {path: path.read_bytes() for path in out.rglob("*.*")} == before


def test_old_files_stay_until_the_new_ones_are_complete(out):
    before = everything(out)

    def fails(error):
        with filling(out, OTHER, ["9.png"], overwrite=True) as folder:
            picture(folder / "9.png", OURS)
            raise error

    with pytest.raises(KeyboardInterrupt):
        fails(KeyboardInterrupt)
    assert everything(out) == before
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_what_the_user_adds_meanwhile_is_not_removed(out):
    def overwritten():
        with filling(out, OTHER, ["9.png"], overwrite=True) as folder:
            picture(folder / "9.png", OURS)
            (out / "notes.txt").write_text("mine")

    with pytest.raises(UserError, match=r"also holds notes\.txt"):
        overwritten()
    assert "notes.txt" in everything(out)


def test_folder_of_a_bucket(tmp_path):
    bucket = epath.Path(tmp_path)
    for names, asked, overwrite in ((["1.png", "2.png"], ASKED, False), (["3.png"], OTHER, True)):
        bucket.mkdir(exist_ok=True)
        fill(bucket, names, asked, overwrite)
        assert everything(tmp_path) == [*names, NAME]
    with pytest.raises(UserError, match="made otherwise"):
        fill(bucket, ["1.png"], ASKED)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"also holds notes\.txt"):
        fill(bucket, ["1.png"], ASKED, overwrite=True)


def test_what_lies_in_an_unfinished_folder_is_not_taken_for_our_own(tmp_path):
    out = tmp_path / ".unfinished-of-mine" / "out"
    picture(out / "photo.png")
    with pytest.raises(UserError, match=r"also holds photo\.png"):
        fill(out, ["9.png"], overwrite=True)


def test_overwrite_through_a_link_replaces_what_it_points_to(out):
    link = out.parent / "link"
    link.symlink_to(out)
    fill(link, ["9.png"], OTHER, overwrite=True)
    assert link.is_symlink()
    assert everything(out) == ["9.png", NAME]

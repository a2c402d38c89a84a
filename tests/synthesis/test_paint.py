"""Painting folders of masks, with a painter whose result is known: its class as grey."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from never_trained import NeverTrained
from PIL import Image

from dermgan_jax.config import experiment, validate
from dermgan_jax.data.mask_deformation import deform
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Stage
from dermgan_jax.models.painter import Painter
from dermgan_jax.runs.restore import Restored
from dermgan_jax.synthesis import paint as painting
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.paint import paint_masks

SIDE = 16


@dataclasses.dataclass(frozen=True)
class GreyPainter(NeverTrained, Painter):
    """(label + 1) / 4 where a mask has its lesion, −1 elsewhere."""

    with_classes: bool = True

    @property
    def multiple(self):
        return 4

    @property
    def conditional(self):
        return self.with_classes

    def latents(self, rng, num):
        return jnp.zeros((num, 0))

    def paint(self, variables, masks, labels, latents):
        grey = jnp.where(masks > 0, (labels[:, None, None] + 1) / 4, -1.0)
        return jnp.broadcast_to(grey[..., None], (*masks.shape, 3))


@pytest.fixture
def restored(monkeypatch):
    """restored(**fields) makes the painter what every work directory holds."""

    def make(conditional=True, classes=("mel", "nv"), **data):
        config = experiment("spade")
        config.train.total_kimg = 1.0
        config.data.update({"resolution": SIDE, "fit": "stretch", **data})
        model = GreyPainter(
            validate(config), DataSpec(SIDE, SIDE, 3, (1, 1), 2, mask_classes=2), conditional
        )
        found = Restored(model, {}, Stage((SIDE, SIDE), 4, {}), 7, "run", classes)
        monkeypatch.setattr(painting, "restore", lambda *_: found)

    return make


@pytest.fixture
def masks(tmp_path):
    """mel/{0,1}.png and nv/0.png of 32×16 pixels: a band that is white."""
    folder = tmp_path / "masks"
    for i, name in enumerate(("mel/0", "mel/1", "nv/0")):
        pixels = np.zeros((16, 32), np.uint8)
        pixels[4 : 8 + i] = 255
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def read(path):
    return np.asarray(Image.open(path))


def test_every_mask_becomes_an_image_of_its_class(restored, masks, tmp_path):
    restored()
    out = tmp_path / "out"
    paint_masks(tmp_path / "run", masks, out, Drawing(seed=3))
    for i, (name, value) in enumerate((("mel/0", 0.25), ("mel/1", 0.25), ("nv/0", 0.5))):
        name = name.replace("/", "/synthetic_")
        image, mask = read(out / "images" / f"{name}.png"), read(out / "masks" / f"{name}.png")
        assert set(np.unique(mask)) == {0, 255}
        assert (mask > 0).sum() == SIDE * (4 + i)
        np.testing.assert_array_equal(image[..., 0], np.where(mask, round((value + 1) * 127.5), 0))
    told = json.loads((out / "images" / "made_by.json").read_text())
    assert (told["synthetic"], told["complete"], told["model"]) == (True, True, "spade")
    assert "synthetic" in Image.open(out / "images" / "mel" / "synthetic_0.png").info["Comment"]


def test_class_that_is_no_name_of_a_folder(restored, masks, tmp_path):
    restored(classes=("../mel", "nv"))
    (masks / "mel").rename(masks / "%2E.%2Fmel")
    paint_masks(tmp_path / "run", masks, tmp_path / "out", Drawing())
    for part in ("images", "masks"):
        found = (tmp_path / "out" / part).rglob("*.png")
        assert sorted(path.parent.name for path in found) == ["%2E.%2Fmel"] * 2 + ["nv"]


def test_a_class_can_be_asked_for(restored, masks, tmp_path):
    restored()
    for path in (masks / "nv").iterdir():
        path.rename(masks / "mel" / "2.png")
    paint_masks(tmp_path / "run", masks, tmp_path / "out", Drawing(label="nv"))
    assert len(list((tmp_path / "out" / "images" / "nv").iterdir())) == 3
    assert read(tmp_path / "out" / "images" / "nv" / "synthetic_0.png").max() == round(1.5 * 127.5)


def test_more_images_than_masks_need_other_shapes(restored, masks, tmp_path):
    restored()
    with pytest.raises(UserError, match="holds 3 masks: add --deform"):
        paint_masks(tmp_path / "run", masks, tmp_path / "out", Drawing(), num=8)
    paint_masks(tmp_path / "run", masks, tmp_path / "out", Drawing(), deformed=True, num=8)
    found = sorted((tmp_path / "out" / "masks").rglob("*.png"))
    assert len(found) == 8
    assert len({read(path).tobytes() for path in found}) == 8
    told = json.loads((tmp_path / "out" / "images" / "made_by.json").read_text())
    assert told["input"].endswith(", deformed")


def test_values_of_masks_are_those_of_training(restored, masks, tmp_path):
    restored(mask_values=(255, 0))
    paint_masks(tmp_path / "run", masks, tmp_path / "out", Drawing())
    mask = read(tmp_path / "out" / "masks" / "mel" / "synthetic_0.png")
    assert (mask == 0).sum() == SIDE * (SIDE - 4)
    assert (
        read(tmp_path / "out" / "images" / "mel" / "synthetic_0.png")[..., 0] > 0
    ).sum() == SIDE * 12


def test_what_cannot_be_painted_is_said(restored, masks, tmp_path):
    restored()

    def refused(message, folder=masks, **drawing):
        with pytest.raises(UserError, match=message):
            paint_masks(tmp_path / "run", folder, tmp_path / "out", Drawing(**drawing))

    refused("is not a folder", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused("holds no masks", tmp_path / "empty")
    refused("'mell' is no class; did you mean 'mel'", label="mell")
    refused("several masks that would become mel/synthetic_0", label="mel")
    (masks / "nv").rename(masks / "nev")
    refused(r"'nev' \(the folder of .*\) is no class")
    (masks / "nev").rename(masks / "nv")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(masks / "nv" / "1.png")
    refused("1.png marks nothing")
    (masks / "nv" / "1.png").write_bytes(b"no image")
    refused("1.png is not an image")
    restored(conditional=False)
    refused("trained without labels", label="mel")


def test_deformed_masks_are_other_shapes_of_about_the_size():
    rows, columns = np.mgrid[:32, :32]
    mask = ((rows - 14) ** 2 + (columns - 17) ** 2 < 60).astype(np.uint8)
    found = deform(np.stack([mask] * 12), seed=0)
    np.testing.assert_array_equal(found[5:7], deform(np.stack([mask] * 2), seed=0, first=5))
    assert set(np.unique(found)) == {0, 1}
    assert len({each.tobytes() for each in found}) == 12
    sizes = found.sum((1, 2)) / mask.sum()
    assert 0.4 < sizes.min() < 0.9 < 1.1 < sizes.max() < 2.5


def test_a_deformed_mask_is_never_empty():
    mask = np.zeros((16, 16), np.uint8)
    mask[0, 0] = 1
    assert deform(np.stack([mask] * 20), seed=1).any((1, 2)).all()

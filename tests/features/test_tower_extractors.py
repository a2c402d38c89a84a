"""The feature spaces of DINOv2, CLIP and RAD-DINO: their images, their files, their names."""

import hashlib

import jax
import numpy as np
import pytest
import tower_tensors
from PIL import Image

from dermgan_jax import registry
from dermgan_jax.errors import UserError
from dermgan_jax.features import (
    clip_extractor,
    clip_vision,
    dinov2,
    dinov2_extractor,
    rad_dino_extractor,
    tower_weights,
    weights,
)
from dermgan_jax.features.feature_spaces import open_space
from dermgan_jax.features.published_weights import FILES, SameWeights, WeightsFile
from dermgan_jax.formats.torch_writer import write_state_dict

SIZES = ((450, 600), (64, 64), (224, 224), (521, 337), (1024, 1023))
IMAGENET = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
CLIP = np.array([[0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]])


def photograph(size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W, 3): smooth, with noise, and with edges from black to white that overshoot."""
    stream = np.random.default_rng(sum(size))
    y, x = np.mgrid[: size[0], : size[1]]
    waves = 128 + 90 * np.sin(np.stack([x / 9, y / 17, (x + y) / 31], axis=-1))
    image = waves + stream.normal(0, 12, (*size, 3))
    image[10:30, 10:30] = 255 * stream.integers(0, 2, (20, 20, 1))
    return image.clip(0, 255).astype(np.uint8)


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """By Pillow to (width, height), wide first, which Pillow 13 does not always do by itself."""
    wide = image.resize((size[0], image.height), Image.Resampling.BICUBIC)
    return np.asarray(wide.resize(size, Image.Resampling.BICUBIC))


def dgm_eval(image: Image.Image) -> np.ndarray:
    """As its DINOv2Encoder and the "pil" of NVlabs/edm2: torchvision's resizing is Pillow's."""
    return (resized(image, (224, 224)) / 255 - IMAGENET[0]) / IMAGENET[1]


def cmmd(image: Image.Image) -> np.ndarray:
    """As io_util.py and embedding.py of google-research/cmmd."""
    width, height = image.size
    side = min(width, height)
    top, left = (height - side) // 2, (width - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return (resized(square, (336, 336)).astype(np.float32) / 255 - CLIP[0]) / CLIP[1]


def rad_dino(image: Image.Image) -> np.ndarray:
    """As BitImageProcessor of transformers 5.24.0 with RAD-DINO's configuration."""
    shorter = min(image.size)
    size = tuple(int(518 * length / shorter) for length in image.size)
    pixels = resized(image, size)
    top, left = ((length - 518) // 2 for length in pixels.shape[:2])
    return (pixels[top : top + 518, left : left + 518] / 255 - 0.5307) / 0.2583


PROTOCOLS = {
    "dinov2": (dinov2_extractor.preprocess, dgm_eval),
    "clip": (clip_extractor.preprocess, cmmd),
    "rad_dino": (rad_dino_extractor.preprocess, rad_dino),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PROTOCOLS)
def test_images_are_prepared_as_the_originals_prepare_them(name, size):
    preprocess, original = PROTOCOLS[name]
    image = photograph(size)
    found = np.asarray(jax.jit(preprocess)(image[None]))[0]
    expected = original(Image.fromarray(image))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.fixture
def small_towers(tmp_path, monkeypatch):
    """A folder of weights of small towers under the published names, with their own sha256."""
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DERMGAN_WEIGHTS", raising=False)
    monkeypatch.setitem(dinov2_extractor.TOWERS, "dinov2_s14", lambda: tower_tensors.DINOV2)
    monkeypatch.setattr(dinov2, "DinoV2B14", lambda: tower_tensors.DINOV2)
    monkeypatch.setattr(rad_dino_extractor, "AT_ONCE", 1)  # batches are filled up
    clip = tower_tensors.CLIP.clone(image_size=336, patch=84)
    monkeypatch.setattr(clip_extractor, "ClipVision", lambda: clip)
    folder = tmp_path / "weights"
    folder.mkdir()
    clip_tensors = {**tower_tensors.clip_openai()}
    clip_tensors["visual.conv1.weight"] = np.full((24, 3, 84, 84), 1e-3, np.float32)
    publish(monkeypatch, folder, "dinov2_s14", "hub.pth", tower_tensors.dinov2_hub())
    publish(monkeypatch, folder, "clip_l14_336", "clip.pt", clip_tensors)
    publish(monkeypatch, folder, "rad_dino", "rad.pth", tower_tensors.dinov2_hugging_face())
    return folder


def publish(monkeypatch, folder, name: str, filename: str, tensors) -> None:
    write_state_dict(folder / filename, tensors)
    entry = WeightsFile(
        purpose="tests",
        origin="nobody",
        sha256=weights.sha256(folder / filename),
        licence="none",
        bytes=None,
        url=f"https://example.org/{filename}",
        alternatives=(SameWeights("other.pth", "https://example.org/other"),),
    )
    monkeypatch.setitem(FILES, name, entry)


@pytest.mark.parametrize(
    ("name", "protocol", "layer", "dim"),
    [
        ("dinov2_s14", "dinov2_s14:pil224", "cls", 24),
        ("clip_l14_336", "clip_l14_336:crop336", "embedding", 10),
        ("rad_dino", "rad_dino:crop518", "cls", 24),
    ],
)
def test_a_space_gives_features_of_grey_and_coloured_images(
    small_towers, name, protocol, layer, dim
):
    registered = registry.load("feature space", name)
    found = registered.load(small_towers)
    path = small_towers / FILES[name].filename
    assert found.name == protocol
    assert found.weights_id == hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    assert (registered.layer, registered.weights, found.dim) == (layer, (name,), dim)
    grey = photograph((60, 40))[None, :, :, :1]
    features = found.extract(np.concatenate([np.repeat(grey, 3, -1), photograph((60, 40))[None]]))
    assert features[layer].shape == (2, dim)
    assert np.isfinite(features[layer]).all()
    assert np.abs(features[layer][0] - features[layer][1]).max() > 1e-3
    of_grey = found.extract(grey)[layer]
    np.testing.assert_allclose(of_grey[0], features[layer][0], rtol=0, atol=1e-4)


def test_features_are_those_of_the_network_on_the_originals_images(small_towers):
    """Within a thousandth of a feature's spread, from the image file's pixels to the feature."""
    images = np.stack([photograph((450, 600)), photograph((450, 600))[::-1]])
    found = dinov2_extractor.load("dinov2_s14", small_towers).extract(images)["cls"]
    prepared = np.stack([dgm_eval(Image.fromarray(image)) for image in images])
    variables = dinov2.from_torch(tower_tensors.DINOV2, tower_tensors.dinov2_hub())
    expected = tower_tensors.DINOV2.apply(variables, prepared.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_another_file_of_the_same_weights_gives_the_same_features_under_its_own_id(
    small_towers, capsys
):
    first = dinov2_extractor.load("dinov2_s14", small_towers)
    (small_towers / "hub.pth").unlink()
    write_state_dict(small_towers / "other.pth", tower_tensors.dinov2_hugging_face())
    assert "note:" not in capsys.readouterr().err
    second = dinov2_extractor.load("dinov2_s14", small_towers)
    assert second.weights_id == weights.sha256(small_towers / "other.pth")[:8] != first.weights_id
    assert "nobody here knows what" in capsys.readouterr().err
    image = photograph((60, 40))[None]
    np.testing.assert_array_equal(second.extract(image)["cls"], first.extract(image)["cls"])


def test_a_file_of_unknown_content_with_other_tensors_is_refused(small_towers):
    (small_towers / "hub.pth").unlink()
    write_state_dict(small_towers / "other.pth", tower_tensors.clip_openai())
    with pytest.raises(UserError, match=r"other\.pth: these are not weights of .* is missing"):
        dinov2_extractor.load("dinov2_s14", small_towers)


def test_the_tower_and_its_variables_are_what_the_file_holds(small_towers):
    tower = tower_tensors.CLIP.clone(image_size=336, patch=84)
    variables, weights_id = tower_weights.load(
        "clip_l14_336", small_towers, tower, clip_vision.from_torch
    )
    assert weights_id == FILES["clip_l14_336"].sha256[:8]
    projection = variables["params"]["proj"]["kernel"]
    np.testing.assert_array_equal(projection, tower_tensors.clip_openai()["visual.proj"])


@pytest.mark.parametrize(
    ("name", "filename", "serves_too"),
    [
        ("dinov2_s14", "dinov2_vits14_pretrain.pth", "dinov2-small.safetensors"),
        ("dinov2_b14", "dinov2_vitb14_pretrain.pth", "dinov2-base.safetensors"),
        ("dinov2_l14", "dinov2_vitl14_pretrain.pth", "dinov2-large.safetensors"),
        ("clip_l14_336", "ViT-L-14-336px.pt", "clip-vit-large-patch14-336.safetensors"),
        ("rad_dino", "rad-dino.safetensors", "backbone_compatible.safetensors"),
    ],
)
def test_without_weights_the_message_names_every_file_that_serves(
    tmp_path, monkeypatch, name, filename, serves_too
):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    monkeypatch.delenv("DERMGAN_WEIGHTS", raising=False)
    with pytest.raises(UserError, match=f"^{filename} is not in") as caught:
        open_space(name)
    assert f"as {serves_too} serves too" in str(caught.value)
    assert f"--fetch={name}" in str(caught.value)

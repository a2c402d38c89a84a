"""StyleGAN2 of the PyTorch original makes the same images here, and goes back unchanged."""

import jax
import numpy as np
import pytest
import stylegan2_vectors as vectors
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop import export_stylegan2 as exporting
from dermgan_jax.interop.export_stylegan2 import export_stylegan2
from dermgan_jax.interop.import_stylegan2 import import_stylegan2
from dermgan_jax.nets.stylegan2_discriminator import StyleGan2Discriminator
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from tests import nvidia_pickles

# Written by PyTorch.
GENERATOR, DISCRIMINATOR = (
    read_tensors(vectors.COPIES / f"{case}.pth")
    for case in ("generator_c0", "discriminator_resnet_c0")
)


def images_of(workdir, tmp_path, case="generator_c0", **options):
    """Images of the reference's latents."""
    np.savez(tmp_path / "z.npz", z=vectors.load(case)["in:z"])
    out = tmp_path / "x.npz"
    generate(workdir, out, None, Drawing(**options), latents=tmp_path / "z.npz")
    with np.load(out) as arrays:
        return arrays["images"]


def expected_images(truncation=1, case="generator_c0"):
    return vectors.load(case)[f"out:img_psi{truncation}_cutNone"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A work directory of a generator and its discriminator, from a folder."""
    source = tmp_path_factory.mktemp("source")
    write_state_dict(source / "G_ema.pth", GENERATOR)
    write_state_dict(source / "D.pth", DISCRIMINATOR)
    workdir = tmp_path_factory.mktemp("imported") / "run"
    import_stylegan2(source, workdir)
    return workdir


def test_generator_makes_the_images_of_the_original(tmp_path, capsys):
    import_stylegan2(vectors.COPIES / "generator_c0.pth", tmp_path / "run")
    assert "not in" in capsys.readouterr().out
    restored = restore(tmp_path / "run")
    assert restored.untrained == ("d",)
    fields = restored.model.config.model
    assert (fields.latent_size, fields.style_size, fields.mapping_layers) == (16, 24, 4)
    assert (fields.channel_base, fields.channel_max, fields.conditional) == (384, 16, False)
    assert restored.model.data.height == 32
    images = images_of(tmp_path / "run", tmp_path)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, expected_images(), rtol=0, atol=1e-4)
    truncated = images_of(tmp_path / "run", tmp_path, truncation=0.7)
    np.testing.assert_allclose(truncated, expected_images(0.7), rtol=0, atol=1e-4)
    partly = images_of(tmp_path / "run", tmp_path, truncation=0.5, truncation_cutoff=4)
    expected = vectors.load("generator_c0")["out:img_psi0.5_cut4"]
    np.testing.assert_allclose(partly, expected, rtol=0, atol=1e-4)


def test_discriminator_scores_as_the_original(both):
    restored = restore(both)
    assert restored.untrained == ()
    arrays = vectors.load("discriminator_resnet_c0")
    score = jax.jit(lambda *inputs: restored.model.score(*inputs, restored.stage))
    scores = score(restored.variables, arrays["in:img8"])
    np.testing.assert_allclose(scores, arrays["out:logits_img8"][:, 0], rtol=0, atol=1e-4)


def test_export_gives_back_what_was_imported(both, tmp_path):
    written = export_stylegan2(both, tmp_path / "out")
    assert [path.name for path in written] == ["G_ema.pth", "D.pth"]
    for path, tensors in zip(written, (GENERATOR, DISCRIMINATOR), strict=True):
        again = read_tensors(path)
        assert again.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert again[name].shape == tensor.shape, name
            np.testing.assert_allclose(again[name], tensor, rtol=0, atol=1e-9, err_msg=name)


def test_untrained_networks_are_not_exported(tmp_path):
    import_stylegan2(vectors.COPIES / "generator_c0.pth", tmp_path / "run")
    written = export_stylegan2(tmp_path / "run", tmp_path / "out")
    assert [path.name for path in written] == ["G_ema.pth"]


def test_spectrally_normalised_discriminator_is_exported_as_one_that_acts_alike():
    """The originals have no such normalisation: kernels are scaled instead."""
    images = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))
    net = StyleGan2Discriminator((6, 5), spectral_norm=True)
    variables = jax.jit(net.init)(jax.random.key(0), images, None)
    plain = exporting._plain(variables)
    assert set(plain) == {"params"}
    got = jax.jit(net.clone(spectral_norm=False).apply)(plain, images, None)
    expected = jax.jit(net.apply)(variables, images, None)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_pickle_of_the_original_is_read_without_running_it(tmp_path, monkeypatch):
    """G and G_ema are kept apart, and activations clamped as there."""
    monkeypatch.chdir(tmp_path)
    trained = {name: tensor + 1 for name, tensor in GENERATOR.items() if "filter" not in name}
    content = {
        "training_set_kwargs": nvidia_pickles.EasyDict(path="/data/melanoma.zip"),
        "G": nvidia_pickles.network(GENERATOR | trained, conv_clamp=256),
        "D": nvidia_pickles.network(DISCRIMINATOR, group_size=4),
        "G_ema": nvidia_pickles.network(GENERATOR, conv_clamp=256),
        "augment_pipe": None,
    }
    nvidia_pickles.save(tmp_path / "network-snapshot-000100.pkl", content)
    import_stylegan2(tmp_path / "network-snapshot-000100.pkl", tmp_path / "run")
    assert not (tmp_path / "executed").exists()
    restored = restore(tmp_path / "run")
    assert restored.untrained == ()
    assert restored.model.config.model.conv_clamp == 256
    average = restored.variables["g"]["average"]["mapping"]["w_avg"]
    np.testing.assert_array_equal(average, GENERATOR["mapping.w_avg"])
    np.testing.assert_allclose(
        images_of(tmp_path / "run", tmp_path), expected_images(), rtol=0, atol=1e-4
    )


def test_several_networks_in_one_file(tmp_path):
    tensors = {f"G_ema.{name}": tensor for name, tensor in GENERATOR.items()}
    tensors |= {f"D.{name}": tensor for name, tensor in DISCRIMINATOR.items()}
    write_state_dict(tmp_path / "nets.pth", tensors)
    import_stylegan2(tmp_path / "nets.pth", tmp_path / "run")
    assert restore(tmp_path / "run").untrained == ()


def test_conditional_generator_makes_the_images_of_the_original(tmp_path):
    case = "generator_c3"
    arrays = vectors.load(case)
    weights = {name[2:]: array for name, array in arrays.items() if name.startswith("w:")}
    write_state_dict(tmp_path / "G_ema.pth", weights)
    import_stylegan2(tmp_path / "G_ema.pth", tmp_path / "run")
    restored = restore(tmp_path / "run")
    assert restored.classes == ("0", "1", "2")
    for i, label in enumerate(arrays["in:c"].argmax(1)):
        images = images_of(tmp_path / "run", tmp_path, case, label=str(label))
        np.testing.assert_allclose(images[i], expected_images(1, case)[i], rtol=0, atol=1e-4)


def without(tensors, part):
    return {name: tensor for name, tensor in tensors.items() if part not in name}


def smaller(tensors):
    """A discriminator of 16x16 images."""
    fromrgb = {f"b16.fromrgb.{name}": tensors[f"b32.fromrgb.{name}"] for name in ("weight", "bias")}
    return without(tensors, "b32.") | fromrgb


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"G_ema": DISCRIMINATOR}, "holds a discriminator where the generator"),
        ({"D": DISCRIMINATOR}, "a generator is needed"),
        ({"G_ema": {"conv1.weight": np.zeros((8, 3, 7, 7), "f4")}}, "begins with conv1.weight"),
        ({"G_ema": without(GENERATOR, ".b16.")}, "resolutions 4, 8, 32; expected 4, 8, 16"),
        ({"G_ema": GENERATOR, "D": smaller(DISCRIMINATOR)}, "32x32, but the discriminator judges"),
        ({"G_ema": without(GENERATOR, "b8.conv0.bias")}, "b8.conv0.bias: expected .16,., found no"),
        (
            {"G_ema": GENERATOR | {"synthesis.b8.skip.weight": np.zeros((16, 16, 1, 1), "f4")}},
            r"synthesis\.b16\.skip\.weight: expected .16, 16, 1, 1., found none",
        ),
        (
            {"G_ema": GENERATOR | {"synthesis.b8.resample_filter": np.ones((4, 4), "f4") / 16}},
            "is not the filter",
        ),
        (
            {"G_ema": GENERATOR | {"synthesis.b8.conv1.weight": np.zeros((6, 6, 3, 3), "f4")}},
            "feature maps 16 at 4, 6 at 8",
        ),
    ],
)
def test_reason_is_named(tmp_path, networks, message):
    source = tmp_path / "source"
    source.mkdir()
    for name, tensors in networks.items():
        write_state_dict(source / f"{name}.pth", tensors)
    with pytest.raises(UserError, match=message):
        import_stylegan2(source, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_folders_without_networks_or_with_content_are_refused(tmp_path, both):
    with pytest.raises(UserError, match=r"none of G_ema\.pth, G\.pth, D\.pth"):
        import_stylegan2(tmp_path, tmp_path / "run")
    with pytest.raises(UserError, match="not an empty folder"):
        import_stylegan2(vectors.COPIES / "generator_c0.pth", both)


def test_other_families_are_not_exported(tmp_path, monkeypatch):
    config = config_schema.validate(tiny_configs.pgan())
    model = type("Model", (), {"config": config})()
    restored = Restored(model, {}, None, step=1, run="", classes=())
    monkeypatch.setattr(exporting, "restore", lambda *_: restored)
    with pytest.raises(UserError, match="holds a pgan"):
        export_stylegan2(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()

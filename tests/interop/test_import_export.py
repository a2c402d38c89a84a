"""Checkpoints of the PyTorch originals are translated with as there, and written back."""

from pathlib import Path

import jax
import numpy as np
import pytest
import tiny_configs
from command_line import call

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.records import DataSpec
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop import export_translator, original_nets, torch_names
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.runs.state import init_state
from dermgan_jax.runs.workdir import WorkDir

GOLDEN = Path(__file__).parents[1] / "golden"
RESNET = GOLDEN / "torch_files" / "resnet_9blocks_nodrop_in.pth"  # written by PyTorch


def golden_weights(case):
    """The state dict of a reference case."""
    with np.load(GOLDEN / "cyclegan" / f"{case}.npz") as arrays:
        return {key[2:]: arrays[key] for key in arrays if key.startswith("w:")}


def import_into(workdir, family, source):
    return call("--mode=import", f"--arch={family}", f"--source={source}", f"--workdir={workdir}")


def export_from(workdir, out):
    """The written files' tensors, by file name."""
    assert call("--mode=export", f"--workdir={workdir}", f"--out={out}") == 0
    return {path.name: read_tensors(path) for path in sorted(out.iterdir())}


def translated(workdir, images, tmp_path, *arguments):
    """NCHW in and out."""
    np.savez(tmp_path / "in.npz", images=images.transpose(0, 2, 3, 1))
    files = [f"--input={tmp_path / 'in.npz'}", f"--out={tmp_path / 'out.npz'}"]
    assert call("--mode=translate", f"--workdir={workdir}", *files, *arguments) == 0
    with np.load(tmp_path / "out.npz") as arrays:
        return arrays["images"].transpose(0, 3, 1, 2)


def assert_equal(found, expected):
    """The same tensors, but for counters."""
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name].shape, found[name].dtype) == (tensor.shape, tensor.dtype), name
        if not name.endswith(torch_names.COUNTER):
            np.testing.assert_array_equal(found[name], tensor, err_msg=name)


@pytest.fixture(scope="module")
def cyclegan(tmp_path_factory):
    """A work directory of one generator, A to B."""
    workdir = tmp_path_factory.mktemp("imported") / "cyclegan"
    assert import_into(workdir, "cyclegan", RESNET) == 0
    return workdir


def test_cyclegan_translates_like_the_original(cyclegan, tmp_path):
    with np.load(RESNET.with_suffix(".npz")) as arrays:
        images, expected = arrays["in:sq"], arrays["out:y_sq"]
    np.testing.assert_allclose(translated(cyclegan, images, tmp_path), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("case", "image", "fields"),
    [
        ("resnet_6blocks_bn_eval", "sq", {"generator": "resnet", "num_blocks": 6, "width": 4}),
        ("unet_6_bn_pix2pix", "x", {"generator": "unet", "num_downs": 6, "width": 3}),
    ],
)
def test_batch_norm_uses_the_running_statistics(tmp_path, case, image, fields):
    weights = golden_weights(case)
    source, workdir = tmp_path / "source", tmp_path / "run"
    source.mkdir()
    write_state_dict(source / "latest_net_G.pth", weights)
    write_state_dict(source / "latest_net_D.pth", golden_weights("nlayer3_batch"))
    assert import_into(workdir, "pix2pix", source) == 0
    restored = restore(workdir)
    model = restored.model.config.model
    assert {key: model[key] for key in fields} == fields
    assert (model.norm, model.discriminator_layers, model.discriminator_width) == ("batch", 3, 6)
    assert restored.untrained == ()
    with np.load(GOLDEN / "cyclegan" / f"{case}.npz") as arrays:
        images, expected = arrays[f"in:{image}"], arrays[f"out:y_{image}"]
    np.testing.assert_allclose(translated(workdir, images, tmp_path), expected, atol=1e-4)
    exported = export_from(workdir, tmp_path / "exported")
    assert_equal(exported["latest_net_G.pth"], weights)
    assert_equal(exported["latest_net_D.pth"], golden_weights("nlayer3_batch"))


def test_a_cyclegan_with_batch_norm_is_one(tmp_path):
    weights = golden_weights("resnet_6blocks_bn_eval")
    write_state_dict(tmp_path / "latest_net_G_A.pth", weights)
    assert import_into(tmp_path / "run", "cyclegan", tmp_path / "latest_net_G_A.pth") == 0
    assert restore(tmp_path / "run").model.config.model.name == "cyclegan"
    with np.load(GOLDEN / "cyclegan" / "resnet_6blocks_bn_eval.npz") as arrays:
        images, expected = arrays["in:sq"], arrays["out:y_sq"]
    got = translated(tmp_path / "run", images, tmp_path)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_pix2pix_with_other_channels_on_its_two_sides(tmp_path):
    """Colours to grey, and back to a file that is equal."""
    weights = golden_weights("unet_8_bn_pix2pix")
    with np.load(GOLDEN / "cyclegan" / "unet_8_bn_pix2pix.npz") as arrays:
        images, expected = arrays["in:x"], arrays["out:y_x"]
    write_state_dict(tmp_path / "latest_net_G.pth", weights)
    assert import_into(tmp_path / "run", "pix2pix", tmp_path / "latest_net_G.pth") == 0
    assert restore(tmp_path / "run").model.config.model.output_channels == 1
    got = translated(tmp_path / "run", images, tmp_path)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    exported = export_from(tmp_path / "run", tmp_path / "exported")
    assert_equal(exported["latest_net_G.pth"], weights)


def test_only_what_was_imported_is_exported(cyclegan, tmp_path):
    exported = export_from(cyclegan, tmp_path / "exported")
    assert exported.keys() == {"latest_net_G_A.pth"}
    assert_equal(exported["latest_net_G_A.pth"], read_tensors(RESNET))


def test_direction_without_its_generator_is_refused(cyclegan, tmp_path, capsys):
    assert set(restore(cyclegan).untrained) == {"g_BtoA", "d_A", "d_B"}
    np.savez(tmp_path / "in.npz", images=np.zeros((1, 8, 8, 3), np.float32))
    files = [f"--input={tmp_path / 'in.npz'}", f"--out={tmp_path / 'out.npz'}"]
    for argument in ("--direction=BtoA", "--reconstruct"):
        assert call("--mode=translate", f"--workdir={cyclegan}", *files, argument) == 2
        error = capsys.readouterr().err
        assert "was imported without the generator g_BtoA: it cannot translate BtoA" in error
    assert not (tmp_path / "out.npz").exists()


def test_old_and_data_parallel_checkpoints_are_cleaned(cyclegan, tmp_path):
    """And a file called G_B is the generator BtoA."""
    weights = read_tensors(RESNET)
    old = {f"module.{name}": tensor for name, tensor in weights.items()}
    for layer in ("2", "10.conv_block.2"):
        for name in ("running_mean", "running_var"):
            old[f"module.model.{layer}.{name}"] = np.ones(3, np.float32)
        old[f"module.model.{layer}.num_batches_tracked"] = np.array(5)
    source, workdir = tmp_path / "latest_net_G_B.pth", tmp_path / "run"
    write_state_dict(source, old)
    assert import_into(workdir, "cyclegan", source) == 0
    found, expected = restore(workdir), restore(cyclegan)
    assert set(found.untrained) == {"g_AtoB", "d_A", "d_B"}
    jax.tree.map(
        np.testing.assert_array_equal, found.variables["g_BtoA"], expected.variables["g_AtoB"]
    )


def tiny_variables(name, **fields):
    """A tiny translator with drawn variables."""
    config = getattr(tiny_configs, name)()
    config.model.update(fields)
    config = config_schema.validate(config)
    side = config.data.resolution
    model = registry.load("model", name)(config, DataSpec(side, side, 3, (), num_examples=1))
    shapes = jax.eval_shape(lambda: init_state(model).variables)
    rng = np.random.default_rng(0)
    return model, jax.tree.map(lambda leaf: rng.normal(0, 0.2, leaf.shape).astype("f4"), shapes)


def save(folder, model, variables):
    """As the original would, by file name."""
    folder.mkdir()
    files = {}
    for original, net in original_nets.NETS[model.config.model.name].items():
        files[f"latest_net_{original}.pth"] = original_nets.state_dict(model, net, variables[net])
        write_state_dict(folder / f"latest_net_{original}.pth", files[f"latest_net_{original}.pth"])
    return files


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("cyclegan", {"discriminator": "pixel", "dropout": True}),
        ("pix2pix", {"norm": "instance"}),
        ("cut", {}),
    ],
)
def test_all_nets_come_back(tmp_path, name, fields):
    model, variables = tiny_variables(name, **fields)
    files = save(tmp_path / "source", model, variables)
    assert import_into(tmp_path / "run", name, tmp_path / "source") == 0
    restored = restore(tmp_path / "run")
    assert restored.untrained == ()
    jax.tree.map(np.testing.assert_array_equal, restored.variables, variables)
    assert_equal_files(export_from(tmp_path / "run", tmp_path / "exported"), files)


def assert_equal_files(found, expected):
    assert found.keys() == expected.keys()
    for name, tensors in expected.items():
        assert_equal(found[name], tensors)


def test_discriminators_are_named_after_the_generator_they_judge(tmp_path):
    model, variables = tiny_variables("cyclegan")
    files = save(tmp_path / "source", model, variables)
    np.testing.assert_array_equal(
        files["latest_net_D_A.pth"]["model.0.bias"], variables["d_B"]["params"]["conv0"]["bias"]
    )
    np.testing.assert_array_equal(
        files["latest_net_G_A.pth"]["model.1.bias"],
        variables["g_AtoB"]["params"]["conv_in"]["bias"],
    )


def test_blurs_of_cut_are_where_the_original_has_them():
    """Names and shapes of CUT's own state dict; the values drawn there are no blur."""
    case = "cut_resnet_6blocks_antialias_features"
    model, variables = tiny_variables("cut", num_blocks=6)
    found = original_nets.state_dict(model, "g", variables["g"])
    expected = golden_weights(case)
    assert {k: v.shape for k, v in found.items()} == {k: v.shape for k, v in expected.items()}
    np.testing.assert_allclose(found["model.7.filt"][3, 0] * 16, np.outer((1, 2, 1), (1, 2, 1)))
    np.testing.assert_allclose(found["model.18.filt"].sum((1, 2, 3)), 4)
    discriminator = original_nets.state_dict(model, "d", variables["d"])
    assert [key for key in discriminator if key.endswith("filt")] == ["model.2.filt"]


def refused(tmp_path, capsys, family, tensors):
    """The message about a source of one file with these tensors."""
    write_state_dict(tmp_path / "net.pth", tensors)
    assert import_into(tmp_path / "run", family, tmp_path / "net.pth") == 2
    assert not (tmp_path / "run").exists()
    return capsys.readouterr().err


def test_other_blur_is_refused(tmp_path, capsys):
    weights = golden_weights("cut_resnet_6blocks_antialias_features")
    assert "model.7.filt" in refused(tmp_path, capsys, "cut", weights)


def test_other_architecture_is_refused_with_its_tensors(tmp_path, capsys):
    weights = read_tensors(RESNET)
    weights["model.26.extra"] = weights.pop("model.22.bias")
    weights["model.4.weight"] = weights["model.4.weight"][:, :, :1]
    message = refused(tmp_path, capsys, "cyclegan", weights)
    assert "of 48 tensors 1 are missing and 1 have another shape, 1 others are unexp" in message
    assert "model.22.bias: expected (3,), found none" in message
    assert "model.26.extra: expected none, found (3,)" in message
    assert "model.4.weight: expected (6, 3, 3, 3), found (6, 3, 1, 3)" in message


def test_network_of_another_kind_is_refused(tmp_path, capsys):
    other = {"conv1.weight": np.zeros((8, 3, 7, 7), np.float32)}
    message = refused(tmp_path, capsys, "cyclegan", other)
    assert "conv1.weight: expected none, found (8, 3, 7, 7)" in message
    assert "model.1.weight: expected (64, 3, 7, 7), found none" in message


@pytest.mark.parametrize(
    ("tensors", "family", "named"),
    [
        (lambda: golden_weights("nlayer3_batch"), "pix2pix", "holds a discriminator"),
        (lambda: golden_weights("unet_6_bn_pix2pix"), "cut", "has to be 'resnet'"),
        (
            lambda: {k: v for k, v in read_tensors(RESNET).items() if "model.26" in k or "w" in k},
            "cyclegan",
            "--norm none",
        ),
        (
            lambda: read_tensors(RESNET) | {"model.26.bias": np.zeros(1, np.float32)},
            "cyclegan",
            "1 channels from images of 3",
        ),
    ],
    ids=["discriminator", "unet in CUT", "no norm", "channels"],
)
def test_reason_is_named(tmp_path, capsys, tensors, family, named):
    assert named in refused(tmp_path, capsys, family, tensors())


def test_folder_without_generators_says_what_it_has(tmp_path, capsys):
    write_state_dict(tmp_path / "latest_net_G.pth", read_tensors(RESNET))
    (tmp_path / "latest_net_G.pth").rename(tmp_path / "200_net_G.pth")
    assert import_into(tmp_path / "run", "cyclegan", tmp_path) == 2
    error = capsys.readouterr().err
    assert "latest_net_G_A.pth" in error
    assert "200_net_G.pth" in error


def test_work_directory_in_use_is_left_alone(cyclegan, capsys):
    before = restore(cyclegan).variables["g_AtoB"]
    assert import_into(cyclegan, "cyclegan", RESNET) == 2
    assert "not an empty folder" in capsys.readouterr().err
    jax.tree.map(np.testing.assert_array_equal, restore(cyclegan).variables["g_AtoB"], before)


def test_missing_flag_is_named(tmp_path, capsys):
    assert call("--mode=import", f"--workdir={tmp_path / 'run'}") == 2
    assert "--arch" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "fields", "named"),
    [("cyclegan", {"norm": "none"}, "model.norm='none'"), ("pgan", {}, "holds a pgan")],
)
def test_what_the_originals_do_not_have_is_not_exported(
    tmp_path, monkeypatch, capsys, name, fields, named
):
    config = getattr(tiny_configs, name)()
    config.model.update(fields)
    config = config_schema.validate(config)
    model = registry.load("model", name)(config, DataSpec(16, 16, 3, (), num_examples=1))
    restored = Restored(model, {}, None, step=1, run="", classes=())
    monkeypatch.setattr(export_translator, "restore", lambda *_: restored)
    WorkDir(tmp_path / "run").adopt(config)
    assert call("--mode=export", f"--workdir={tmp_path / 'run'}", f"--out={tmp_path / 'out'}") == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

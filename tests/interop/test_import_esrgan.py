"""Published super-resolution generators enlarge here what they enlarge there."""

import numpy as np
import pytest
from command_line import call
from superres_vectors import Case, found

from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop.export_esrgan import export_esrgan
from dermgan_jax.interop.import_esrgan import import_esrgan
from dermgan_jax.metrics import luma
from dermgan_jax.models import upscaling
from dermgan_jax.runs.restore import restore

REAL = {
    "realesrgan-x4plus": "realesrgan_x4plus",
    "realesrgan-x4plus-anime": "realesrgan_x4plus_anime",
}


def imported(folder, tensors):
    """The model of an import."""
    write_state_dict(folder / "net.pth", tensors)
    import_esrgan(folder / "net.pth", folder / "run")
    return restore(folder / "run")


def enlarged(restored, images):
    """Images in [0, 1] of images in [0, 1]."""
    return (upscaling.upscale(restored.model, restored.variables, 2 * images - 1) + 1) / 2


NETWORKS = found("rrdbnet_x2", "msrresnet_x3", "srresnet_srgan_x4")


@pytest.mark.parametrize("name", NETWORKS)
def test_enlarges_as_the_original_and_is_exported_as_it_was(tmp_path, name):
    case = Case(name)
    tensors = case.tensors()
    restored = imported(tmp_path, tensors)
    assert restored.untrained == ("d",)
    assert restored.model.scale == case.options["scale"]
    expected = case["out:eval" if "out:eval" in case.arrays else "out:y"].clip(0, 1)
    assert ((expected > 0) & (expected < 1)).mean() > 0.2
    np.testing.assert_allclose(enlarged(restored, case["in:x"]), expected, 1e-4, 2e-5)
    (file,) = export_esrgan(tmp_path / "run", tmp_path)
    back = read_tensors(file)
    assert [key for key in back if not key.endswith("num_batches_tracked")] == list(tensors)
    for key, value in tensors.items():
        np.testing.assert_array_equal(back[key], value)


@pytest.mark.parametrize("name", NETWORKS[:1])
def test_averaged_weights_of_a_training_file_are_preferred(tmp_path, name):
    tensors = Case(name).tensors()
    wrapped = {f"params.{key}": np.zeros_like(value) for key, value in tensors.items()}
    wrapped |= {f"params_ema.module.{key}": value for key, value in tensors.items()}
    restored = imported(tmp_path, wrapped)
    kernel = restored.variables["g"]["params"]["conv_first"]["kernel"]
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), tensors["conv_first.weight"])


@pytest.mark.parametrize("name", NETWORKS[:1])
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda t: t.pop("body.1.rdb2.conv3.bias"), "body.1.rdb2.conv3.bias"),
        (lambda t: t.update({"conv_hr.weight": t["conv_hr.weight"][:8]}), r"found \(8, 16, 3, 3\)"),
        (lambda t: t.update({"extra.weight": t["conv_hr.weight"]}), "extra.weight"),
        (lambda t: t.pop("conv_first.weight"), "holds no RRDBNet"),
    ],
)
def test_another_network_is_refused(tmp_path, name, spoil, named):
    tensors = Case(name).tensors()
    spoil(tensors)
    with pytest.raises(UserError, match=named):
        imported(tmp_path, tensors)
    assert not (tmp_path / "run").exists()


@pytest.fixture(params=[*REAL])
def real(request):
    """(key of the vectors, file) of published weights."""
    entry = REAL[request.param]
    if not found("realesrgan_real_weights"):
        pytest.skip("vectors are not here")
    if not (weights.available(entry) and weights.available(f"{entry}_param")):
        pytest.skip("published weights are not here")
    weights.find(f"{entry}_param")
    return request.param, weights.find(entry)


def test_published_weights_enlarge_a_photograph(real, tmp_path):
    """From the command line, against Real-ESRGAN in PyTorch."""
    key, file = real
    case = Case("realesrgan_real_weights")
    np.savez(tmp_path / "lr.npz", images=2 * case["in:lr"] - 1)
    run, out = tmp_path / "run", tmp_path / "out.npz"
    assert call("import", "--arch=esrgan", f"--source={file}", f"--workdir={run}") == 0
    flags = (f"--workdir={run}", f"--input={tmp_path / 'lr.npz'}", f"--out={out}")
    assert call("--mode=upscale", *flags) == 0
    with np.load(out) as arrays:
        large = arrays["images"]
    np.testing.assert_allclose((large + 1) / 2, case[f"out:{key}"].clip(0, 1), atol=2e-4)
    true = case.arrays["in:hr_u8_hwc"][None]
    stored = np.rint((large + 1) * 127.5).astype(np.uint8)
    case.facts.update(rtol=0, atol=0.005)
    case.check(f"out:{key}:psnr_y_crop4", luma.paired_psnr(true, stored, 4).mean)
    case.check(f"out:{key}:ssim_y_crop4", luma.paired_ssim(true, stored, 4).mean)


def test_command_line_names_a_missing_partner(tmp_path, capsys):
    (tmp_path / "net.bin").write_bytes(b"")
    source = f"--source={tmp_path / 'net.bin'}"
    assert call("import", "--arch=esrgan", source, f"--workdir={tmp_path / 'run'}") == 2
    assert "net.param is missing" in capsys.readouterr().err

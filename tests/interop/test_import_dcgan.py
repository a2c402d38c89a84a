"""Generators of the PyTorch DCGAN tutorial draw here what they draw there."""

import itertools

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop.import_dcgan import import_dcgan
from dermgan_jax.runs.restore import restore
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate

WIDTHS = (12, 6, 3)  # at 4x4, 8x8 and 16x16, of images of 32x32


def drawn(latent_size=5, widths=WIDTHS, channels=3):
    """A state dict as PyTorch would save it."""
    rng = np.random.default_rng(0)
    tensors = {}
    sizes = (latent_size, *widths, channels)
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        tensors[f"main.{3 * i}.weight"] = 0.3 * rng.normal(size=(inputs, outputs, 4, 4))
        if i < len(widths):
            for name, low in (("weight", 0.5), ("bias", -1), ("running_mean", -1)):
                tensors[f"main.{3 * i + 1}.{name}"] = rng.uniform(low, 1, outputs)
            tensors[f"main.{3 * i + 1}.running_var"] = rng.uniform(0.5, 2, outputs)
    tensors = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    counters = {f"main.{3 * i + 1}.num_batches_tracked": np.array(7) for i in range(len(widths))}
    return tensors | counters


def forward(tensors, latents):
    """`netG.eval()(latents)` by the definition of ConvTranspose2d; NCHW."""
    x, layer = latents[:, :, None, None].astype(np.float64), 0
    while f"main.{layer}.weight" in tensors:
        kernel = tensors[f"main.{layer}.weight"]
        stride, padding = (1, 0) if layer == 0 else (2, 1)
        side = x.shape[2]
        y = np.zeros((len(x), kernel.shape[1], *[stride * (side - 1) + 4] * 2))
        for i in range(side):
            for j in range(side):
                rows, columns = (slice(stride * k, stride * k + 4) for k in (i, j))
                y[:, :, rows, columns] += np.einsum("nc,cdab->ndab", x[:, :, i, j], kernel)
        x = y[:, :, padding : y.shape[2] - padding, padding : y.shape[3] - padding]
        if f"main.{layer + 1}.weight" in tensors:
            scale, bias, mean, var = (
                tensors[f"main.{layer + 1}.{name}"][:, None, None]
                for name in ("weight", "bias", "running_mean", "running_var")
            )
            x = np.maximum((x - mean) / np.sqrt(var + 1e-5) * scale + bias, 0)
        layer += 3
    return np.tanh(x)


def import_from(folder, tensors):
    """The work directory of an import."""
    write_state_dict(folder / "netG.pth", tensors)
    import_dcgan(folder / "netG.pth", folder / "run")
    return folder / "run"


@pytest.mark.parametrize("channels", [3, 1])
def test_draws_what_the_original_draws(tmp_path, channels):
    tensors = drawn(channels=channels)
    workdir = import_from(tmp_path, tensors)
    latents = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    np.savez(tmp_path / "z.npz", z=latents)
    generate(workdir, tmp_path / "out.npz", None, Drawing(), latents=tmp_path / "z.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        images = arrays["images"].transpose(0, 3, 1, 2)
    expected = forward(tensors, latents)
    assert expected.std() > 0.1
    np.testing.assert_allclose(images, expected, atol=2e-5)


def test_configuration_is_that_of_the_tensors(tmp_path):
    """Data-parallel, in a checkpoint beside the discriminator and an optimiser."""
    checkpoint = {f"netG_state_dict.module.{name}": array for name, array in drawn().items()}
    checkpoint["netD_state_dict.module.main.0.weight"] = np.zeros((3, 3, 4, 4), np.float32)
    checkpoint["netD_state_dict.module.main.2.weight"] = np.zeros((6, 3, 4, 4), np.float32)
    checkpoint["optimizerG_state_dict.state.0.exp_avg"] = np.zeros(3, np.float32)
    restored = restore(import_from(tmp_path, checkpoint))
    model = restored.model.config.model
    assert (model.latent_size, model.width, restored.model.data.height) == (5, 3, 32)
    assert restored.model.faults() == []
    assert restored.untrained == ("d",)


def test_wide_networks_may_be_capped(tmp_path):
    restored = restore(import_from(tmp_path, drawn(widths=(6, 6, 3))))
    assert restored.model.generator.widths == (6, 6, 3)


def without(tensors, *names):
    return {name: array for name, array in tensors.items() if name not in names}


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        (without(drawn(), "main.4.bias"), "1 are missing"),
        (drawn() | {"main.3.bias": np.zeros(6, np.float32)}, "1 others are unexpected"),
        (drawn(widths=(12, 7, 3)), "main.3.weight: expected (12, 6, 4, 4), found (12, 7, 4, 4)"),
        (drawn(channels=2), "onto 1 or 3 channels"),
        (without(drawn(), "main.1.weight"), "holds no DCGAN generators"),
        (
            {f"{net}.{name}": array for net in "ab" for name, array in drawn().items()},
            "holds 2 DCGAN generators",
        ),
    ],
    ids=["missing", "bias", "widths", "channels", "no norm", "two"],
)
def test_another_network_is_refused(tmp_path, tensors, named):
    with pytest.raises(UserError) as error:
        import_from(tmp_path, tensors)
    assert named in str(error.value)
    assert not (tmp_path / "run").exists()


def test_counters_may_be_missing(tmp_path):
    """PyTorch before 0.4.1 had none."""
    import_from(tmp_path, {k: v for k, v in drawn().items() if not k.endswith("tracked")})


def test_work_directory_in_use_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        import_from(tmp_path, drawn())
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["notes.txt"]

"""Generators of FastGAN and Projected GAN make the originals' images here."""

import sys
from unittest import mock

import numpy as np
import pytest
from projected_vectors import Case, found

from dermgan_jax.errors import UserError
from dermgan_jax.interop.import_fastgan import import_fastgan
from dermgan_jax.interop.import_projected import import_projected
from dermgan_jax.models import sampling
from dermgan_jax.runs.restore import restore
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from tests import nvidia_pickles
from tests.formats import torch_pickles


def images_of(workdir, tmp_path, case, label=None):
    np.savez(tmp_path / "z.npz", z=case.arrays["in:z"])
    generate(workdir, tmp_path / "x.npz", None, Drawing(label=label), latents=tmp_path / "z.npz")
    with np.load(tmp_path / "x.npz") as arrays:
        return arrays["images"]


@pytest.mark.parametrize(
    ("name", "output"),
    [
        (name, output)
        for name, output in (
            ("pg_gen_lite_64_ext", "eval_img"),
            ("pg_gen_lite_128", "eval_img"),
            ("pg_gen_big_128", "eval_zeronoise_img"),
            ("fastgan_gen_256", "eval_zeronoise_big"),
        )
        if found(name)
    ],
)
def test_a_state_dict_makes_the_images_of_the_vectors(name, output, tmp_path, capsys):
    case = Case(name)
    np.savez(tmp_path / "g.npz", **case.tensors)
    importer = import_fastgan if name.startswith("fastgan") else import_projected
    importer(tmp_path / "g.npz", tmp_path / "run")
    assert "untrained: D" in capsys.readouterr().out
    case.check(output, images_of(tmp_path / "run", tmp_path, case))


def test_a_conditional_generator(tmp_path):
    case = Case("pg_gen_cond_lite_128")
    np.savez(tmp_path / "g.npz", **{f"G_ema.{name}": x for name, x in case.tensors.items()})
    import_projected(tmp_path / "g.npz", tmp_path / "run")
    restored = restore(tmp_path / "run")
    assert restored.classes == ("0", "1", "2", "3")
    labels = case.arrays["in:c"].argmax(1).astype(np.int32)
    images = sampling.sample(
        restored.model, restored.variables, restored.stage, case.arrays["in:z"], labels
    )
    case.check("eval_img", images)


def test_averaged_parameters_of_fastgan(tmp_path):
    """all_N.pth lists them in the order of the generator's own."""
    case = Case("fastgan_gen_256")
    buffers = ("_u", "_v", "running_mean", "running_var")
    parameters = [name for name in case.tensors if not name.endswith(buffers)]
    content = {f"g.module.{name}": tensor for name, tensor in case.tensors.items()}
    content |= {f"g.module.{name}": case.tensors[name] + 1 for name in parameters}
    content |= {f"g_ema.{i}": case.tensors[name] for i, name in enumerate(parameters)}
    np.savez(tmp_path / "all_50000.npz", **content)
    import_fastgan(tmp_path / "all_50000.npz", tmp_path / "run")
    case.check("eval_zeronoise_big", images_of(tmp_path / "run", tmp_path, case))


class Generator:
    """Pickled by its name only, and by its attributes."""

    def __init__(self, tensors):
        buffers = ("_u", "_v", "running_mean", "running_var")
        self.training = False
        self._parameters, self._buffers, parts = {}, {}, {}
        for path, array in tensors.items():
            head, _, rest = path.partition(".")
            if rest:
                parts.setdefault(head, {})[rest] = array
            else:
                own = self._buffers if path.endswith(buffers) else self._parameters
                own[path] = nvidia_pickles.embedded(array)
        self._modules = {head: Generator(part) for head, part in parts.items()}


Generator.__module__ = "pg_modules.networks_fastgan"


def test_a_pickle_is_read_without_its_classes(tmp_path):
    case = Case("pg_gen_lite_64_ext")
    source = tmp_path / "network-snapshot.pkl"
    fakes = {
        "pg_modules": torch_pickles.fake_module("pg_modules"),
        Generator.__module__: torch_pickles.fake_module(Generator.__module__, Generator=Generator),
    }
    with mock.patch.dict(sys.modules, fakes):
        nvidia_pickles.save(source, {"G_ema": Generator(case.tensors), "augment_pipe": None})
    import_projected(source, tmp_path / "run")
    case.check("eval_img", images_of(tmp_path / "run", tmp_path, case))


@pytest.mark.parametrize(
    ("importer", "change", "message"),
    [
        (
            import_projected,
            {"synthesis.feat_8.1.weight_orig": None},
            r"feat_8\.1\.weight_orig: expected",
        ),
        (import_projected, {"synthesis.to_big.weight_orig": None}, "has no synthesis.init"),
        (import_projected, {"synthesis.init.init.0.weight_orig": None}, "holds no generator"),
        (import_fastgan, {}, "holds no generator of a fastgan"),
    ],
)
def test_other_networks_are_refused(importer, change, message, tmp_path):
    tensors = {**Case("pg_gen_lite_64_ext").tensors, **change}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    np.savez(tmp_path / "g.npz", **kept)
    with pytest.raises(UserError, match=message):
        importer(tmp_path / "g.npz", tmp_path / "run")
    assert not (tmp_path / "run").exists()

"""Plans of small models: what is in them, what they rest on, what bad input gets."""

import dataclasses
import importlib.util
import json

import jax
import pytest
from command_line import call
from engine_probe import tiny

from dermgan_jax import registry
from dermgan_jax.commands import configuration
from dermgan_jax.config import validate, with_values
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.pipeline import open_feed
from dermgan_jax.errors import UserError
from dermgan_jax.planning import abstract_step, expected_data, plan, plan_table
from dermgan_jax.planning.accelerators import CHIPS, Accelerator, parse
from dermgan_jax.planning.compiled_cost import Compiled
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import schedule, sharding
from dermgan_jax.train.start import build_model

needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="the TPU compiler is not installed"
)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture(scope="module")
def of_dcgan(cache_dir):
    return plan.make_plan(tiny("dcgan", cache_dir), parse("a100:2"))


def test_rows_are_of_every_precision_and_batch(of_dcgan):
    keys = [(row.precision, row.batch_size) for row in of_dcgan.rows]
    assert keys == [(p, b) for p in ("float32", "bfloat16") for b in (4, 8, 16)]
    (configured,) = of_dcgan.configured
    assert (configured.precision, configured.batch_size) == ("float32", 8)
    assert configured.source == plan.TRACED
    assert (
        of_dcgan.hours
        == configured.hours
        == pytest.approx(96 / configured.images_per_second / 3600)
    )


def test_memory_is_state_images_and_step(of_dcgan, cache_dir):
    config = tiny("dcgan", cache_dir)
    model = build_model(config, catalogue(config.data))
    state = sum(leaf.nbytes for leaf in jax.tree.leaves(init_state(model)))
    feed = open_feed(config, catalogue(config.data), sharding.data_mesh(jax.devices()[:1]))
    resident = sum(array.nbytes for array in feed.resident((16, 16)).values())
    for row in of_dcgan.rows:
        assert (row.memory.state, row.memory.resident) == (state, resident)
        assert row.fits
        assert row.largest_batch % 2 == 0
    small, large = of_dcgan.rows[0], of_dcgan.rows[2]
    assert small.memory.activations < large.memory.activations
    assert small.images_per_second < large.images_per_second


def test_lazy_phases_count_as_often_as_they_run(cache_dir):
    config = tiny("stylegan2", cache_dir)
    model = build_model(config, catalogue(config.data))
    stage, accelerator = model.stage(0), parse("a100")

    def flops(*phases):
        return plan.step_work(model, stage, accelerator, "float32", phases).flops

    usual = flops("g", "d")
    expected = usual + sum((flops("g", "d", lazy) - usual) / 4 for lazy in ("g_path", "d_r1"))
    (row,) = plan.make_plan(config, accelerator).configured
    assert row.flops_per_image == pytest.approx(expected / stage.batch_size)


@pytest.mark.parametrize("name", registry.names("model"))
def test_shapes_of_a_step_are_those_of_a_run(name, cache_dir):
    """Of every family: what is traced is what would be fed."""
    config = tiny(name, cache_dir)
    listed = catalogue(config.data)
    model = build_model(config, listed)
    mesh = sharding.data_mesh(jax.devices()[:1])
    for stage in schedule.all_stages(model):
        found = abstract_step.arguments(model, stage, mesh)
        feed = model.open_feed(listed, mesh, {})
        repeats = model.iteration_images(stage) // stage.batch_size
        shape = (1, repeats, stage.batch_size)
        real = (feed.take(0, shape, stage.image_size), feed.resident(stage.image_size))
        assert jax.tree.map(lambda x: (x.shape, x.dtype), real) == jax.tree.map(
            lambda x: (x.shape, x.dtype), (dict(found.batches), dict(found.resident))
        )


def test_batches_that_devices_cannot_share_are_refused(cache_dir):
    with pytest.raises(UserError, match=r"3 devices of a100:3 cannot share batches of 8 at 16x16"):
        plan.make_plan(tiny("dcgan", cache_dir), parse("a100:3"))


def test_what_never_fits_says_what_to_change(cache_dir):
    small = dataclasses.replace(CHIPS["l4"], memory=1000.0)
    with pytest.raises(UserError, match=r"does not fit into l4 even with one image per device"):
        plan.make_plan(tiny("dcgan", cache_dir), Accelerator(small, (1,)))


def test_other_rows_are_scaled_from_what_the_compiler_said(cache_dir, monkeypatch):
    """Twice the bytes, half the flops, and so is every row."""
    config, accelerator = tiny("dcgan", cache_dir), parse("v5e")
    traced = plan.make_plan(config, accelerator, compiles=False)
    model = build_model(config, catalogue(config.data))
    base = plan.step_work(model, model.stage(0), accelerator, "float32")
    kept = traced.configured[0].memory.state + traced.configured[0].memory.resident
    said = Compiled(base.flops / 2, 2 * base.traffic, kept + 3 * base.activations, 10, 1.0)
    monkeypatch.setattr(plan, "mesh_devices", lambda _: jax.devices()[:1])
    monkeypatch.setattr(plan, "compiled_cost", lambda *_: said)
    compiled = plan.make_plan(config, accelerator)
    assert [row.source for row in compiled.rows].count(plan.COMPILED) == 1
    for one, other in zip(traced.rows, compiled.rows, strict=True):
        assert other.flops_per_image == pytest.approx(one.flops_per_image / 2)
        assert other.bound.memory == pytest.approx(2 * one.bound.memory)
        assert other.memory.activations == pytest.approx(3 * one.memory.activations)


@pytest.mark.parametrize(
    ("name", "counts", "domains"),
    [
        ("cyclegan_derm7pt", None, (413, 413)),
        ("cyclegan_pneumonia", None, (1349, 3883)),
        ("anomaly_xray", (1349, 0, 0), ()),
        ("stylegan2_melanoma", (779,), ()),
        ("projected:conditional", (229, 360, 769, 80, 779, 4694, 99), ()),
    ],
)
def test_data_that_are_not_here_have_their_published_numbers(name, counts, domains):
    config = validate(configuration.parse([f"--config={name}"]))
    spec, told = expected_data.data_spec(config)
    assert "published" in told
    assert spec.domain_counts == domains
    if counts:
        assert spec.class_counts == counts
        assert spec.num_examples == sum(counts)


def test_data_that_nobody_has_published_are_asked_for(cache_dir):
    config = with_values(tiny("dcgan", cache_dir), {"data.dataset": "image_folder"})
    with pytest.raises(UserError, match=r"how many images image_folder has .* set data\.dir"):
        expected_data.data_spec(config)


def test_command_prints_a_table_and_writes_json(tmp_path, capsys):
    words = ("plan", "--config=dcgan:phantom", "--accelerator=h100:2", "--price=2.5")
    assert call(*words, f"--out={tmp_path}/plan.json") == 0
    said = capsys.readouterr()
    assert "plan for h100:2: 2 devices on 1 hosts" in said.out
    assert "at 2.5 per device and hour" in said.out
    assert "not what a compiler made of it" in said.out
    written = json.loads((tmp_path / "plan.json").read_text())
    assert written["cost"] == pytest.approx(2.5 * 2 * written["hours"])
    (configured,) = [row for row in written["rows"] if row["configured"]]
    assert configured["memory"]["total"] == sum(
        configured["memory"][part] for part in ("state", "resident", "activations")
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--config=dcgan:phantom", "--accelerator=v5"), "unknown accelerator 'v5'"),
        (("--config=dcgan:phantom", "--accelerator=h100", "--price=-1"), "--price=-1 is no price"),
        (("--config=dcgan:phantom", "--accelerator=h100", "--traced"), "--traced is for TPUs"),
        (("--config=augmentation_study:phantom", "--accelerator=h100"), "is for single models"),
        (("--accelerator=h100",), "give --config=NAME"),
        (("--config=dcgan:phantom", "--accelerator=h100", "--workdir=x"), "would be ignored"),
    ],
)
def test_bad_input_is_one_sentence(words, message, capsys):
    assert call("plan", *words) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_missing_compiler_names_what_to_install(monkeypatch, capsys):
    def missing(**_):
        raise RuntimeError("JAX TPU support not installed; cannot generate TPU topology.")

    monkeypatch.setattr("jax.experimental.topologies.get_topology_desc", missing)
    assert call("plan", "--config=dcgan:phantom", "--accelerator=v5e:2x2") == 2
    assert "pip install 'dermgan-jax[tpu]'" in capsys.readouterr().err


@needs_compiler
def test_a_program_is_compiled_once_for_a_slice(cache_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))
    config, said = tiny("dcgan", cache_dir), []
    found = [plan.make_plan(config, parse("v5e:2x2"), tell=said.append) for _ in range(2)]
    assert [line.startswith("compiling") for line in said] == [True, False, False]
    assert found[0] == found[1]
    (row,) = found[0].configured
    assert row.source == plan.COMPILED
    assert 0 < row.bound.peak_share < 1
    assert "compiled program's flops" in plan_table.text(found[0])

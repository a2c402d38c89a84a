"""Every configuration compiles for TPUs that are not here, and fits into their memory.

The TPU compiler does it: of the tiny experiments in seconds, of the real ones in minutes to an hour
each, `-m slow tests/planning -k NAME`. What it found is kept, see `planning.compiled_cost`.
"""

import importlib.util

import jax
import pytest
import tiny_configs

from dermgan_jax import registry
from dermgan_jax.commands import configuration
from dermgan_jax.config import validate
from dermgan_jax.planning import abstract_step, traced_cost
from dermgan_jax.planning.accelerators import TPU, parse
from dermgan_jax.planning.compiled_cost import compiled_cost
from dermgan_jax.planning.devices import mesh_devices
from dermgan_jax.planning.expected_data import data_spec
from dermgan_jax.train import schedule

REAL = (
    *("anomaly_ham10000", "anomaly_xray", "classifier", "cut", "cyclegan_derm7pt"),
    *("cyclegan_pneumonia", "dcgan", "fastgan", "lapgan", "pgan", "pix2pix", "projected"),
    *("segmenter", "spade", "stylegan2_melanoma", "superres_ham10000"),
)
SECONDS = ("pgan", "dcgan", "lapgan", "classifier", "fanogan", "superres", "segmenter")  # below 11
SLICES = ("v5e:2x4", "v5e:2x2", "v5e:1x1")  # on two hosts, on one, a chip alone

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="the TPU compiler is not installed"
)


@pytest.fixture(autouse=True)
def _least_effort():
    """Programs that are compiled in haste need more memory rather than less."""
    options = ("jax_exec_time_optimization_effort", "jax_memory_fitting_effort")
    before = {name: getattr(jax.config, name) for name in options}
    for name in options:
        jax.config.update(name, -1.0)
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def compiled(config, accelerator):
    """The dearest stage of an experiment with every lazy phase on, and the devices' share."""
    model = registry.load("model", config.model.name)(config, data_spec(config)[0])
    wanted = parse(accelerator)
    devices = mesh_devices(wanted)
    stage = max(
        schedule.all_stages(model),
        key=lambda stage: (
            traced_cost.cost(abstract_step.trace(model, stage, devices).jaxpr, TPU).peak
        ),
    )
    if stage.batch_size % wanted.num_devices:
        pytest.skip(f"batches of {stage.batch_size} are for fewer devices")
    found = compiled_cost(abstract_step.trace(model, stage, devices), TPU, accelerator, print)
    return found, wanted.chip.memory


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(name, marks=() if name in SECONDS else pytest.mark.slow)
        for name in tiny_configs.TINY
    ],
)
def test_every_family_compiles_for_two_hosts(family, tmp_path, monkeypatch):
    monkeypatch.setenv("DERMGAN_CACHE", str(tmp_path))  # what was kept would prove nothing new
    found, memory = compiled(validate(tiny_configs.get_config(family)), "v5e:2x4")
    assert found.operations > 500
    assert 0 < found.memory <= memory


@pytest.mark.slow
@pytest.mark.parametrize("accelerator", SLICES)
@pytest.mark.parametrize("name", REAL)
def test_the_dearest_stage_compiles_and_fits(name, accelerator):
    config = validate(configuration.parse([f"--config={name}"]))
    found, memory = compiled(config, accelerator)
    print(name, accelerator, f"{found.memory / 2**30:.2f} GiB, {found.operations} operations")
    assert 0 < found.memory <= memory

"""Every real configuration compiles for TPUs that are not here, and fits into their memory.

The TPU's own compiler does it, for minutes to an hour each: `-m slow tests/planning -k NAME`. What
it found is kept, see `planning.compiled_cost`.
"""

import importlib.util

import jax
import pytest

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
SLICES = ("v5e:2x4", "v5e:2x2", "v5e:1x1")  # on two hosts, on one, a chip alone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("libtpu") is None, reason="the TPU compiler is not installed"
    ),
]


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


@pytest.mark.parametrize("accelerator", SLICES)
@pytest.mark.parametrize("name", REAL)
def test_the_dearest_stage_compiles_and_fits(name, accelerator):
    """With every lazy phase on."""
    config = validate(configuration.parse([f"--config={name}"]))
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
    print(name, accelerator, f"{found.memory / 2**30:.2f} GiB, {found.operations} operations")
    assert 0 < found.memory <= wanted.chip.memory

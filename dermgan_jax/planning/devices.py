"""Devices that programs are compiled or lowered for, which need not be here."""

import os

import jax
from jax.experimental import topologies

from dermgan_jax.errors import UserError
from dermgan_jax.planning.accelerators import TPU, Accelerator

MISSING = "the TPU compiler is not installed: pip install 'dermgan-jax[tpu]'"
# The compiler asks the machine which TPU it has; none is here, and these are the answers.
ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "true",  # nothing is run, so that several may compile
}


def mesh_devices(accelerator: Accelerator) -> list[jax.Device]:
    """The devices of a TPU slice; of anything else this machine's first, as there is no compiler.

    Raises:
      UserError: if the TPU compiler is missing, or refuses the slice.
    """
    if accelerator.chip.platform != TPU:
        return jax.local_devices(backend="cpu")[:1]
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    layout = accelerator.chip.layout
    bounds = (1, 1, 1) if accelerator.num_hosts == 1 and accelerator.shape[0] == 1 else layout
    try:
        found = topologies.get_topology_desc(
            platform=TPU, topology_name=str(accelerator), chips_per_host_bounds=bounds
        )
    except RuntimeError as error:
        if "not installed" in str(error):
            raise UserError(MISSING) from error
        told = str(error).split("\n")[0]
        raise UserError(f"--accelerator={accelerator}: the compiler refuses it: {told}") from error
    return list(found.devices)

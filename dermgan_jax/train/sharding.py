"""One mesh axis, "data": batches are split over it, everything else is on every device.

Losses are means over the global batch because a jitted step sees global arrays; XLA inserts the
collectives. Several hosts are joined before the first device is touched, from the environment that
Slurm, Cloud TPU, Open MPI or Kubernetes set.
"""

import os
from collections.abc import Sequence

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from dermgan_jax.errors import UserError

GROUP_VARIABLES = ("DERMGAN_COORDINATOR", "DERMGAN_NUM_PROCESSES", "DERMGAN_PROCESS_ID")


def join_hosts() -> None:
    """Calls `jax.distributed.initialize` if this process is one of several.

    Any launcher can name the group in DERMGAN_COORDINATOR (host:port), DERMGAN_NUM_PROCESSES and
    DERMGAN_PROCESS_ID. Under srun, mpirun and on TPU slices JAX finds these itself;
    DERMGAN_DISTRIBUTED=1 asks for that where the environment does not show it.

    Raises:
      UserError: if only some of the three variables are set.
    """
    given = {name: os.environ[name] for name in GROUP_VARIABLES if os.environ.get(name)}
    if given:
        missing = [name for name in GROUP_VARIABLES if name not in given]
        if missing:
            raise UserError(f"{', '.join(given)} set but not {', '.join(missing)}: set all or none")
        coordinator, num_processes, process_id = given.values()
        jax.distributed.initialize(
            coordinator,
            int(num_processes),
            int(process_id),
            cluster_detection_method="deactivate",  # or Slurm would cut us down to one GPU
        )
    elif _launcher_shows_group():
        jax.distributed.initialize()


def _launcher_shows_group() -> bool:
    environ = os.environ
    return (
        environ.get("DERMGAN_DISTRIBUTED") == "1"
        or int(environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1
        or int(environ.get("OMPI_COMM_WORLD_SIZE", "1")) > 1
        or "," in environ.get("TPU_WORKER_HOSTNAMES", "")
    )


def data_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh with one axis, "data", over the given devices (default: all of them)."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("data",), (AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """The same value on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split_by_batch(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Split along one axis, the batch."""
    return NamedSharding(mesh, PartitionSpec(*(None,) * axis, "data"))

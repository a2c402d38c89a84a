"""One mesh axis, "data": batches are split over it, everything else is on every device.

Losses are means over the global batch because a jitted step sees global arrays; XLA inserts the
collectives.
"""

from collections.abc import Sequence

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec


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

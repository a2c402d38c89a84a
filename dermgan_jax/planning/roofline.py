"""How fast a program can be at most: work over the peak of whatever limits it (Williams et al.
2009). Machines reach a part of that; `share_reached` of a measured run says which."""

import dataclasses

from dermgan_jax.planning.accelerators import Accelerator

# Units that work on single elements, as a share of those for products of matrices.
VECTOR_SHARE = 1 / 16


@dataclasses.dataclass(frozen=True)
class Bound:
    """A step at its fastest.

    Attributes:
      compute, memory, launches, collectives: seconds that each takes alone.
      seconds: of the step.
      peak_share: of the multiplications that the devices could do in that time.
    """

    compute: float
    memory: float
    launches: float
    collectives: float
    seconds: float
    peak_share: float

    @property
    def limit(self) -> str:
        """What takes longest."""
        names = ("compute", "memory", "launches", "collectives")
        parts = {name: getattr(self, name) for name in names}
        return max(parts, key=parts.__getitem__)


def bound(
    accelerator: Accelerator,
    precision: str,
    flops: float,
    traffic: float,
    operations: float,
    seconds: float,
    gradients: float,
) -> Bound:
    """Of one step on one device; collectives are not hidden behind anything.

    Args:
      accelerator: what it runs on.
      precision: of the configuration.
      flops, traffic: of one device: multiplications and additions, and bytes of memory.
      operations: how many are begun.
      seconds: of one operation after the other.
      gradients: bytes that are summed up over the devices.
    """
    chip, num = accelerator.chip, accelerator.num_devices
    compute, memory = flops / chip.flops[precision], traffic / chip.bandwidth
    # A ring sends and receives each byte nearly twice (Patarasuk and Yuan 2009).
    collectives = 2 * (num - 1) / num * gradients / chip.link if num > 1 else 0.0
    total = max(compute, memory, seconds) + collectives
    return Bound(
        *(compute, memory, operations * chip.launch, collectives),
        seconds=total,
        peak_share=compute / total,
    )

"""Accelerators that runs are planned for: what their makers say of them.

Sources: cloud.google.com/tpu/docs/{v4,v5e,v5p,v6e}; NVIDIA data sheets of H100 SXM, H200 SXM,
A100 80GB SXM and L4, without sparsity. float32 networks multiply in one bfloat16 pass on TPUs and
in TensorFloat-32 on GPUs, which is what JAX does unless told otherwise. How long it takes to begin
an operation is our estimate.
"""

import dataclasses
import math
from collections.abc import Mapping

from dermgan_jax.errors import UserError
from dermgan_jax.registry import did_you_mean

CPU, GPU, TPU = "cpu", "cuda", "tpu"  # as JAX calls platforms
GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class Chip:
    """One device, as JAX counts them.

    Attributes:
      name: as users type it.
      platform: that programs are lowered for.
      flops: precision of a configuration -> multiplications and additions per second, at most.
      memory: bytes; 0 if it is not known.
      bandwidth: of the memory, bytes per second.
      link: bytes per second that a device sends to others.
      launch: seconds that beginning an operation takes.
      per_host: devices of one machine.
      dimensions: of a slice, as in 2x2; 0 for plain numbers.
      layout: of one host's chips in a slice.
      cores: devices per chip.
      cache: bytes that one operation may move within it; 0 where that is left out of account.
      cache_speed: of it, as a multiple of `bandwidth`.
    """

    name: str
    platform: str
    flops: Mapping[str, float]
    memory: float
    bandwidth: float
    link: float
    launch: float
    per_host: int = 8
    dimensions: int = 0
    layout: tuple[int, ...] = ()
    cores: int = 1
    cache: float = 0.0
    cache_speed: float = 1.0


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """Devices of one kind that a run has to itself.

    Attributes:
      chip: the kind.
      shape: of a slice; one number otherwise.
    """

    chip: Chip
    shape: tuple[int, ...]

    @property
    def num_devices(self) -> int:
        """As JAX counts them."""
        return math.prod(self.shape) * self.chip.cores

    @property
    def num_hosts(self) -> int:
        """Machines with these devices."""
        return max(-(-math.prod(self.shape) // self.chip.per_host), 1)

    def __str__(self) -> str:
        if not self.chip.dimensions:
            return self.chip.name if self.shape == (1,) else f"{self.chip.name}:{self.shape[0]}"
        return f"{self.chip.name}:{'x'.join(map(str, self.shape))}"


def _tpu(name: str, flops: float, memory: float, bandwidth: float, link: float, **kind) -> Chip:
    peak = {"float32": flops, "bfloat16": flops}
    return Chip(name, TPU, peak, memory * GIB, bandwidth, link, 1e-6, per_host=4, **kind)


def _gpu(name: str, tf32: float, bf16: float, memory: float, bandwidth: float, link: float) -> Chip:
    peak = {"float32": tf32, "bfloat16": bf16}
    return Chip(name, GPU, peak, memory * 1e9, bandwidth, link, 3e-6)


FLAT, CUBE = {"dimensions": 2, "layout": (2, 2, 1)}, {"dimensions": 3, "layout": (2, 2, 1)}
CHIPS = {
    chip.name: chip
    for chip in (
        # A device of v4 is one of the two cores of a chip, with half of what the chip has.
        _tpu("v4", 137.5e12, 16, 614e9, 150e9, cores=2, **CUBE),
        _tpu("v5e", 197e12, 16, 819e9, 200e9, **FLAT),
        _tpu("v5p", 459e12, 95, 2765e9, 600e9, **CUBE),
        _tpu("v6e", 918e12, 32, 1640e9, 448e9, **FLAT),
        _gpu("h100", 494.7e12, 989.4e12, 80, 3.35e12, 450e9),
        _gpu("h200", 494.7e12, 989.4e12, 141, 4.8e12, 450e9),
        _gpu("a100", 156e12, 312e12, 80, 2.039e12, 300e9),
        _gpu("l4", 60e12, 121e12, 24, 300e9, 32e9),
    )
}


def parse(text: str, cpu: Chip | None = None) -> Accelerator:
    """An accelerator as users type it: v5e:2x2, v4:2x2x1, h100, h100:8, cpu.

    A TPU without a shape is one chip, a GPU without a number one.

    Args:
      text: what was typed.
      cpu: this machine; None if it need not be known.

    Raises:
      UserError: if there is no such kind, or such a slice of it.
    """
    name, colon, shape = text.strip().lower().partition(":")
    if name == CPU:
        if colon:
            raise UserError(f"--accelerator={text}: cpu is this machine, and there is one of it")
        return Accelerator(cpu or Chip(CPU, CPU, {}, 0, 0, 0, 0), (1,))
    if name not in CHIPS:
        known = (*CHIPS, CPU)
        raise UserError(
            f"--accelerator={text}: unknown accelerator {name!r}{did_you_mean(name, known)}"
        )
    chip = CHIPS[name]
    sides = shape.split("x") if colon else ["1"] * max(chip.dimensions, 1)
    wanted = max(chip.dimensions, 1)
    if len(sides) != wanted or not all(side.isdecimal() and int(side) for side in sides):
        example = f"{name}:{'x'.join(['2'] * wanted)}" if chip.dimensions else f"{name}:8"
        raise UserError(f"--accelerator={text}: {shape!r} is no size of {name}; such as {example}")
    found = Accelerator(chip, tuple(map(int, sides)))
    if chip.dimensions and math.prod(found.shape) > 1:
        uneven = any(side % part for side, part in zip(found.shape, chip.layout, strict=False))
        if uneven:
            raise UserError(
                f"--accelerator={text}: there is no such slice: hosts of {name} have 2x2 chips, so "
                "the first two sides are even; one chip alone is 1x1"
                + ("x1" if chip.dimensions == 3 else "")
            )
    return found

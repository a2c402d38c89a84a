"""What a compiler for machines that are not here says of a program; kept by program."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable

import jax

from dermgan_jax import files
from dermgan_jax.cache import usable_folder
from dermgan_jax.errors import UserError

FOLDER = "compiled_programs"


@dataclasses.dataclass(frozen=True)
class Compiled:
    """A compiled program, as one device runs it.

    Attributes:
      flops, traffic: of one run; bytes read and written in memory.
      memory: bytes at once, arguments among them.
      operations: of the program given to the compiler.
      seconds: that compiling took.
    """

    flops: float
    traffic: float
    memory: float
    operations: int
    seconds: float


def compiled_cost(
    traced: "jax.stages.Traced", platform: str, target: str, tell: Callable[[str], None]
) -> Compiled:
    """Compiles a program, or recalls what an earlier call found.

    Args:
      traced: for the devices of `target`.
      platform: as JAX calls it.
      target: of the compiler, as the user names it.
      tell: is told before a compilation that it begins.

    Raises:
      UserError: if the compiler refuses the program, as one that does not fit into memory.
    """
    lowered = traced.lower(lowering_platforms=(platform,))
    text = lowered.as_text()
    effort = f"{jax.config.jax_exec_time_optimization_effort}"
    told = "\0".join((jax.__version__, target, effort, text))
    mark = hashlib.sha256(told.encode()).hexdigest()
    file = usable_folder(FOLDER) / f"{mark}.json"
    try:
        return Compiled(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        pass  # made anew
    operations = text.count(" = ")
    tell(f"{operations:,} operations")
    began = time.monotonic()
    try:
        program = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        raise UserError(_refusal(str(error))) from error
    found = Compiled(
        flops=float(program.cost_analysis()["flops"]),
        traffic=float(program.cost_analysis()["bytes accessed"]),
        memory=_memory(program.memory_analysis()),
        operations=operations,
        seconds=time.monotonic() - began,
    )
    files.write_text(file, json.dumps(dataclasses.asdict(found)))
    return found


def _memory(analysis: object) -> float:
    """Arguments, results that do not take their place, and what is needed between."""
    return float(
        analysis.argument_size_in_bytes
        + analysis.output_size_in_bytes
        - analysis.alias_size_in_bytes
        + analysis.temp_size_in_bytes
        + analysis.generated_code_size_in_bytes
    )


def _refusal(told: str) -> str:
    if "RESOURCE_EXHAUSTED" in told or "Ran out of memory" in told:
        return "the program does not fit into the memory of a device"
    return f"the compiler refuses the program: {told.splitlines()[0]}"

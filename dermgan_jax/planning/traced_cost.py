"""Work and memory of a traced program, with fusion as compilers do it: a model, not a measurement.

Operations on single elements cost no time by themselves: they are done while something that has to
be in memory is written, and read what is in memory. Convolutions, products of matrices, reductions,
gathers, scatters, sorts and concatenations have their results in memory; the first two, gathers and
sorts also what they read.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jax.extend import core

HEAVY = ("conv_general_dilated", "dot_general")
NEEDS_OPERANDS = frozenset({*HEAVY, "gather", "scatter", "scatter-add", "sort", "fft", "top_k"})
MATERIALISES = NEEDS_OPERANDS | {
    *("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or"),
    *("argmax", "argmin", "reduce_precision_sum", "cumsum", "cumlogsumexp", "cummax", "cumprod"),
    *("reduce_window_sum", "reduce_window_max", "reduce_window", "select_and_scatter_add"),
    *("concatenate", "dynamic_update_slice", "threefry2x32", "random_bits", "cholesky", "eigh"),
}
PLATFORM = "platform_index"


@dataclasses.dataclass(frozen=True)
class Operation:
    """Something that is written to memory.

    Attributes:
      name: of the primitive.
      flops: multiplications and additions.
      traffic: bytes read and written.
      in_matrices: whether the units for products of matrices do it.
    """

    name: str
    flops: float
    traffic: float
    in_matrices: bool


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a program asks of one machine that does all of it.

    Attributes:
      operations: with their work.
      arguments: bytes of what the program is given.
      peak: bytes at once in memory beside its arguments.
    """

    operations: tuple[Operation, ...]
    arguments: float
    peak: float

    @property
    def flops(self) -> float:
        """Of all operations."""
        return sum(operation.flops for operation in self.operations)

    @property
    def traffic(self) -> float:
        """Bytes, of all operations."""
        return sum(operation.traffic for operation in self.operations)

    def with_cache(self, size: float, speed: float) -> "Cost":
        """Counts bytes of operations that move no more than `size` as `speed` times fewer."""
        return dataclasses.replace(
            self,
            operations=tuple(
                dataclasses.replace(each, traffic=each.traffic / speed)
                if each.traffic <= size
                else each
                for each in self.operations
            ),
        )

    def seconds(
        self, matrix_flops: float, vector_flops: float, bandwidth: float, launch: float
    ) -> float:
        """Of one operation after the other, each at the peak of what limits it.

        Args:
          matrix_flops, vector_flops: per second, of products of matrices and of anything else.
          bandwidth: bytes per second.
          launch: seconds that beginning an operation takes.
        """
        return sum(
            launch
            + max(
                operation.flops / (matrix_flops if operation.in_matrices else vector_flops),
                operation.traffic / bandwidth,
            )
            for operation in self.operations
        )


def cost(program: core.ClosedJaxpr, platform: str) -> Cost:
    """Of a program as it is lowered for a platform, such as "cpu", "cuda" or "tpu"."""
    walk = _Walk(platform)
    jaxpr = program.jaxpr
    for var in (*jaxpr.invars, *jaxpr.constvars):
        walk.give(var)
    arguments = sum(walk.sizes[walk.names[var]] for var in jaxpr.invars)
    walk.run(jaxpr)
    for var in jaxpr.outvars:
        walk.write(var)
    return Cost(tuple(walk.operations), arguments, walk.peak)


class _Walk:
    """Goes through a program in its order, and keeps the books of what is in memory.

    Values are numbered, as several variables may stand for one. A value in memory has a size in
    `sizes`; another is made of single elements of its `leaves`, which are. `holds` counts who needs
    a value: variables, and values made of it.
    """

    def __init__(self, platform: str):
        self.platform = platform
        self.operations: list[Operation] = []
        self.names: dict[Any, int] = {}
        self.sizes: dict[int, float] = {}
        self.leaves: dict[int, frozenset[int]] = {}
        self.bytes: dict[int, float] = {}
        self.live = self.peak = 0.0
        self.holds: Counter[int] = Counter()
        self.arguments: set[int] = set()

    def give(self, var: Any) -> int:
        """A value that is in memory from the start."""
        number = self._new(var)
        self.sizes[number] = self.bytes[number]
        self.arguments.add(number)
        return number

    def _new(self, var: Any) -> int:
        number = len(self.bytes)
        self.names[var] = number
        self.holds[number] = 1
        self.bytes[number] = _bytes(var.aval)
        return number

    def write(self, var: Any) -> None:
        """A value is in memory from here on."""
        if isinstance(var, core.Literal):
            return
        self._materialise(self.names[var])

    def _materialise(self, number: int) -> None:
        if number in self.sizes:
            return
        read = sum(self.sizes[leaf] for leaf in self.leaves[number])
        self._keep(number)
        self.operations.append(Operation("single elements", 0.0, read + self.sizes[number], False))
        for leaf in self.leaves[number]:
            self._drop(leaf)

    def _keep(self, number: int) -> None:
        self.sizes[number] = self.bytes[number]
        self.live += self.sizes[number]
        self.peak = max(self.peak, self.live)

    def run(self, jaxpr: Any) -> None:
        """All equations; values are released after their last use."""
        last = {}
        for position, equation in enumerate(jaxpr.eqns):
            for var in equation.invars:
                if not isinstance(var, core.Literal):
                    last[var] = position
        own = {var for var in jaxpr.outvars if not isinstance(var, core.Literal)}
        kept = own | {*jaxpr.invars, *jaxpr.constvars}  # whoever runs this releases them
        ends: dict[int, list[Any]] = {}
        for var, position in last.items():
            if var not in kept:
                ends.setdefault(position, []).append(var)
        for position, equation in enumerate(jaxpr.eqns):
            self._equation(equation)
            for var in ends.get(position, ()):
                self._drop(self.names[var])
            for var in equation.outvars:
                if var not in last and var not in kept:
                    self._drop(self.names[var])

    def _drop(self, number: int) -> None:
        self.holds[number] -= 1
        if self.holds[number]:
            return
        if number not in self.sizes:
            for leaf in self.leaves[number]:
                self._drop(leaf)
        elif number not in self.arguments:
            self.live -= self.sizes[number]

    def _equation(self, equation: Any) -> None:
        name = equation.primitive.name
        if name == PLATFORM:
            self.leaves[self._new(equation.outvars[0])] = frozenset()
            return
        inner = list(_inner(equation, self.platform))
        if not inner:
            self._single(equation, name)
        elif name == "scan":
            self._loop(equation, inner[0], equation.params["length"])
        elif name == "while":
            self._loop(equation, inner[-1], 1)
        else:
            self._inline(equation, inner)

    def _inline(self, equation: Any, inner: Sequence[Any]) -> None:
        """What a call or a branch does, as if it stood here; of several branches, the dearest."""
        jaxpr = inner[0]
        if len(inner) > 1:
            jaxpr = max(inner, key=lambda each: _work(each, self.platform))
        operands = equation.invars[len(equation.invars) - len(jaxpr.invars) :]
        for var, operand in zip(jaxpr.invars, operands, strict=True):
            self._alias(var, operand)
        for var in jaxpr.constvars:
            self.give(var)
        self.run(jaxpr)
        for var, result in zip(equation.outvars, jaxpr.outvars, strict=True):
            self._alias(var, result)
        results = {var for var in jaxpr.outvars if not isinstance(var, core.Literal)}
        for var in results | {*jaxpr.invars}:
            self._drop(self.names[var])

    def _alias(self, var: Any, source: Any) -> None:
        if isinstance(source, core.Literal):
            self.leaves[self._new(var)] = frozenset()
        else:
            self.names[var] = self.names[source]
            self.holds[self.names[source]] += 1

    def _loop(self, equation: Any, jaxpr: Any, length: int) -> None:
        """A loop: its body so many times, with its results in memory."""
        body = _Walk(self.platform)
        for var in (*jaxpr.invars, *jaxpr.constvars):
            body.give(var)
        body.run(jaxpr)
        for var in jaxpr.outvars:
            body.write(var)
        for var in equation.invars:
            self.write(var)
        self.operations += [
            dataclasses.replace(each, flops=length * each.flops, traffic=length * each.traffic)
            for each in body.operations
        ]
        for var in equation.outvars:
            self._keep(self._new(var))
            self.leaves[self.names[var]] = frozenset()
        self.peak = max(self.peak, self.live + body.peak)

    def _single(self, equation: Any, name: str) -> None:
        operands = [v for v in equation.invars if not isinstance(v, core.Literal)]
        flops = _flops(equation, name) if name in MATERIALISES else 0.0
        if name in NEEDS_OPERANDS:
            for var in operands:
                self.write(var)
        leaves = frozenset().union(*(self._leaves(self.names[var]) for var in operands))
        for var in equation.outvars:
            self.leaves[self._new(var)] = frozenset() if name in MATERIALISES else leaves
        if name in MATERIALISES:
            read = sum(self.sizes[leaf] for leaf in leaves)
            for var in equation.outvars:
                self._keep(self.names[var])
            written = sum(self.bytes[self.names[var]] for var in equation.outvars)
            self.operations.append(Operation(name, flops, read + written, name in HEAVY))
            return
        for leaf in leaves:
            self.holds[leaf] += len(equation.outvars)

    def _leaves(self, number: int) -> frozenset[int]:
        return frozenset({number}) if number in self.sizes else self.leaves.get(number, frozenset())


def _inner(equation: Any, platform: str) -> Iterator[Any]:
    """Programs within an operation; of forms for several platforms, this platform's only."""
    params = equation.params
    if equation.primitive.name == "cond":
        platforms = params.get("branches_platforms")
        branches = [branch.jaxpr for branch in params["branches"]]
        if platforms is None:
            yield from branches
            return
        for names, branch in zip(platforms, branches, strict=True):
            if names is None or platform in names:
                yield branch
                return
        return
    for value in params.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, core.ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, core.Jaxpr):
                yield each


def _work(jaxpr: Any, platform: str) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        inner = list(_inner(equation, platform))
        times = equation.params.get("length", 1) if equation.primitive.name == "scan" else 1
        found = [_work(each, platform) for each in inner]
        total += times * max(found) if found else _flops(equation, equation.primitive.name)
    return total


def _bytes(aval: Any) -> float:
    size = math.prod(getattr(aval, "shape", ()))
    dtype = getattr(aval, "dtype", None)
    return float(size * getattr(dtype, "itemsize", 8))


def _flops(equation: Any, name: str) -> float:
    result = math.prod(equation.outvars[0].aval.shape)
    if name == "conv_general_dilated":
        return 2.0 * result * _contracted(equation.invars[1].aval.shape, equation.params)
    if name == "dot_general":
        shape = equation.invars[0].aval.shape
        (contracted, _), _ = equation.params["dimension_numbers"]
        return 2.0 * result * math.prod(shape[axis] for axis in contracted)
    operands = [v.aval.shape for v in equation.invars if hasattr(v.aval, "shape")]
    return float(max([result, *map(math.prod, operands)]))


def _contracted(kernel: Sequence[int], params: Mapping[str, Any]) -> float:
    """Products that go into one value of a convolution's result; zeros of dilation are none."""
    numbers = params["dimension_numbers"]
    taps = math.prod(kernel[axis] for axis in numbers.rhs_spec[2:])
    channels = kernel[numbers.rhs_spec[1]]
    return taps * channels / math.prod(params["lhs_dilation"]) / params["batch_group_count"]

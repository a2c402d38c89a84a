"""Traces of training steps in a work directory, and which operations of a CPU they spent time in.

A trace is what `jax.profiler` writes: WORKDIR/profile/plugins/profile/TIME/HOST.xplane.pb.

On a CPU, XLA hands much of an operation, all of a convolution, to a pool of threads and goes on.
The event of the operation itself then lasts for moments only. The work appears in the threads of
the pool as regions, each of which names the record that was made when it was handed over; whoever
made the record, an operation or another region, is whom its time belongs to.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import jax

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.listings import listing
from dermgan_jax.runs.workdir import WorkDir

FOLDER = "profile"  # in a work directory
ANNOTATION = "train"  # name of the events that mark calls of the training step

_RUNS = ("plugins", "profile")  # below it, as TensorBoard wants it
_HOST = "/host:CPU"
_DEVICES = ("/device:GPU", "/device:TPU")
_POOL = "ThreadpoolListener::"

# An operation as (program, name), or the number of a region.
Owner: TypeAlias = tuple[str, str] | int


class Operation(NamedTuple):
    """An operation of a compiled program.

    Attributes:
      program: the name of the program, such as "jit_run_steps".
      name: as XLA calls it.
      count: how often it ran.
      seconds: of all threads together.
      share: of the time of all operations of all programs, 0 to 1.
    """

    program: str
    name: str
    count: int
    seconds: float
    share: float


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a trace holds.

    Attributes:
      begin, end: the steps that it is of take the clock from the one to the other.
      operations: the dearest first; empty of a device whose operations are not read here.
      device: "CPU", or the kind that the trace is of.
      others: how many other traces lie beside it.
    """

    begin: int
    end: int
    operations: tuple[Operation, ...]
    device: str
    others: int


def latest(workdir: WorkDir) -> Trace | None:
    """The newest trace in a work directory; None if it has none.

    Raises:
      UserError: if it cannot be read.
    """
    folder = workdir.path.joinpath(FOLDER, *_RUNS)
    if not folder.is_dir():
        return None
    found = [
        file
        for run in listing(folder)[0]
        for file in listing(run)[1]
        if file.name.endswith(".xplane.pb")
    ]
    return _read(found[-1], len(found) - 1) if found else None


def _read(file: Path, others: int) -> Trace:
    try:
        data = jax.profiler.ProfileData.from_serialized_xspace(file.read_bytes())
        planes = list(data.planes)
    except Exception as error:  # whatever the reader of the format raises
        raise UserError(f"{file} cannot be read as a trace ({error}): remove it") from error
    marks = [
        (int(stats["step_num"]), int(stats.get("iterations", 1)))
        for plane in planes
        if plane.name == _HOST
        for line in plane.lines
        for event in line.events
        if event.name == ANNOTATION and "step_num" in (stats := dict(event.stats))
    ]
    begin = min((step for step, _ in marks), default=0)
    end = max((step + number for step, number in marks), default=0)
    devices = [name[8:] for name in _DEVICES for plane in planes if plane.name.startswith(name)]
    if devices:
        return Trace(begin, end, (), devices[0], others)
    lines = [_events(line) for plane in planes if plane.name == _HOST for line in plane.lines]
    return Trace(begin, end, operations(lines), "CPU", others)


class Event(NamedTuple):
    """Something in a thread.

    Attributes:
      start: nanoseconds.
      end: the same as `start` of what takes no time.
      kind: "operation", or "Record", "StartRegion" or "StopRegion" of the pool of threads.
      of: (program, name) of an operation, the number of what was handed over otherwise.
    """

    start: float
    end: float
    kind: str
    of: Owner


def _events(line: Any) -> list[Event]:
    """What is told of operations in one thread."""
    found = []
    for event in line.events:
        start = event.start_ns
        if event.name.startswith(_POOL):
            stats = dict(event.stats)
            number = int(stats.get("_c", stats.get("_p", -1)))
            found.append(Event(start, start, event.name.removeprefix(_POOL), number))
        elif "hlo_op" in (stats := dict(event.stats)):
            operation = (str(stats.get("hlo_module", "")), str(stats["hlo_op"]))
            found.append(Event(start, start + event.duration_ns, "operation", operation))
    return found


def operations(threads: Iterable[list[Event]]) -> tuple[Operation, ...]:
    """The operations in the events of some threads, the dearest first."""
    spent: Counter[Owner] = Counter()
    makers: dict[int, Owner | None] = {}
    counts: Counter[Owner] = Counter()
    for events in threads:
        counts.update(event.of for event in events if event.kind == "operation")
        _follow(events, spent, makers)
    total: Counter[tuple[str, str]] = Counter()
    for owner, nanoseconds in spent.items():
        if (operation := _made_by(owner, makers)) is not None:
            total[operation] += nanoseconds
    whole = sum(total.values()) or 1.0
    return tuple(
        Operation(program, name, counts[program, name], nanoseconds / 1e9, nanoseconds / whole)
        for (program, name), nanoseconds in total.most_common()
    )


def _made_by(owner: Owner, makers: dict[int, Owner | None]) -> tuple[str, str] | None:
    """The operation that a region goes back to; None if it is not in the trace."""
    passed = set()
    while isinstance(owner, int):
        if owner in passed:
            return None
        passed.add(owner)
        owner = makers.get(owner)
    return owner


def _follow(events: list[Event], spent: Counter[Owner], makers: dict[int, Owner | None]) -> None:
    """Adds up what one thread did, each moment under the innermost thing that goes on.

    Args:
      events: of the thread.
      spent: nanoseconds by operation or region, added to.
      makers: number -> who handed it over, added to.
    """
    going_on: list[Event] = []
    now = 0.0

    def advance(until: float) -> None:
        nonlocal now
        while going_on and going_on[-1].kind == "operation" and going_on[-1].end <= until:
            ended = going_on.pop()
            spent[ended.of] += ended.end - now
            now = ended.end
        if going_on:
            spent[going_on[-1].of] += until - now
        now = until

    for event in sorted(events, key=lambda event: (event.start, -event.end)):
        advance(event.start)
        if event.kind in ("operation", "StartRegion"):
            going_on.append(event)
        elif event.kind == "StopRegion" and any(each.kind == "StartRegion" for each in going_on):
            while going_on.pop().kind != "StartRegion":
                pass
        elif event.kind == "Record":
            makers[event.of] = going_on[-1].of if going_on else None
    if going_on:
        advance(max(event.end for event in going_on))

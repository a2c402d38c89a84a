"""What real runs reach of what a plan allows, kept for the plans to come."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from dermgan_jax import files, stored_json
from dermgan_jax.cache import usable_folder
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.planning.accelerators import CHIPS, CPU, Accelerator
from dermgan_jax.planning.plan import Plan, make_plan
from dermgan_jax.planning.this_machine import this_machine
from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.workdir import WorkDir

FILE = "planned.json"  # in a work directory
KEPT = "measured_runs.json"  # in the cache
# Parts of a device's name, as JAX gives it -> ours. More telling ones first.
KINDS = {
    "TPU v5 lite": "v5e",
    "TPU v6 lite": "v6e",
    "TPU v5": "v5p",
    "TPU v4": "v4",
    "H100": "h100",
    "H200": "h200",
    "A100": "a100",
    "L4": "l4",
}


@dataclasses.dataclass(frozen=True)
class Speed:
    """Images per second of one stage.

    Attributes:
      stage: in words.
      planned: at most, by the plan.
      measured: while steps were run or waited for images; compilation, evaluation and saving
        do not count.
    """

    stage: str
    planned: float
    measured: float

    @property
    def reached(self) -> float:
        """Measured / planned."""
        return self.measured / self.planned


class _ToldSpeed(TypedDict):
    stage: str
    planned: float
    measured: float


class _Told(TypedDict):
    accelerator: str
    stages: list[_ToldSpeed]


class _Environment(TypedDict):
    devices: str


def measure(path: Path) -> tuple[Plan, tuple[Speed, ...]]:
    """Plans a run that was trained, on what it was trained on, and holds its speed against that.

    Writes planned.json into the work directory, which its report shows, and keeps the share that
    was reached for later plans of the family on such devices.

    Raises:
      UserError: if it is no work directory, its devices are not known here, or it has not trained.
    """
    workdir = WorkDir(path)
    config = workdir.read_config()
    speeds = trained_speeds(read_rows(workdir.metrics))
    if not speeds:
        raise UserError(f"{path} has no rows of training in metrics.jsonl yet: nothing is measured")
    accelerator = trained_on(workdir)
    plan = make_plan(config, accelerator, compiles=False)
    found = tuple(
        Speed(row.stage, row.images_per_second, speeds[row.stage])
        for row in plan.configured
        if row.stage in speeds
    )
    told = {
        "accelerator": str(accelerator),
        "stages": [{**dataclasses.asdict(each), "reached": each.reached} for each in found],
    }
    files.write_text(path / FILE, json.dumps(told, indent=2) + "\n")
    keep(accelerator, config.model.name, str(files.absolute(path)), found)
    return plan, found


def told(workdir: WorkDir) -> dict[str, Any] | None:
    """What `measure` wrote, for the report; None without it. A damaged file is said to be so."""
    file = workdir.path / FILE
    if not stored_json.is_there(file):
        return None
    try:
        found = stored_json.read(file, _Told, "dermgan plan --measured makes it anew")
        speeds = [
            Speed(each["stage"], each["planned"], each["measured"]) for each in found["stages"]
        ]
        stages = [{**dataclasses.asdict(speed), "reached": speed.reached} for speed in speeds]
        return {"fault": "", "accelerator": found["accelerator"], "stages": stages}
    except (UserError, ZeroDivisionError) as error:
        return {"fault": str(error)}


def trained_speeds(rows: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Stage -> images per second, the median over its rows; the first of each has the compiler in.

    Rows of early versions count pauses in; of these the fastest tenth is taken.
    """
    clean: dict[str, list[float]] = {}
    early: dict[str, list[float]] = {}
    before: Mapping[str, Any] = {"images": 0, "stage": None}
    for row in rows:
        if row["kind"] != "train":
            continue
        if row["stage"] == before["stage"]:
            seconds = sum(row.get("spent", {}).get(part, 0.0) for part in ("step", "input"))
            if seconds > 0:
                rate = (row["images"] - before["images"]) / seconds
                clean.setdefault(row["stage"], []).append(rate)
            else:
                early.setdefault(row["stage"], []).append(row["images_per_second"])
        before = row
    found = {stage: _nearly_largest(rates) for stage, rates in early.items()}
    return found | {stage: statistics.median(rates) for stage, rates in clean.items()}


def _nearly_largest(rates: Sequence[float]) -> float:
    return sorted(rates)[len(rates) * 9 // 10]


def trained_on(workdir: WorkDir) -> Accelerator:
    """The devices of a run, by its environment.json.

    Raises:
      UserError: if they are of no kind that is known here.
    """
    try:
        told = stored_json.read(workdir.environment, _Environment, "put the original back")
        number, _, kind = told["devices"].partition(" × ")
        num = int(number)
    except (UserError, ValueError) as error:
        raise UserError(
            f"{workdir.environment} does not say on which devices the run was trained: {error}"
        ) from error
    if kind == CPU:
        return Accelerator(this_machine(), (1,))
    name = next((ours for part, ours in KINDS.items() if part in kind), None)
    if name is None:
        known = ", ".join(CHIPS)
        raise UserError(f"{workdir.path} was trained on {kind}, which is none of {known}, cpu")
    chip = CHIPS[name]
    chips = max(num // chip.cores, 1)
    if not chip.dimensions:
        return Accelerator(chip, (chips,))
    sides = (2, chips // 2) if chips > 1 else (1, 1)
    return Accelerator(chip, (*sides, 1)[: chip.dimensions])


def keep(accelerator: Accelerator, family: str, run: str, speeds: Sequence[Speed]) -> None:
    """Remembers what a run reached; of one run the newest counts."""
    file = usable_folder("plans") / KEPT
    known = _kept()
    shares = known.setdefault(f"{accelerator.chip.name} {family}", {})
    shares[run] = statistics.median(each.reached for each in speeds)
    files.write_text(file, json.dumps(known, indent=2) + "\n")


def reached(accelerator: Accelerator, family: str) -> tuple[float, ...]:
    """Shares of the bound that runs of a family had on such devices, ascending."""
    return tuple(sorted(_kept().get(f"{accelerator.chip.name} {family}", {}).values()))


def _kept() -> dict[str, dict[str, float]]:
    try:
        text = (usable_folder("plans") / KEPT).read_bytes()
        return stored_json.structure(stored_json.parse(text), dict[str, dict[str, float]])
    except (OSError, ValueError):
        return {}


def text(plan: Plan, speeds: Sequence[Speed]) -> str:
    """Planned against measured, a line for each stage."""
    lines = [f"{'stage':16}{'at most':>12}{'measured':>12}{'reached':>10}"]
    lines += [
        f"{each.stage:16}{each.planned:>12,.1f}{each.measured:>12,.1f}{each.reached:>10.0%}"
        for each in speeds
    ]
    return "\n".join([f"images per second on {plan.accelerator}, by plan and in the run", *lines])

"""Whether a run fits, how fast it can be, what it costs: for every stage, batch and precision."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import jax
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.config import with_values
from dermgan_jax.errors import UserError
from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.planning import abstract_step, traced_cost
from dermgan_jax.planning.accelerators import TPU, Accelerator, Chip
from dermgan_jax.planning.compiled_cost import Compiled, compiled_cost
from dermgan_jax.planning.devices import mesh_devices
from dermgan_jax.planning.expected_data import data_spec
from dermgan_jax.planning.roofline import VECTOR_SHARE, Bound, bound
from dermgan_jax.runs.state import init_state
from dermgan_jax.train import schedule

PRECISIONS = ("float32", "bfloat16")
FACTORS = (0.5, 1.0, 2.0)  # of the configured batch
COMPILED, SCALED, TRACED = "compiled", "scaled", "traced"


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes of one device.

    Attributes:
      state: networks, averages and what optimisers keep.
      resident: images that stay there.
      activations: what a step needs beside.
    """

    state: float
    resident: float
    activations: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.state + self.resident + self.activations


@dataclasses.dataclass(frozen=True)
class Row:
    """One way to run one stage.

    Attributes:
      stage: of the curriculum, in words.
      images: real ones that the run shows in it.
      precision: of the networks' arithmetic.
      batch_size: over all devices.
      source: "compiled"; "scaled" from such a row as the traced programs differ; or "traced".
      memory: of one device.
      fits: None if the memory of the accelerator is not known.
      largest_batch: that fits, over all devices; None as `fits`, 0 if none does.
      flops_per_image: multiplications and additions.
      bound: of one step.
      images_per_second: at most.
    """

    stage: str
    images: int
    precision: str
    batch_size: int
    source: str
    memory: Memory
    fits: bool | None
    largest_batch: int | None
    flops_per_image: float
    bound: Bound
    images_per_second: float

    @property
    def hours(self) -> float:
        """Of the stage, at least."""
        return self.images / self.images_per_second / 3600


@dataclasses.dataclass(frozen=True)
class Work:
    """What one device does in one step in which every phase runs.

    Attributes:
      flops: multiplications and additions.
      traffic: bytes of memory read and written, those within a cache divided by its speed.
      operations: that are begun.
      seconds: one operation after the other, each at the peak of what limits it.
      activations: bytes in memory beside state and images.
    """

    flops: float
    traffic: float
    operations: float
    seconds: float
    activations: float

    def combined(self, function: Callable[..., float], *others: "Work") -> "Work":
        """Of each attribute of this and of others."""
        values = map(dataclasses.astuple, (self, *others))
        return Work(*(function(*each) for each in zip(*values, strict=True)))


@dataclasses.dataclass(frozen=True)
class Plan:
    """Rows of all stages, and what they rest on.

    Attributes:
      accelerator: what is planned for.
      rows: by stage, precision and batch.
      configured: those as the configuration has it, one per stage.
      data: where the number of images is from.
      compiled: stage -> what the compiler said; empty without one.
    """

    accelerator: Accelerator
    rows: tuple[Row, ...]
    configured: tuple[Row, ...]
    data: str
    compiled: dict[str, Compiled]

    @property
    def hours(self) -> float:
        """Of the run as it is configured, at least."""
        return sum(row.hours for row in self.configured)


def make_plan(
    config: FrozenConfigDict,
    accelerator: Accelerator,
    *,
    compiles: bool = True,
    tell: Callable[[str], None] = lambda line: None,
) -> Plan:
    """Plans a run of a configuration.

    Args:
      config: of a model.
      accelerator: what it would run on.
      compiles: let the accelerator's compiler look at the programs as they are configured, where
        there is one (TPU); else everything is a model over traced programs.
      tell: is told what is being done.

    Raises:
      UserError: if the configuration and the data do not fit, the devices cannot share a batch, the
        compiler is missing or refuses, or a stage does not even fit with one image per device.
    """
    spec, origin = data_spec(config)
    build = functools.partial(_model, spec=spec)
    model = build(config)
    stages = _stages(model)
    require_shared(accelerator, [stage for stage, _ in stages])
    compiled: dict[str, Compiled] = {}
    if compiles and accelerator.chip.platform == TPU:
        devices = mesh_devices(accelerator)
        for stage, _ in stages:
            traced = abstract_step.trace(model, stage, devices)
            compiled[str(stage)] = compiled_cost(
                *(traced, TPU, str(accelerator)),
                lambda what, stage=stage: tell(f"compiling {stage} for {accelerator}: {what}"),
            )
    rows, configured = [], []
    for stage, images in stages:
        tell(f"tracing {stage}")
        found = list(_rows(config, build, stage, images, accelerator, compiled.get(str(stage))))
        rows += found
        configured += [
            row
            for row in found
            if (row.precision, row.batch_size) == (config.precision, stage.batch_size)
        ]
    _require_possible(rows, accelerator)
    return Plan(accelerator, tuple(rows), tuple(configured), origin, compiled)


def _model(config: FrozenConfigDict, spec: object) -> Model:
    model = registry.load("model", config.model.name)(config, spec)
    if found := model.faults():
        raise UserError("the model and the data do not fit:\n" + "\n".join(f"  {f}" for f in found))
    return model


def _stages(model: Model) -> list[tuple[Stage, int]]:
    """Stages with the images that each shows."""
    end = schedule.total_images(model)
    step = max(end // 1000, 1)
    shown: dict[object, int] = {}
    for start in range(0, end, step):
        key = model.stage(start).static
        shown[key] = shown.get(key, 0) + min(step, end - start)
    return [(stage, shown[stage.static]) for stage in schedule.all_stages(model)]


def require_shared(accelerator: Accelerator, stages: Sequence[Stage]) -> None:
    """Checks that the devices can share every batch.

    Raises:
      UserError: naming the batches at fault.
    """
    num = accelerator.num_devices
    uneven = [f"{s.batch_size} at {s}" for s in stages if s.batch_size % num]
    if uneven:
        raise UserError(
            f"the {num} devices of {accelerator} cannot share batches of {', '.join(uneven)}: "
            f"choose multiples of {num}, or fewer devices"
        )


def _require_possible(rows: Sequence[Row], accelerator: Accelerator) -> None:
    hopeless = {row.stage for row in rows if row.largest_batch == 0}
    for stage in hopeless & {r.stage for r in rows}:
        if all(row.largest_batch == 0 for row in rows if row.stage == stage):
            raise UserError(
                f"stage {stage} does not fit into {accelerator} even with one image per device: "
                "choose a lower data.resolution, fewer channels, data.cache=host or a larger device"
            )


def _rows(
    config: FrozenConfigDict,
    build: Callable[[FrozenConfigDict], Model],
    stage: Stage,
    images: int,
    accelerator: Accelerator,
    compiled: Compiled | None,
) -> Iterator[Row]:
    """All quantities of a step are affine in its batch: two batches tell of every other."""
    num = accelerator.num_devices
    models = {name: build(with_values(config, {"precision": name})) for name in PRECISIONS}
    configured = models[config.precision]
    base = step_work(configured, stage, accelerator, config.precision)
    double = step_work(
        *(configured, abstract_step.with_batch(stage, 2 * stage.batch_size)),
        *(accelerator, config.precision),
    )
    lazy = _share_of_lazy_phases(configured, stage, accelerator, base)
    state, resident = _kept(configured, stage)
    gradients = _gradient_bytes(configured, stage)
    repeats = configured.iteration_images(stage) // stage.batch_size
    height, width = stage.image_size
    image = 4.0 * height * width * configured.data.channels * stage.batch_size / num
    for name, model in models.items():
        own = base if name == config.precision else step_work(model, stage, accelerator, name)
        # Below some batch what images need is hidden behind what networks need.
        slope = own.activations * max(double.activations / base.activations - 1, 0.5)
        if compiled is not None:
            slope *= _compiled_activations(compiled, state + resident) / base.activations
        slope = max(slope, image)
        for factor in FACTORS:
            size = max(round(stage.batch_size * factor / num), 1) * num
            grown = size / stage.batch_size - 1
            work = own.combined(lambda o, b, d, g=grown: o * (1 + g * (d / b - 1)), base, double)
            source = TRACED
            if compiled is not None:
                source = COMPILED if own is base and size == stage.batch_size else SCALED
                work = _as_compiled(work, base, compiled, state + resident, accelerator.chip)
            free = accelerator.chip.memory - state - resident - work.activations
            per_device = (size + stage.batch_size * free / slope) // num
            usual = work.combined(lambda every, part: every * part, lazy)
            step = bound(
                *(accelerator, name, usual.flops, usual.traffic),
                *(usual.operations, usual.seconds, gradients),
            )
            known = accelerator.chip.memory > 0
            yield Row(
                stage=str(stage),
                images=images,
                precision=name,
                batch_size=size,
                source=source,
                memory=Memory(state, resident, work.activations),
                fits=free >= 0 if known else None,
                largest_batch=max(int(per_device), 0) * num if known else None,
                flops_per_image=usual.flops * num / (size * repeats),
                bound=step,
                images_per_second=size * repeats / step.seconds,
            )


def _as_compiled(work: Work, base: Work, compiled: Compiled, kept: float, chip: Chip) -> Work:
    """Traced work, scaled as what the compiler made of `base` differs from it."""
    flops, traffic = compiled.flops / base.flops, compiled.traffic / base.traffic
    # What limits most operations tells how their time differs.
    by_flops = base.flops / chip.flops["bfloat16"] > base.traffic / chip.bandwidth
    return Work(
        work.flops * flops,
        work.traffic * traffic,
        work.operations,
        work.seconds * (flops if by_flops else traffic),
        work.activations * _compiled_activations(compiled, kept) / base.activations,
    )


def _compiled_activations(compiled: Compiled, kept: float) -> float:
    return max(compiled.memory - kept, 0.0)


def step_work(
    model: Model,
    stage: Stage,
    accelerator: Accelerator,
    precision: str,
    phases: Sequence[str] | None = None,
) -> Work:
    """Of one device: its share of the batch, as if it were alone."""
    own = abstract_step.with_batch(stage, max(stage.batch_size // accelerator.num_devices, 1))
    here = jax.local_devices(backend="cpu")[:1]
    program = abstract_step.trace(model, own, here, phases).jaxpr
    chip = accelerator.chip
    cost = traced_cost.cost(program, chip.platform).with_cache(chip.cache, chip.cache_speed)
    peak = chip.flops[precision]
    return Work(
        cost.flops,
        cost.traffic,
        len(cost.operations),
        cost.seconds(peak, peak * VECTOR_SHARE, chip.bandwidth, chip.launch),
        cost.peak,
    )


def _share_of_lazy_phases(
    model: Model, stage: Stage, accelerator: Accelerator, everything: Work
) -> Work:
    """Mean step / step in which every phase runs, of each quantity; of activations 1."""
    phases = model.phases_in(stage)
    if all(phase.every == 1 for phase in phases):
        return Work(1.0, 1.0, 1.0, 1.0, 1.0)
    precision = model.config.precision
    eager = [phase.name for phase in phases if phase.every == 1]
    usual = step_work(model, stage, accelerator, precision, eager)
    mean = usual
    for phase in phases:
        if phase.every > 1:
            names = [each.name for each in phases if each.every == 1 or each is phase]
            with_it = step_work(model, stage, accelerator, precision, names)
            mean = mean.combined(lambda m, w, u, n=phase.every: m + (w - u) / n, with_it, usual)
    share = mean.combined(lambda m, every: m / every, everything)
    return dataclasses.replace(share, activations=1.0)


def _kept(model: Model, stage: Stage) -> tuple[float, float]:
    """Bytes of the state, and of images that stay on every device."""
    state = sum(_size(leaf) for leaf in jax.tree.leaves(jax.eval_shape(lambda: init_state(model))))
    if model.config.data.cache != "device":
        return state, 0.0
    return state, model.data.num_examples * sum(map(_size, model.fed(stage).values()))


def _gradient_bytes(model: Model, stage: Stage) -> float:
    variables = jax.eval_shape(lambda: init_state(model)).variables
    return sum(
        phase.repeat / phase.every * sum(_size(leaf) for leaf in jax.tree.leaves(params))
        for phase in model.phases_in(stage)
        for params in (variables[net]["params"] for net in phase.trains)
    )


def _size(leaf: jax.ShapeDtypeStruct) -> float:
    return float(leaf.size * leaf.dtype.itemsize)

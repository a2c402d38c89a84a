"""The page that sets runs side by side: values, curves, sheets, and how configurations differ."""

import dataclasses
import functools
import math
import time
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dermgan_jax import config as config_schema
from dermgan_jax import files, registry
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.metrics.measurement import Measurement, MetricValue
from dermgan_jax.report import figures, hover, metric_texts, metric_values, run_record
from dermgan_jax.report.figures import new_figure
from dermgan_jax.report.html import write_page
from dermgan_jax.report.run import heading
from dermgan_jax.report.run_record import RunRecord
from dermgan_jax.report.style import DASHES, SERIES, STYLE, to_svg
from dermgan_jax.runs.workdir import WorkDir

NAME = "comparison.html"
MOST = len(SERIES) * len(DASHES)  # runs that curves can tell apart


@dataclasses.dataclass(frozen=True)
class Run:
    """A run under the name that tells it from the others."""

    name: str
    record: RunRecord

    @functools.cached_property
    def latest(self) -> dict[str, Measurement]:
        """The measurements of the last evaluation."""
        rows = figures.evaluations(self.record.rows)
        return dict(rows[-1]["metrics"]) if rows else {}

    @property
    def real_images(self) -> tuple[str, ...]:
        """What its values are held against: data set, split, and what is selected of it."""
        data = config_schema.flatten(self.record.config)
        chosen = (repr(data.get(f"data.{name}")) for name in ("dataset", "split", "classes"))
        return str(self.record.card.get("split_hash", "")), *chosen

    @property
    def title(self) -> str:
        """Its own, or one made of its configuration."""
        return self.record.config["title"] or heading(self.record)


def build(workdirs: Sequence[Path], out: Path) -> Path:
    """Writes OUT/comparison.html, one file that needs nothing beside it.

    Args:
      workdirs: of two runs at least; differences are from the first.
      out: a folder.

    Raises:
      UserError: if there are too few or too many, one is named twice, or one is no work directory.
    """
    runs = read(workdirs)
    keys = list(dict.fromkeys(key for run in runs for key in run.latest))
    parts = {
        "runs": runs,
        "names": [run.name for run in runs],
        "facts": [run.record.facts() for run in runs],
        "phantoms": [run.name for run in runs if run.record.phantom],
        "sheets": [run.record.sheets[-1] if run.record.sheets else None for run in runs],
        "with_reals": next((run for run in runs if run.record.reals), None),
        "same_latents": same_latents(runs),
        "shared": shared_real_images(runs),
        "lines": [line(runs, key) for key in keys],
        "curves": [(title(runs, key), to_svg(curves(runs, key), key)) for key in keys],
        "fields": differing_fields(runs),
        "made": run_record.utc(time.time()),
    }
    return write_page(out / NAME, "run_comparison.html.jinja", parts)


def read(workdirs: Sequence[Path]) -> list[Run]:
    """The runs, named by the parts of their paths that differ. Raises as `build`."""
    paths = [files.absolute(path) for path in workdirs]
    if len(paths) < 2:
        raise UserError("--runs names one run: name two at least, with a comma between them")
    if len(paths) > MOST:
        raise UserError(f"--runs names {len(paths)} runs: {MOST} at most can be told apart")
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise UserError(f"--runs names {twice[0]} twice")
    records = [run_record.read(WorkDir(path)) for path in paths]
    return [Run(name, record) for name, record in zip(_names(paths), records, strict=True)]


def _names(paths: Sequence[Path]) -> list[str]:
    """The last parts of paths, as many as tell them apart."""
    parts = [str(path).rstrip("/").split("/") for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def title(runs: Sequence[Run], key: str) -> str:
    """Of a measurement, in words, with its direction and split if it has them."""
    one = next(run.latest[key] for run in runs if key in run.latest)
    where = f", {one.direction}, {one.split}" if one.direction else ""
    return f"{metric_texts.of(one.name).title}{where}"


def line(runs: Sequence[Run], key: str) -> dict[str, Any]:
    """A line of the table of values: the number of each run, and its difference from the first."""
    found = [run.latest.get(key) for run in runs]
    values = [one and one.value for one in found]
    bounds = [one.real_against_real for one in found if one and one.real_against_real]
    if len({run.real_images for run in runs}) == 1:
        bounds = bounds[:1]
    cells = [
        {
            "number": metric_values.number(value) if value else "not measured",
            "spread": metric_values.spread(value) if value else "",
            "difference": difference(
                values[0], value, same_real=runs[0].real_images == runs[i].real_images
            )
            if i
            else "",
        }
        for i, value in enumerate(values)
    ]
    return {
        "title": title(runs, key),
        "better": next(value.better for value in values if value),
        "bound": " and ".join(dict.fromkeys(map(metric_values.number, bounds))),
        "cells": cells,
        "protocols": sorted({f"{value.protocol}, n {value.n:,}" for value in values if value}),
    }


def difference(
    first: MetricValue | None, other: MetricValue | None, *, same_real: bool = True
) -> str:
    """How much better or worse another value is, with the interval of the difference.

    Both intervals are taken as independent, see `shared_real_images`.

    Args:
      first, other: None where not measured.
      same_real: whether both are against the same real images.
    """
    if first is None or other is None or not (first.is_finite and other.is_finite):
        return ""
    if (first.protocol, first.n) != (other.protocol, other.n):
        return "not comparable: another protocol or number of images"
    if not same_real:
        return "not comparable: against other real images"
    away = other.value - first.value
    ends = [metric_values.interval(value) for value in (first, other)]
    if None in ends:
        return f"{away:+.3g}, no interval"
    half = math.hypot(*((high - low) / 2 for low, high in ends))
    if abs(away) <= half:
        return f"{away:+.3g} ({away - half:+.3g} … {away + half:+.3g}): no difference shown"
    is_better = (away < 0) == (first.better == "lower")
    word = "better" if is_better else "worse"
    return f"{away:+.3g} ({away - half:+.3g} … {away + half:+.3g}): {word}"


def shared_real_images(runs: Sequence[Run]) -> str:
    """What is to be known of differences from the first run where real images are the same ones.

    What chance has put into these is in both values then, and leaves the difference: an interval
    that takes them as independent is too wide.
    """
    first = runs[0]
    others = [
        run
        for run in runs[1:]
        if _measured_against(run) == _measured_against(first)
        and any(_has_interval(first, run, key) for key in first.latest)
    ]
    if not others:
        return ""
    seeds = sorted({run.record.config["seed"] for run in (first, *others)})
    listed = " and ".join(map(str, seeds))
    split = str(first.record.card.get("split_hash", ""))[:16]
    names = _and([first.name, *(run.name for run in others)])
    said = (
        f"{names} were measured with the same protocols against the same real images (split "
        f"{split}, seed{'s' * (len(seeds) > 1)} {listed}). Their chance is in each value, so that "
        "these intervals are wider than need be: better and worse stand, but “no difference shown” "
        "may hide one."
    )
    kinds = {registry.load("model", run.record.family).kind for run in (first, *others)}
    if kinds != {"sampler"}:
        return said
    data = first.record.config["data"]
    paths = ",".join(str(run.record.path) for run in (first, *others))
    return (
        f"{said} The interval of the paired difference is what dermgan evaluate "
        f"--real={data['dataset']}:{data['split']} --fake={paths} gives."
    )


def _measured_against(run: Run) -> tuple[str, ...]:
    """The real images, and what else of the data decides how they look."""
    data = config_schema.flatten(run.record.config)
    names = ("resolution", "channels", "frame", "mirror")
    return *run.real_images, *(repr(data.get(f"data.{name}")) for name in names)


def _has_interval(first: Run, other: Run, key: str) -> bool:
    """Whether the difference of a value can be told with one."""
    values = [run.latest[key].value for run in (first, other) if key in run.latest]
    alike = len({(value.protocol, value.n) for value in values}) == 1
    return alike and len(values) == 2 and all(map(metric_values.interval, values))


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def curves(runs: Sequence[Run], key: str) -> Figure:
    """A measurement of all runs over training, with the intervals as bands."""
    with matplotlib.rc_context(STYLE):
        one = next(run.latest[key] for run in runs if key in run.latest)
        figure, axes = new_figure(metric_texts.of(one.name).label)
        for i, run in enumerate(runs):
            rows = figures.having(run.record.rows, key)
            colour, dash = SERIES[i % len(SERIES)], DASHES[i // len(SERIES)]
            kimg = [row["images"] / 1000 for row in rows]
            values = [row["metrics"][key].value for row in rows]
            numbers = [value.value if value.is_finite else math.nan for value in values]
            dots = {"label": run.name, "marker": "o", "markersize": 3}
            (line,) = axes.plot(kimg, numbers, dash, color=colour, **dots)
            hover.tell(line, [metric_values.with_spread(value) for value in values])
            ends = [metric_values.interval(value) or (math.nan, math.nan) for value in values]
            if ends:
                axes.fill_between(kimg, *zip(*ends, strict=True), color=colour, alpha=0.15, lw=0)
        axes.set_xlabel(figures.IMAGES_AXIS)
        figure.legend(loc="outside upper left", ncols=2, fontsize=9.5)
    return figure


def same_latents(runs: Sequence[Run]) -> bool:
    """Whether all sheets are of the same latents: one family, seed, grid and size of latents.

    Of models that see images, whether they are of the same inputs.
    """
    fields = ("model.name", "model.latent_size", "model.conditional", "seed", "eval.grid")
    flat = [config_schema.flatten(run.record.config) for run in runs]
    alike = len({tuple(repr(one.get(field)) for field in fields) for one in flat}) == 1
    of_noise = all("model.latent_size" in one for one in flat)
    return alike and (of_noise or len({run.real_images for run in runs}) == 1)


def differing_fields(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Fields of the configurations that are not the same in all: name, value in each run."""
    flat = [config_schema.flatten(run.record.config) for run in runs]
    keys = sorted({key for one in flat for key in one} - {"title"})
    return [
        (key, [repr(one[key]) if key in one else "none" for one in flat])
        for key in keys
        if len({repr(one.get(key)) for one in flat}) > 1
    ]

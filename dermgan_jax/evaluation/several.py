"""Several fake sides against one real side: values side by side, paired differences, ranks."""

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import files
from dermgan_jax.evaluation.image_sources import (
    config_of_a_workdir,
    is_workdir,
    require_source,
    split_name,
)
from dermgan_jax.evaluation.question import Evaluation, Question, evaluate
from dermgan_jax.files import Path
from dermgan_jax.metrics.measurement_table import columns_of_text
from dermgan_jax.metrics.ranking import Ranks, agreement, ranks
from dermgan_jax.runs.workdir import WorkDir

LEAST_P = 1e-4  # smaller ones are beyond what a normal approximation tells


@dataclasses.dataclass(frozen=True)
class Several:
    """Evaluations of the same real images.

    Attributes:
      evaluations: by the name of the fake side.
      ranks: the order by each value that can be ranked.
      unranked: value -> why there is no order.
    """

    evaluations: Mapping[str, Evaluation]
    ranks: Sequence[Ranks]
    unranked: Mapping[str, str]

    def text(self) -> str:
        """Tables of values, of ranks and of differences, with the warnings."""
        parts = [f"{name}\n{found.text()}" for name, found in self.evaluations.items()]
        parts += [_ranks_text(self.ranks)] if self.ranks else []
        parts += beyond_real(self.evaluations)
        parts += [f"note: no ranks by {name}: {reason}" for name, reason in self.unranked.items()]
        return "\n\n".join(parts)

    def to_json(self) -> dict[str, Any]:
        """{"evaluations": by name, "ranks", "unranked", "agreement"}."""
        return {
            "evaluations": {name: each.to_json() for name, each in self.evaluations.items()},
            "ranks": [
                {**each._asdict(), "differences": [one._asdict() for one in each.differences]}
                for each in self.ranks
            ],
            "unranked": dict(self.unranked),
            "agreement": agreement(self.ranks),
        }


def evaluate_several(
    question: Question,
    fakes: Sequence[str],
    config: FrozenConfigDict | None = None,
    weights: Path | None = None,
) -> Several:
    """Compares each fake side with the real one, and the fake sides with each other.

    Args:
      question: its `fake` is not looked at.
      fakes: names of sources, no one twice.
      config: as of `evaluate`; the same for all sides, by default that of the first run among them.
      weights: as of `evaluate`.

    Raises:
      UserError: as `evaluate`.
    """
    found = {}
    for name in (question.real, *fakes):
        require_source(name)
    config = config or config_of_a_workdir(question.real, *fakes)
    _tell_of_other_preparations(question.real, fakes, config)
    for name in fakes:
        print(f"== {name}", file=sys.stderr, flush=True)
        found[name] = evaluate(dataclasses.replace(question, fake=name), config, weights)
    return ranked(found, question.seed)


def _tell_of_other_preparations(
    real: str, fakes: Sequence[str], config: FrozenConfigDict | None
) -> None:
    """Says which runs learned from images that were prepared otherwise than a split is here."""
    if config is None or split_name(real) is None:
        return
    for name in filter(is_workdir, fakes):
        own = WorkDir(files.to_path(name)).read_config()
        other = config_schema.differences({"data": config.data}, {"data": own.data})
        if other:
            files.tell_once(
                f"note: {real} is the same for all sides; {name} learned from images that were "
                f"prepared otherwise: {', '.join(other)}"
            )


def ranked(evaluations: Mapping[str, Evaluation], seed: int) -> Several:
    """The orders of evaluations that were measured against the same real images."""
    orders, unranked = [], {}
    first = next(iter(evaluations.values()))
    for key in first.measured:
        values = {
            name: each.measured[key].value
            for name, each in evaluations.items()
            if key in each.measured
        }
        order = ranks(values, seed=seed)
        if isinstance(order, str):
            unranked[key] = order
        else:
            orders.append(order)
    return Several(evaluations, orders, unranked)


def beyond_real(evaluations: Mapping[str, Evaluation]) -> list[str]:
    """A note of values that are better than those of real images against each other."""
    found = []
    for name, each in evaluations.items():
        for key, one in each.measured.items():
            bound, ends = one.real_against_real, one.value.interval
            if bound is None or ends is None:
                continue
            low, high = bound.interval or (bound.value, bound.value)
            if ends[1] < low if one.value.better == "lower" else ends[0] > high:
                found.append(f"{key} of {name}")
    if not found:
        return []
    return [
        f"note: {', '.join(found)}: beyond real against real, which is no merit, as images that "
        "are all typical, copies, or more images do so: do not read these ranks as better or worse"
    ]


def _ranks_text(found: Sequence[Ranks]) -> str:
    """Ranks with their intervals, how firm they are, and differences in pairs."""
    sides = list(found[0].rank)
    rows = [("rank (of other draws)", *sides, "order survives")]
    for each in found:
        cells = [
            f"{each.rank[side]} ({each.interval[side][0]}–{each.interval[side][1]})"
            for side in sides
        ]
        rows.append((each.metric, *cells, f"{each.survives:.0%}"))
    lines = [columns_of_text(rows)]
    together = agreement(found)
    if together is not None:
        lines.append(
            f"agreement of the metrics' orders (Kendall's W, 1 = all the same): {together:.2f}"
        )
    rows = [("difference", "value", "95 % interval", "p (Holm)", "")]
    for each in found:
        rows += [
            (
                f"{each.metric}: {one.first} − {one.second}",
                f"{one.value:.4g}",
                f"{one.interval[0]:.4g} … {one.interval[1]:.4g}",
                f"{one.p:.2g}" if one.p >= LEAST_P else f"< {LEAST_P:g}",
                "taken as independent" if each.unpaired else "paired",
            )
            for one in each.differences
        ]
    return "\n".join([*lines, "", columns_of_text(rows)])

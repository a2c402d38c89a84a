"""What commands found out about a run after training, as its report shows it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from dermgan_jax import stored_json
from dermgan_jax.errors import UserError
from dermgan_jax.evaluation import membership, memorisation_tests
from dermgan_jax.evaluation.audit_conclusion import AuditResult, sentences
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement
from dermgan_jax.metrics.measurement_table import kid_before_fid
from dermgan_jax.report import judge_finding, metric_texts, metric_values, readers_finding
from dermgan_jax.report.html import picture_of
from dermgan_jax.report.run_record import utc
from dermgan_jax.runs import findings
from dermgan_jax.runs.findings import AUDIT, EVALUATION, FILTER, JUDGE, READERS, Finding

SHEET_WIDTH = 1200  # pixels
SHOWN = 3  # of a kind, the newest; audits that found copies beside them


class Row(TypedDict):
    """Of a table of subgroups; see `statistics.acceptance.Accepted`."""

    column: str
    value: str
    n: int
    chosen: int
    by_chance: float
    p: float
    share: float
    share_chosen: float
    reference: float | None
    p_missing: NotRequired[float]


class Represented(TypedDict):
    """The subgroups of an audit; see `evaluation.subgroup_coverage`."""

    shares: list[Row]
    coverage: list[Row]
    num_real: int
    num_fake: int


class FilterResult(TypedDict):
    """What is read of a filter's result."""

    rule: str
    protocol: str
    input: str
    checkpoint: int
    n: int
    kept: int
    accept_rate: float
    chosen_by: str
    subgroups: list[Row]
    warnings: list[str]
    notes: list[str]


class Cell(TypedDict):
    """A value within a subgroup, or why there is none."""

    value: NotRequired[float]
    interval: NotRequired[tuple[float, float] | None]
    reason: NotRequired[str]


class Within(TypedDict):
    """Values within a subgroup; see `evaluation.subgroup_values.Subgroup`."""

    column: str
    value: str
    n_real: int
    n_fake: int
    both: bool
    cells: dict[str, Cell]


class EvaluationResult(TypedDict):
    """What is read of an evaluation."""

    real: str
    fake: str
    seed: int
    metrics: dict[str, Any]
    warnings: list[str]
    made_by: NotRequired[dict[str, Any]]
    subgroups: NotRequired[list[Within]]


_RESULTS = {AUDIT: AuditResult, EVALUATION: EvaluationResult, FILTER: FilterResult}
_VIEWS = {JUDGE: judge_finding.read, READERS: readers_finding.read}


@dataclasses.dataclass(frozen=True)
class Later:
    """Findings by kind, the newest first, each as its command wrote it, with "when".

    Attributes:
      audits, filters: results; all audits that found copies are among them.
      evaluations: results, whose "measured" are `Measurement`s.
      judges: as `judge_finding` reads them.
      readers: as `readers_finding` reads them; of a study the newest result.
      left_out: older ones of each kind that are not shown, in number.
    """

    audits: Sequence[dict[str, Any]]
    filters: Sequence[dict[str, Any]]
    evaluations: Sequence[dict[str, Any]]
    judges: Sequence[dict[str, Any]]
    readers: Sequence[dict[str, Any]]
    left_out: int

    def __bool__(self) -> bool:
        return any((self.audits, self.filters, self.evaluations, self.judges, self.readers))


def read(workdir: Any) -> Later:
    """What a work directory holds.

    Raises:
      UserError: if a file is damaged.
    """
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in (*_RESULTS, *_VIEWS)}
    for one in reversed(findings.read(workdir)):
        if one.kind in found:
            found[one.kind].append(_checked(one))
    newest = {each["study"]: each for each in reversed(found[READERS])}
    current = {**found, READERS: [each for each in found[READERS] if each in newest.values()]}
    shown = {
        kind: [one for i, one in enumerate(ones) if i < SHOWN or one.get("refusal")]
        for kind, ones in current.items()
    }
    return Later(
        *(shown[kind] for kind in (AUDIT, FILTER, EVALUATION, JUDGE, READERS)),
        left_out=sum(len(found[kind]) - len(shown[kind]) for kind in found),
    )


def _checked(one: Finding) -> dict[str, Any]:
    """A result, of the types that are read.

    Raises:
      UserError: if it is not.
    """
    try:
        if view := _VIEWS.get(one.kind):
            result = view(one.result)
        else:
            result = dict(stored_json.structure(one.result, _RESULTS[one.kind]))
        result["when"] = utc(one.at)
        if one.kind in (AUDIT, JUDGE):
            result["picture"] = one.picture and picture_of(one.picture, SHEET_WIDTH)
        if one.kind == EVALUATION:
            result["measured"] = tuple(measurement_json.from_json(result["metrics"]).values())
            result["lines"] = lines_of(result["measured"])
            told = {caution for line in result["lines"] for caution in line["cautions"]}
            result["notes"] = [
                note for note in result["warnings"] if note.removeprefix("warning: ") not in told
            ]
            result["within"] = _within(result.get("subgroups", []))
        if one.kind == AUDIT:
            result["sentences"] = sentences(result)
            step = (result.get("made_by") or {}).get("checkpoint")
            result["checkpoint"] = f" (checkpoint {step})" if isinstance(step, int) else ""
            result |= _memorisation(result)
            found = result.get("subgroups")
            result["subgroups"] = found and stored_json.structure(found, Represented)
    except (ValueError, LookupError, TypeError, OverflowError) as error:
        raise UserError(f"{one.source} is damaged ({error}): {findings.REMEDY}") from error
    return result


def _memorisation(result: dict[str, Any]) -> dict[str, Any]:
    """What tests in print and membership inference say in an audit: a sentence and lines of each;
    "points" names the tests that point towards copies."""
    found: dict[str, Any] = {"points": "", "tests_say": "", "membership_says": ""}
    if "tests" in result:
        tests = stored_json.structure(result["tests"], memorisation_tests.Tests)
        points = memorisation_tests.points_towards_copies(tests)
        named = [name for name in points if points[name]]
        found["points"] = memorisation_tests.listed(named) if named else ""
        found["tests_point"] = bool(points)
        found["tests_say"] = memorisation_tests.sentence(tests)
        found["tests_lines"] = memorisation_tests.lines(tests)[1:]
    if "membership" in result:
        told = stored_json.structure(result["membership"], membership.Told)
        found["membership_says"] = told["sentence"]
        *lines, _ = membership.lines(told)
        found["membership_lines"] = [line.removeprefix("membership: ") for line in lines]
    return found


def _within(subgroups: Sequence[Within]) -> dict[str, Any] | None:
    """A table of subgroups: {"titles", "where", "rows"}; "where" is the feature space of all, if
    there is one, and a reason that all of a row share stands once."""
    if not subgroups:
        return None
    names = list(subgroups[0]["cells"])
    rows = []
    for each in subgroups:
        cells = [each["cells"][name] for name in names]
        reasons = {cell.get("reason", "") for cell in cells}
        (reason,) = reasons if len(reasons) == 1 else ("",)
        rows.append(
            {**each, "texts": [_text_and_interval(cell) for cell in cells]} | {"reason": reason}
        )
    spaces = {name.partition(":")[2] for name in names}
    where = metric_texts.SPACES.get(*[spaces.pop()] * 2) if len(spaces) == 1 else ""
    titles = [metric_texts.of(name).short.removesuffix(f" ({where})") for name in names]
    return {"titles": titles, "where": where, "rows": rows}


def _text_and_interval(cell: Cell) -> tuple[str, str]:
    value, ends = cell.get("value"), cell.get("interval")
    if value is None:
        return cell.get("reason", ""), ""
    around = " … ".join(f"{end:.3g}" for end in ends).replace("-", "−") if ends else ""
    return f"{value:.3g}".replace("-", "−"), around


def lines_of(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A line of a table for each value."""
    return [
        {
            "title": metric_texts.of(one.value.name).title,
            "number": metric_values.with_spread(one.value),
            "bound": one.real_against_real and metric_values.with_spread(one.real_against_real),
            "images": metric_values.images(one.value),
            "protocol": one.value.protocol,
            "cautions": metric_values.cautions(one),
        }
        for one in kid_before_fid(measured)
    ]

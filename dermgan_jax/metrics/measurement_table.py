"""Measurements as a table of text, and what has to be known before believing them."""

from collections.abc import Iterable, Sequence

from dermgan_jax.metrics.measurement import (
    ENOUGH_FOR_FID,
    FID_PROTOCOLS,
    ClassPair,
    Measurement,
    is_frechet,
)

HEADINGS = ("metric", "value", "95 % interval", "real vs real", "class vs class", "n", "protocol")


def kid_before_fid(measured: Iterable[Measurement]) -> list[Measurement]:
    """In the order in which readers should see them: biased distances last."""
    return sorted(measured, key=lambda one: is_frechet(one.name))


def warnings(measured: Iterable[Measurement]) -> list[str]:
    """What a reader of these values has to know before believing them."""
    found = [
        f"warning: {one.name} of {one.value.fewest} images is biased upwards (fewer than "
        f"{ENOUGH_FOR_FID}); compare it only at equal numbers, and read KID and its interval first"
        for one in measured
        if one.name in FID_PROTOCOLS and one.value.fewest < ENOUGH_FOR_FID
    ]
    return list(dict.fromkeys(found))


def table(measured: Iterable[Measurement]) -> str:
    """A line per measurement and detail; columns that would be empty are left out."""
    rows = [HEADINGS]
    for one in kid_before_fid(measured):
        rows += _rows(one)
    return columns_of_text(rows)


def columns_of_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first of headings, as lines; columns that would be empty are left out."""
    last = len(rows[0]) - 1
    empty = {i for i in range(1, last) if all(row[i] in ("", "-") for row in rows[1:])}
    kept = [[cell for i, cell in enumerate(row) if i not in empty] for row in rows]
    widths = [max(map(len, column)) for column in zip(*kept, strict=True)]
    return "\n".join(_line(row, widths) for row in kept)


def _rows(one: Measurement) -> list[tuple[str, ...]]:
    value, bound = one.value, one.real_against_real
    n = str(value.n) if bound is None or bound.n == value.n else f"{value.n} ({bound.n})"
    details = {} if bound is None else bound.details
    return [
        (
            one.key,
            _number(value.value),
            " … ".join(map(_number, value.interval or ())) or "-",
            _number(None if bound is None else bound.value),
            _nearest(one.nearest_classes),
            n,
            value.protocol,
        ),
        *(
            (f"  {part}", _number(number), "", _number(details.get(part)), "", "", "")
            for part, number in value.details.items()
        ),
    ]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *cells, protocol = row
    padded = [f"{cell:>{width}}" for cell, width in zip(cells, widths[1:-1], strict=True)]
    return "  ".join([f"{name:<{widths[0]}}", *padded, protocol]).rstrip()


def _nearest(pair: ClassPair | None) -> str:
    """Such as "34.5 (bkl, mel; 99 each)", of the two classes least apart."""
    if pair is None:
        return "-"
    return f"{_number(pair.value)} ({', '.join(pair.classes)}; {pair.n} each)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

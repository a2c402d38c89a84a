"""What `filter` tells of its choice: table, JSON file, contact sheets, lines on the terminal."""

import csv
import io
import json
from typing import Any

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.contact_sheet import contact_sheet
from dermgan_jax.files import Path
from dermgan_jax.synthesis.candidates import Candidates
from dermgan_jax.synthesis.made_by import MadeBy
from dermgan_jax.synthesis.marked_images import save_sheet

SCORES = ("scores.csv", "scores.json")
SHEET_COMMENT = "synthetic images with their scores"
SHOWN, COLUMNS = 32, 8  # of a contact sheet


def write(
    out: Path, candidates: Candidates, scores: np.ndarray, kept: np.ndarray, result: dict[str, Any]
) -> None:
    """Writes the scores (N,) and bool (N,), and the result, in the folder or beside the .npz."""
    table_file, json_file = (out / name for name in SCORES)
    if out.suffix == ".npz":
        stem = _beside(out)
        table_file, json_file = (stem.with_name(f"{stem.name}_{name}") for name in SCORES)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("name", "class", "score", "kept"))
    rows = zip(candidates.names, candidates.classes, scores, kept, strict=True)
    writer.writerows((name, label, repr(float(s)), int(k)) for name, label, s, k in rows)
    files.write_text(table_file, table.getvalue())
    files.write_text(json_file, json.dumps(result, indent=2) + "\n")


def draw_sheets(out: Path, candidates: Candidates, scores: np.ndarray, told: MadeBy | None) -> None:
    """Draws the best and the worst images, with their scores."""
    order = np.argsort(-scores, kind="stable")
    for name, shown in (("best", order[:SHOWN]), ("worst", order[::-1][:SHOWN])):
        captions = [f"{scores[i]:.3g} {candidates.classes[i]}".strip() for i in shown]
        sheet = contact_sheet(list(candidates.images[shown]), captions, COLUMNS)
        save_sheet(sheet, sheets(out)[name], told, SHEET_COMMENT)


def _beside(out: Path) -> Path:
    """What the names of files that lie beside the kept images begin with."""
    place = files.absolute(out)
    return place.with_suffix("") if out.suffix == ".npz" else place


def sheets(out: Path) -> dict[str, Path]:
    """Where the sheets of the best and the worst images lie."""
    stem = _beside(out)
    return {name: stem.with_name(f"{stem.name}_{name}.png") for name in ("best", "worst")}


def text(result: dict[str, Any], out: Path) -> str:
    """Lines for the terminal."""
    of_strata = result["threshold"] if isinstance(result["threshold"], dict) else {}
    lines = [
        f"kept {result['kept']} of {result['n']} images ({result['accept_rate']:.1%}) in {out}",
        f"rule: {result['protocol']}, checkpoint {result['checkpoint']}; {result['chosen_by']}"
        + ("" if of_strata else f": {result['threshold']:.4g}"),
    ]
    for name, counts in result["classes"].items():
        if name:
            limit = f", from {of_strata[name]:.4g}" if name in of_strata else ""
            share = f"{counts['kept']} of {counts['n']} ({counts['accept_rate']:.1%})"
            lines.append(f"  {name}: {share}{limit}")
    lines += _table(result["subgroups"])
    if not result["kept"]:
        lines.append("warning: no image reached the threshold")
    return "\n".join([*lines, *result["notes"], *result["warnings"]])


def _table(subgroups: list[dict[str, Any]]) -> list[str]:
    """Acceptance by subgroup; nothing where there are none."""
    rows = [row for row in subgroups if row["column"] != "class"]
    if not rows:
        return []
    head = f"  {'subgroup':32}{'kept':>14}{'by chance':>11}{'before':>8}{'after':>7}{'reals':>7}"
    lines = [head]
    for row in rows:
        name = f"{row['column']}: {row['value']}"
        reference = "?" if row["reference"] is None else f"{row['reference']:.0%}"
        sign = f"  p {row['p']:.1g}" if row["p"] < 0.05 else ""
        lines.append(
            f"  {name:32}{row['chosen']:5} of {row['n']:5}{row['by_chance']:11.1f}"
            f"{row['share']:8.0%}{row['share_chosen']:7.0%}{reference:>7}{sign}"
        )
    return lines

"""Plots of a page: a figure with its title and a line on how to read it."""

from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure

from dermgan_jax.report.style import to_svg


def plots(drawn: Iterable[tuple[str, Figure | None, str]]) -> list[dict[str, Any]]:
    """Those of (title, figure, note) whose figure could be drawn, as templates show them."""
    return [
        {"title": title, "svg": to_svg(figure, title), "note": note}
        for title, figure, note in drawn
        if figure is not None
    ]

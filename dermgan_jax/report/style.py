"""Colours and type of every figure, and a figure as inline SVG."""

import io
import re

import matplotlib
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from dermgan_jax.report import hover

# Okabe and Ito's colours, which colour-blind readers can tell apart. `to_svg` turns them into CSS
# variables, so that the page can adapt them to light and dark mode.
DASHES = ("-", "--", ":")  # of more curves than there are colours
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK, HAIRLINE, FADE = "#1a1a1b", "#c8c8c9", "#80808a"
_CSS = {
    **{colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, start=1)},
    INK: "currentColor",
    HAIRLINE: "var(--hairline)",
    FADE: "var(--fade)",
}
STYLE = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.color": HAIRLINE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.fonttype": "none",  # text stays text, in the page's font
    "svg.hashsalt": "dermgan_jax",
    "text.color": INK,
    "text.parse_math": False,  # a name may hold dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
}


def to_svg(figure: Figure, title: str) -> Markup:
    """The figure as an SVG element to put into HTML: no size of its own, colours from CSS.

    Matplotlib escapes what is written in a figure; the title is escaped here. Curves tell their
    values, see `hover`.

    Args:
      figure: drawn in this module's colours.
      title: plain text, what screen readers say.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)  # HTML needs neither
    label = f'role="img" aria-label="{escape(title)}"'
    svg = re.sub(r'width="[^"]*" height="[^"]*"', lambda _: label, svg, count=1)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the same in every figure of a page
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for colour, variable in _CSS.items():
        svg = svg.replace(colour, variable)
    svg = svg.strip().removesuffix("</svg>")
    return Markup(f"{svg}{hover.strips(figure)}</svg>")

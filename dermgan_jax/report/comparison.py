"""The report of a comparison of models: one HTML file that needs nothing beside it."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax import registry
from dermgan_jax.data.image_files import grid
from dermgan_jax.files import Path
from dermgan_jax.metrics import power_spectrum
from dermgan_jax.report import hover, metric_texts, metric_values
from dermgan_jax.report.figures import new_figure
from dermgan_jax.report.html import arrays, picture, picture_of, write_page
from dermgan_jax.report.style import SERIES, STYLE, to_svg
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies import comparison_result
from dermgan_jax.studies.comparison_result import EXAMPLES_FILE, ComparisonResult

ROWS, COLUMNS = 3, 8  # of a model's sheet
WIDTH = 1200  # pixels of a picture, at most
CLOSE_UPS = 4  # images of which the middle is enlarged
RANGE = 12.0  # decibels at which a spectrum's colours end


def build(path: Path) -> Path:
    """Writes STUDY/report.html from STUDY/comparison.json and the models' folders."""
    result = comparison_result.read(path)
    first = result.models[result.ranking[0]]
    parts = {
        "title": result.title,
        "data": result.data,
        "phantom": result.data["dataset"] in registry.DRAWN_DATASETS,
        "total_kimg": result.total_kimg,
        "images": first.images,
        "real_images": first.real_images,
        "sentence": sentence(result),
        "headings": [metric_texts.of(one.name).short for one in first.values.values()],
        "lines": lines(result),
        "spectrum": to_svg(spectrum_figure(result), "power spectra"),
        "models": [{"name": name, **pictures(path / name)} for name in result.ranking],
        "excesses": {name: f"{model.excess:+.1f}" for name, model in result.models.items()},
        "warnings": sorted({line for model in result.models.values() for line in model.warnings}),
    }
    return write_page(WorkDir(path).report, "comparison.html.jinja", parts)


def sentence(result: ComparisonResult) -> str:
    """Which model came closest to the real images, by how much, and whether all metrics agree."""
    nearest = result.models[result.ranking[0]].lead
    ranking = ", ".join(
        f"{name} {metric_values.number(result.models[name].lead.value)}" for name in result.ranking
    )
    short, bound = metric_texts.of(nearest.name).short, nearest.real_against_real
    text = f"By {short}, {result.ranking[0]} comes closest to the real images: {ranking}"
    text += f"; real against real {metric_values.number(bound)}." if bound else "."
    return text + _disagreement(result)


def _disagreement(result: ComparisonResult) -> str:
    """Which metrics would have named another model."""
    nearest = result.ranking[0]
    others: dict[str, list[str]] = {}
    for key, one in list(result.models[nearest].values.items())[1:]:
        better = min(
            result.models, key=lambda name: result.models[name].values[key].value.lower_is_better
        )
        if better != nearest:
            others.setdefault(better, []).append(metric_texts.of(one.name).short)
    return "".join(f" By {' and '.join(names)} it is {model}." for model, names in others.items())


def lines(result: ComparisonResult) -> list[tuple[str, list[tuple[str, str]]]]:
    """Real against real, then every model: (name, [(number, spread)] by metric)."""
    first = result.models[result.ranking[0]].values
    bounds = [one.real_against_real for one in first.values()]
    rows = [
        ("real against real", [(metric_values.number(b) if b else "–", "") for b in bounds]),
    ]
    for name in result.ranking:
        values = [one.value for one in result.models[name].values.values()]
        rows.append((name, [(metric_values.number(v), metric_values.spread(v)) for v in values]))
    return rows


def spectrum_figure(result: ComparisonResult) -> Figure:
    """Power over that of the real images, by frequency; 0 is as it should be."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure("power against real, dB")
        axes.set_xlabel("cycles per pixel")
        axes.axhline(0, color=SERIES[2], linewidth=1, label="real")
        colours = (SERIES[0], SERIES[1], SERIES[3], SERIES[4])
        for name, colour in zip(result.ranking, colours, strict=False):
            model = result.models[name]
            power, real = np.array(model.spectrum), np.array(model.real_spectrum)
            frequencies = np.arange(1, len(power) + 1) * 0.5 / len(power)
            level = power_spectrum.decibels(power, real)
            hover.tell(axes.plot(frequencies, level, color=colour, label=name)[0])
        figure.legend(loc="outside upper left", ncols=4, fontsize=9.5)
    return figure


def pictures(workdir: Path) -> dict[str, Any]:
    """Pictures of one model: sheet, close-ups, spectrum and walk, as the template shows them."""
    images, power, real = arrays(workdir / EXAMPLES_FILE, "images", "power", "real_power")
    side = images.shape[1]
    middle = slice(side // 4, side - side // 4)
    close_ups = images[:CLOSE_UPS, middle, middle].repeat(2, axis=1).repeat(2, axis=2)
    drawn = {
        "sheet": grid(images, ROWS, COLUMNS),
        "close_ups": grid(close_ups, 1, CLOSE_UPS),
        "spectrum": spectrum_image(power, real),
    }
    shown = {
        name: picture(Image.fromarray(array.squeeze()), WIDTH) for name, array in drawn.items()
    }
    return {**shown, "walk": picture_of(workdir / "walk" / "strip.png", WIDTH)}


def spectrum_image(power: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Decibels against the reference as colours: blue too little, white equal, red too much.

    Args:
      power, reference: (H, W) of `power_spectrum.mean_power`.

    Returns:
      uint8 (H, W, 3); colours are full at ±12 dB.
    """
    share = np.clip(power_spectrum.decibels(power, reference) / RANGE, -1, 1)[..., None]
    red, blue = np.array([213.0, 94, 0]), np.array([0.0, 114, 178])
    ends = np.where(share > 0, red, blue)
    return np.rint(255 + np.abs(share) * (ends - 255)).astype(np.uint8)

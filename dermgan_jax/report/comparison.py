"""The report of a comparison of models: one HTML file that needs nothing beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from dermgan_jax.data.image_files import grid
from dermgan_jax.evaluation.evaluate import LOWER_BOUND, is_yardstick
from dermgan_jax.metrics import power_spectrum
from dermgan_jax.report import metric_texts, metric_values
from dermgan_jax.report.figures import new_figure
from dermgan_jax.report.html import environment, picture
from dermgan_jax.report.style import SERIES, STYLE, to_svg
from dermgan_jax.runs.workdir import write_atomically

ROWS, COLUMNS = 3, 8  # of a model's sheet
WIDTH = 1200  # pixels of a picture, at most
CLOSE_UPS = 4  # images of which the middle is enlarged
RANGE = 12.0  # decibels at which a spectrum's colours end


def build(path: Path) -> Path:
    """Writes STUDY/report.html from STUDY/comparison.json and the models' folders."""
    result = json.loads((path / "comparison.json").read_text())
    models = result["models"]
    order = sorted(models, key=lambda name: models[name]["values"][lead(models)]["value"])
    html = (
        environment()
        .get_template("comparison.html.jinja")
        .render(
            title=result["title"],
            data=result["data"],
            phantom=result["data"]["dataset"].startswith("phantom"),
            total_kimg=result["total_kimg"],
            images=models[order[0]]["images"],
            real_images=models[order[0]]["real_images"],
            sentence=sentence(models),
            headings=[metric_texts.of(name).short for name in metric_names(models)],
            lines=lines(models, order),
            spectrum=Markup(to_svg(spectrum_figure(models, order), "power spectra")),
            models=[{"name": name, **pictures(path / name)} for name in order],
            excesses={name: f"{models[name]['excess']:+.1f}" for name in order},
            warnings=sorted({line for model in models.values() for line in model["warnings"]}),
        )
    )
    write_atomically(path / "report.html", html)
    return path / "report.html"


def metric_names(models: Mapping[str, Any]) -> list[str]:
    """The metrics that were computed, in order."""
    values = next(iter(models.values()))["values"]
    return [name for name in values if not is_yardstick(name)]


def lead(models: Mapping[str, Any]) -> str:
    """The metric that models are ranked by."""
    return metric_names(models)[0]


def sentence(models: Mapping[str, Any]) -> str:
    """Which model came closest to the real images, by how much, and whether all metrics agree."""
    name = lead(models)
    order = sorted(models, key=lambda model: models[model]["values"][name]["value"])
    numbers = [metric_values.number(models[model]["values"][name]) for model in order]
    ranking = ", ".join(f"{model} {number}" for model, number in zip(order, numbers, strict=True))
    bound = models[order[0]]["values"].get(name + LOWER_BOUND)
    text = (
        f"By {metric_texts.of(name).short}, {order[0]} comes closest to the real images: {ranking}"
    )
    text += f"; real against real {metric_values.number(bound)}." if bound else "."
    return text + _disagreement(models, order[0])


def _disagreement(models: Mapping[str, Any], nearest: str) -> str:
    """Which metrics would have named another model."""
    others: dict[str, list[str]] = {}
    for name in metric_names(models)[1:]:
        if models[nearest]["values"][name]["better"] != "lower":
            continue
        better = min(models, key=lambda model: models[model]["values"][name]["value"])
        if better != nearest:
            others.setdefault(better, []).append(metric_texts.of(name).short)
    return "".join(f" By {' and '.join(names)} it is {model}." for model, names in others.items())


def lines(models: Mapping[str, Any], order: list[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Real against real, then every model: (name, [(number, spread)] by metric)."""
    names = metric_names(models)
    first = models[order[0]]["values"]
    bounds = [first.get(name + LOWER_BOUND) for name in names]
    rows = [
        ("real against real", [(metric_values.number(b) if b else "–", "") for b in bounds]),
    ]
    for model in order:
        values = [models[model]["values"][name] for name in names]
        rows.append((model, [(metric_values.number(v), metric_values.spread(v)) for v in values]))
    return rows


def spectrum_figure(models: Mapping[str, Any], order: list[str]) -> Figure:
    """Power over that of the real images, by frequency; 0 is as it should be."""
    with matplotlib.rc_context(STYLE):
        figure, axes = new_figure("power against real, dB")
        axes.set_xlabel("cycles per pixel")
        axes.axhline(0, color=SERIES[2], linewidth=1, label="real")
        for name, colour in zip(order, (SERIES[0], SERIES[1], SERIES[3], SERIES[4]), strict=False):
            power, real = (np.array(models[name][key]) for key in ("spectrum", "real_spectrum"))
            frequencies = np.arange(1, len(power) + 1) * 0.5 / len(power)
            axes.plot(frequencies, power_spectrum.decibels(power, real), color=colour, label=name)
        figure.legend(loc="outside upper left", ncols=4, fontsize=9.5)
    return figure


def pictures(workdir: Path) -> dict[str, Any]:
    """Pictures of one model: sheet, close-ups, spectrum and walk, as the template shows them."""
    with np.load(workdir / "examples.npz") as arrays:
        images, power, real = (arrays[key] for key in ("images", "power", "real_power"))
    side = images.shape[1]
    middle = slice(side // 4, side - side // 4)
    close_ups = images[:CLOSE_UPS, middle, middle].repeat(2, axis=1).repeat(2, axis=2)
    arrays = {
        "sheet": grid(images, ROWS, COLUMNS),
        "close_ups": grid(close_ups, 1, CLOSE_UPS),
        "spectrum": spectrum_image(power, real),
    }
    shown = {
        name: picture(Image.fromarray(array.squeeze()), WIDTH) for name, array in arrays.items()
    }
    with Image.open(workdir / "walk" / "strip.png") as walk:
        return {**shown, "walk": picture(walk, WIDTH)}


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

"""Several models on the same data for the same number of images, and what they are worth.

Every model has its own work directory, STUDY/NAME, as if it had been trained alone: the study can
be stopped anywhere and continues with the same command.
"""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_npz
from dermgan_jax.data.image_sets import ImageSet, choose, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.evaluation.evaluate import LOWER_BOUND, evaluate_arrays, is_yardstick, warnings
from dermgan_jax.metrics import power_spectrum
from dermgan_jax.report.build import build
from dermgan_jax.runs.workdir import write_atomically
from dermgan_jax.studies.comparison_config import experiments
from dermgan_jax.studies.study_folder import adopt, kept, key_of
from dermgan_jax.synthesis.generate import sample_workdir
from dermgan_jax.synthesis.interpolate import interpolate
from dermgan_jax.train.loop import FINISHED, train

RESULT_FILE, TABLE_FILE = "comparison.json", "table.csv"
OF_MODEL = "comparison.json"  # in the model's own work directory
CHANGEABLE = ("total_kimg", "num_images", "metrics")  # between two runs of a study
EXAMPLES = 24  # images of a model that the report shows


def run(config: FrozenConfigDict, path: Path, weights: Path | None = None) -> str:
    """Trains every model, measures it, and writes comparison.json and table.csv.

    Args:
      config: of `comparison_config.comparison`.
      path: the study's folder, new or of the same configuration.
      weights: folder where pretrained weights are looked for first.

    Returns:
      "finished" or "preempted", as training does.

    Raises:
      UserError: if the configuration, the data or the folder is at fault.
    """
    models = experiments(config)
    _require_weights(config, weights)
    adopt(config, path, CHANGEABLE)
    measured = {}
    for name, experiment in models.items():
        found = kept(path / name / OF_MODEL, _key(config))
        if found is None:
            print(f"== {name}")
            outcome = train(experiment, path / name)
            if outcome != FINISHED:
                return outcome
            build(path / name)
            found = measure(path / name, config, experiment, weights)
        measured[name] = found
    result = {
        "title": config.title,
        "data": config.data.to_dict(),
        "total_kimg": config.total_kimg,
        "models": measured,
    }
    write_atomically(path / RESULT_FILE, json.dumps(result, indent=2) + "\n")
    with (path / TABLE_FILE).open("w", newline="") as file:
        csv.writer(file).writerows(table(measured))
    return FINISHED


def _require_weights(config: FrozenConfigDict, folder: Path | None) -> None:
    """Fails now, rather than after days of training, if a metric's weights are not there."""
    for name in config.metrics:
        load_extractor = registry.load("metric", name).load_extractor
        if load_extractor is not None:
            load_extractor(folder)


def _key(config: FrozenConfigDict) -> str:
    """What a model's values depend on besides the model."""
    return key_of(config.total_kimg, config.num_images, list(config.metrics), config.seed)


def measure(
    workdir: Path,
    config: FrozenConfigDict,
    model: FrozenConfigDict,
    weights: Path | None = None,
) -> dict[str, Any]:
    """Samples a trained model and compares with the images it was trained on; kept in its folder.

    Args:
      workdir: of the model.
      config: of the study.
      model: the model's experiment.
      weights: folder where pretrained weights are looked for first.

    Returns:
      What `json` can write: "values" (see `evaluate.evaluate_arrays`), "warnings", "spectrum" and
      "real_spectrum" (radial power), "excess" (dB), "images", "real_images", "key".
    """
    real = _real_images(model, 2 * config.num_images)
    num = min(config.num_images, len(real))
    fake = sample_workdir(workdir, num, config.seed + 1)
    values = evaluate_arrays(
        real,
        fake,
        config.metrics,
        seed=config.seed,
        mirror=config.data.mirror,
        weights=weights,
    )
    power, of_real = (power_spectrum.mean_power(images) for images in (fake, real))
    write_npz(
        np.asarray(fake[:EXAMPLES]), workdir / "examples.npz", power=power, real_power=of_real
    )
    interpolate(workdir, workdir / "walk", num=4, seed=config.seed)
    found = {
        "key": _key(config),
        "values": values,
        "warnings": warnings(values),
        "spectrum": power_spectrum.radial(power)[1].tolist(),
        "real_spectrum": power_spectrum.radial(of_real)[1].tolist(),
        "excess": power_spectrum.high_frequency_excess(power, of_real),
        "images": num,
        "real_images": len(real),
    }
    write_atomically(workdir / OF_MODEL, json.dumps(found, indent=2) + "\n")
    return found


def _real_images(model: FrozenConfigDict, most: int) -> ImageSet:
    """Random ones of the training split, enough for real against real."""
    listed = catalogue(model.data)
    rows = listed.indices(model.data.split)
    images = select(prepare(listed, at_full_size(model.data)).images, rows)
    return choose(images, most, model.seed)


def table(measured: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Table 1 of the study: real against real first, then a row per model, best SWD first.

    Returns:
      Rows of text, headings first.
    """
    first = next(iter(measured.values()))["values"]
    names = [name for name in first if not is_yardstick(name)]
    columns = [(name, part) for name in names for part in ("", *first[name]["details"])]
    head = ["model", *(f"{name} {part}".strip() for name, part in columns), "images"]
    rows = [["real against real", *(_cell(first, name + LOWER_BOUND, p) for name, p in columns)]]
    rows[0].append(str(next(iter(measured.values()))["images"]))
    order = sorted(measured, key=lambda model: measured[model]["values"][names[0]]["value"])
    for model in order:
        values = measured[model]["values"]
        cells = [_cell(values, name, part) for name, part in columns]
        rows.append([model, *cells, str(measured[model]["images"])])
    return [head, *rows]


def _cell(values: Mapping[str, Any], name: str, part: str) -> str:
    if name not in values:
        return ""
    number = values[name]["details"].get(part) if part else values[name]["value"]
    return "" if number is None else f"{number:.6g}"

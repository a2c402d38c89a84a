"""Several models on the same data for the same number of images, and what they are worth.

Every model has its own work directory, STUDY/NAME, as if it had been trained alone: the study can
be stopped anywhere and continues with the same command.
"""

from collections.abc import Mapping

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import files, registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.image_files import write_npz
from dermgan_jax.data.image_sets import ImageSet, choose, select
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.files import Path
from dermgan_jax.metrics import power_spectrum
from dermgan_jax.metrics.measure import Request, measure
from dermgan_jax.metrics.measurement import MetricValue
from dermgan_jax.metrics.measurement_table import warnings
from dermgan_jax.runs.metrics_log import FINISHED
from dermgan_jax.studies import comparison_result
from dermgan_jax.studies.comparison_config import experiments
from dermgan_jax.studies.comparison_result import EXAMPLES_FILE, ComparedModel, ComparisonResult
from dermgan_jax.studies.experiments import require_trainable
from dermgan_jax.studies.study_folder import Report, adopt, is_study, key_of, write_table
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.interpolate import interpolate
from dermgan_jax.synthesis.trained_sampler import sample_for_evaluation
from dermgan_jax.train.loop import train

CHANGEABLE = ("total_kimg", "num_images", "metrics")  # between two runs of a study
EXAMPLES = 24  # images of a model that the report shows


def run(config: FrozenConfigDict, path: Path, report: Report, weights: Path | None = None) -> str:
    """Trains every model, measures it, and writes comparison.json and table.csv.

    Arguments and result as of `augmentation.run`, the configuration of
    `comparison_config.comparison`.

    Raises:
      UserError: if the configuration, the data or the folder is at fault.
    """
    models = experiments(config)
    _require_weights(config, weights)
    if not is_study(path):
        require_trainable(models)
    adopt(config, path, CHANGEABLE)
    found: dict[str, ComparedModel] = {}
    for name, experiment in models.items():
        known = comparison_result.read_model(path / name, _key(config))
        if known is None:
            print(f"== {name}")
            outcome = train(experiment, path / name)
            if outcome != FINISHED:
                return outcome
            report(path / name)
            known = compare(path / name, config, experiment, weights)
        found[name] = known
    result = ComparisonResult(config.title, config.data.to_dict(), config.total_kimg, found)
    comparison_result.write(result, path)
    write_table(path, table(result))
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


def compare(
    workdir: Path,
    config: FrozenConfigDict,
    model: FrozenConfigDict,
    weights: Path | None = None,
) -> ComparedModel:
    """Samples a trained model and compares with the images it was trained on; kept in its folder.

    Args:
      workdir: of the model.
      config: of the study.
      model: the model's experiment.
      weights: folder where pretrained weights are looked for first.
    """
    real = _real_images(model, 2 * config.num_images)
    num = min(config.num_images, len(real))
    fake, _ = sample_for_evaluation(workdir, num, Drawing(seed=config.seed + 1))
    request = Request(tuple(config.metrics), config.seed, config.data.mirror, weights)
    measured = measure(real, fake, request)
    power, of_real = (power_spectrum.mean_power(images) for images in (fake, real))
    write_npz(np.asarray(fake[:EXAMPLES]), workdir / EXAMPLES_FILE, power=power, real_power=of_real)
    files.remove_folder(workdir / "walk")  # of an earlier checkpoint
    interpolate(workdir, workdir / "walk", num=4, drawing=Drawing(seed=config.seed))
    found = ComparedModel(
        key=_key(config),
        values=measured,
        warnings=list(warnings(measured.values())),
        spectrum=power_spectrum.radial(power)[1].tolist(),
        real_spectrum=power_spectrum.radial(of_real)[1].tolist(),
        excess=power_spectrum.high_frequency_excess(power, of_real),
        images=num,
        real_images=len(real),
    )
    comparison_result.write_model(found, workdir)
    return found


def _real_images(model: FrozenConfigDict, most: int) -> ImageSet:
    """Random ones of the training split, enough for real against real."""
    listed = catalogue(model.data)
    rows = listed.indices(model.data.split)
    images = select(prepare(listed, at_full_size(model.data)).images, rows)
    return choose(images, most, model.seed)


def table(result: ComparisonResult) -> list[list[str]]:
    """Table 1 of the study: real against real first, then a row per model, the nearest one first.

    Returns:
      Rows of text, headings first.
    """
    first = result.models[result.ranking[0]]
    columns = [
        (key, part) for key, one in first.values.items() for part in ("", *one.value.details)
    ]
    head = ["model", *(f"{key} {part}".strip() for key, part in columns), "images"]
    bounds = {key: one.real_against_real for key, one in first.values.items()}
    rows = [["real against real", *_cells(bounds, columns), str(first.images)]]
    for name in result.ranking:
        values = {key: one.value for key, one in result.models[name].values.items()}
        rows.append([name, *_cells(values, columns), str(result.models[name].images)])
    return [head, *rows]


def _cells(values: Mapping[str, MetricValue | None], columns: list[tuple[str, str]]) -> list[str]:
    cells = []
    for key, part in columns:
        value = values.get(key)
        number = None if value is None else value.details.get(part) if part else value.value
        cells.append("" if number is None else f"{number:.6g}")
    return cells

"""What a comparison of models found, as its report reads it, and as JSON."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypedDict

from dermgan_jax import files, stored_json
from dermgan_jax.files import Path
from dermgan_jax.metrics import measurement_json
from dermgan_jax.metrics.measurement import Measurement, Measurements
from dermgan_jax.studies.study_folder import read_result

# In the study's folder, and in each model's: what was found of it.
RESULT_FILE = "comparison.json"
EXAMPLES_FILE = "examples.npz"  # images, power, real_power


@dataclasses.dataclass(frozen=True)
class ComparedModel:
    """What was found of one model.

    Attributes:
      key: what the values depend on besides the model.
      values: of its samples against the images that it learned from.
      warnings: what a reader has to know before believing them.
      spectrum, real_spectrum: radial power of samples and of real images.
      excess: of the power at high frequencies, in decibels.
      images, real_images: how many were compared.
    """

    key: str
    values: Measurements
    warnings: list[str]
    spectrum: list[float]
    real_spectrum: list[float]
    excess: float
    images: int
    real_images: int

    @property
    def lead(self) -> Measurement:
        """The metric that models are ranked by: the first of the study."""
        return next(iter(self.values.values()))

    def to_json(self) -> dict[str, Any]:
        """What `json` can write."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**fields, "values": measurement_json.to_json(self.values)}


_StoredModel = TypedDict(
    "_StoredModel", {**ComparedModel.__annotations__, "values": dict[str, Any]}
)


class _Data(TypedDict):
    dataset: str
    resolution: int
    split_seed: int


class _StoredResult(TypedDict):
    title: str
    data: _Data
    total_kimg: float
    models: dict[str, dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class ComparisonResult:
    """A study's models, and what they were compared on.

    Attributes:
      title: of the study.
      data: configuration of the data.
      total_kimg: thousands of real images shown to each model.
      models: by name, in the study's order.
    """

    title: str
    data: Mapping[str, Any]
    total_kimg: float
    models: dict[str, ComparedModel]

    @property
    def ranking(self) -> list[str]:
        """Names of the models, the one nearest to the real images first."""
        return sorted(self.models, key=lambda name: self.models[name].lead.value.lower_is_better)


def write(result: ComparisonResult, folder: Path) -> None:
    """Writes the result into a study's folder."""
    models = {name: model.to_json() for name, model in result.models.items()}
    fields = {
        "title": result.title,
        "data": dict(result.data),
        "total_kimg": result.total_kimg,
        "models": models,
    }
    files.write_text(folder / RESULT_FILE, json.dumps(fields, indent=2) + "\n")


def read(folder: Path) -> ComparisonResult:
    """The inverse of `write`.

    Raises:
      UserError: if the folder holds no finished study, or the file is damaged.
    """
    return read_result(folder / RESULT_FILE, _from_json)


def write_model(model: ComparedModel, workdir: Path) -> None:
    """Writes what was found of one model into its work directory."""
    text = json.dumps(model.to_json(), indent=2)
    files.write_text(workdir / RESULT_FILE, text + "\n")


def read_model(workdir: Path, key: str) -> ComparedModel | None:
    """What was found of one model under the same key, or None."""
    file = workdir / RESULT_FILE
    if not file.is_file():
        return None
    model = read_result(file, _model)
    return model if model.key == key else None


def _from_json(plain: Mapping[str, Any]) -> ComparisonResult:
    stored = stored_json.structure(plain, _StoredResult)
    stored_json.require_inside(stored["models"], plain=True)
    models = {name: _model(fields) for name, fields in stored["models"].items()}
    if not models or len({tuple(model.values) for model in models.values()}) > 1:
        raise ValueError("its models were not measured alike")
    return ComparisonResult(stored["title"], stored["data"], stored["total_kimg"], models)


def _model(plain: Mapping[str, Any]) -> ComparedModel:
    stored = stored_json.structure(plain, _StoredModel)
    values = measurement_json.from_json(stored["values"])
    if not values or len(stored["spectrum"]) != len(stored["real_spectrum"]):
        raise ValueError("nothing was measured, or its spectra differ in length")
    return ComparedModel(**{**stored, "values": values})

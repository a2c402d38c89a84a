"""For whom a filter keeps images: subgroups of the candidates, beside those of the real images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.runs.training_data import RealImages, TrainingData
from dermgan_jax.statistics.acceptance import Accepted
from dermgan_jax.statistics.subgroups import UNKNOWN
from dermgan_jax.synthesis import subgroup_columns
from dermgan_jax.synthesis.candidates import Candidates
from dermgan_jax.synthesis.quality_rules import Judging
from dermgan_jax.synthesis.subgroup_columns import CLASS, COMPARED, Classed, Predictor


@dataclasses.dataclass(frozen=True)
class Columns:
    """Subgroups by column.

    Attributes:
      of_images: column -> values (N,) of the candidates.
      of_real: column -> values of real training images; empty if they are not there.
      predictors: of the columns that are told by a probe.
      notes: what could not be told, and why.
    """

    of_images: Mapping[str, np.ndarray]
    of_real: Mapping[str, np.ndarray]
    predictors: tuple[Predictor, ...]
    notes: tuple[str, ...]

    def strata(self, names: Sequence[str], classes: Sequence[str]) -> list[str]:
        """The stratum of each candidate: its values of the named columns; a class may be "".

        Raises:
          UserError: if a column is not known of these images.
        """
        known = {**self.of_images, CLASS: np.asarray(classes)}
        lacking = [name for name in names if name not in known]
        if lacking:
            raise UserError(
                f"--stratify={','.join(names)}: grey images have no {lacking[0]}; leave it out"
            )
        columns = [known[name] for name in names]
        return [", ".join(filter(None, map(str, values))) for values in zip(*columns, strict=True)]

    def to_json(self, accepted: Sequence[Accepted], stratify: Sequence[str]) -> dict[str, Any]:
        """JSON values: the table, and what it rests on."""
        return {
            "subgroups": [row.to_json() for row in accepted],
            "stratify": list(stratify),
            "predictors": [
                {
                    "column": each.column,
                    "values": list(each.values),
                    "validation_balanced_accuracy": each.accuracy,
                }
                for each in self.predictors
            ],
        }


def of_candidates(candidates: Candidates, judging: Judging, predict: Sequence[str]) -> Columns:
    """Columns of the candidates and of the images that the model learned from.

    Args:
      candidates: whose classes may not be known.
      judging: names the work directory and the feature space.
      predict: of `subgroup_columns.PREDICTED`.

    Raises:
      UserError: if a column cannot be predicted.
    """
    real, notes = _real(judging, bool(predict))
    shown = Classed(candidates.images, candidates.classes)
    known = real and Classed(real.images, real.class_names).some(COMPARED)
    of_images, of_real = subgroup_columns.measured(shown, known)
    predictors: list[Predictor] = []
    if predict:
        space, data = judging.space(), TrainingData(judging.workdir)
        val = data.validation("--subgroups")
        predictors = [subgroup_columns.fit(column, real, val, space) for column in predict]
        of_images |= subgroup_columns.predicted(
            predictors, space, candidates.images, "scored images"
        )
        # Real images through the same probe, so that its errors are on both sides.
        of_real |= subgroup_columns.predicted(predictors, space, val.images, "validation images")
    return Columns(of_images, of_real, tuple(predictors), notes)


def _real(judging: Judging, needed: bool) -> tuple[RealImages | None, tuple[str, ...]]:
    """The images that the model learned from, or why they cannot be told."""
    try:
        return TrainingData(judging.workdir).learned_from(), ()
    except UserError as error:
        if needed:
            raise
        return None, (f"note: the shares of subgroups among real images are not known: {error}",)


def warnings(
    accepted: Sequence[Accepted], stratify: Sequence[str], *, by_share: bool = True
) -> list[str]:
    """What a filter did to whom, and what the generator left out.

    Args:
      accepted: rows of the table.
      stratify: columns whose shares it was to keep.
      by_share: it kept a share; else what reaches a threshold, which keeps nobody's share.
    """
    found = []
    for row in accepted:
        if row.value == UNKNOWN:
            continue
        name = f"{row.column} {row.value}"
        if row.disfavoured:
            remedy = f"--stratify={','.join((*stratify, row.column))} keeps its share"
            if not by_share:
                columns = dict.fromkeys((*stratify, row.column))
                remedy = f"--keep with --stratify={','.join(columns)} keeps its share"
            elif row.column in stratify:
                remedy = "thus within strata of other columns"
            found.append(
                f"warning: {name}: kept {row.chosen} of {row.n}, by chance {row.by_chance:.1f} "
                f"(p {row.p:.1g}, corrected): {remedy}"
            )
        if row.missing:
            found.append(
                f"warning: {name}: {row.reference:.1%} of the real images, none of these: no "
                "filter can bring it back"
            )
    return found

"""How much of a result was leakage: the same study split by group and by image."""

from collections.abc import Mapping, Sequence

import numpy as np

from dermgan_jax.data.splits import GROUP, IMAGE, TEST, TRAIN
from dermgan_jax.statistics.comparison import Comparison
from dermgan_jax.studies.augmentation_arms import arm_names
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.augmentation_result import Leakage, Scores, SplitSide
from dermgan_jax.studies.held_out import LEAD, HeldOut


def leakage(
    parts: Sequence[Part], scores: Mapping[str, Scores], versus: Mapping[str, Comparison]
) -> Leakage:
    """The same arms under both ways of splitting, and how many test images leaked.

    Args:
      parts: the study by group and by image, in any order.
      scores, versus: of the first part.
    """
    first, second = parts
    test = HeldOut(second)
    answers = {arm: second.predictions(arm)[TEST] for arm in arm_names(second.config)}
    sides = {
        first.split_by: _side(HeldOut(first), scores, versus),
        second.split_by: _side(test, test.scores(answers), test.versus(answers)),
    }
    by_group, by_image = sides[GROUP], sides[IMAGE]
    noun = first.data.dataset.group_noun
    sentence = (
        f"Split by image, {by_image.shared_groups} of {by_image.test.images} test images show a "
        f"{noun} that is also in training, and the same classifier without synthetic images has a "
        f"balanced accuracy of {by_image.base[LEAD].value:.1%}; split by {noun} it has "
        f"{by_group.base[LEAD].value:.1%}."
    )
    return Leakage(by_group, by_image, sentence)


def _side(
    test: HeldOut, scores: Mapping[str, Scores], versus: Mapping[str, Comparison]
) -> SplitSide:
    data = test.part.data
    learned = {data.records[row].group for row in data.indices(TRAIN)}
    return SplitSide(
        base=scores[test.part.config.base],
        versus=dict(versus),
        shared_groups=int(np.isin(test.images.groups, list(learned)).sum()),
        test=test.size(),
    )

"""How much of a result was leakage: the same study split by lesion and by image."""

from collections.abc import Mapping, Sequence
from typing import Any

from dermgan_jax.studies.augmentation_config import arm_names
from dermgan_jax.studies.augmentation_part import Part
from dermgan_jax.studies.held_out import LEAD, HeldOut


def leakage(parts: Sequence[Part], found: Mapping[str, Any]) -> dict[str, Any]:
    """The same arms under both ways of splitting, and how many test images leaked.

    Args:
      parts: the study by lesion and by image, in any order.
      found: of the first part.
    """
    sides = {}
    for part, values in zip(parts, (found, None), strict=False):
        test = HeldOut(part)
        if values is None:
            arms = arm_names(part.config)
            values = test.compared({arm: part.predictions(arm)["test"] for arm in arms})
        learned = {part.data.records[row].group for row in part.data.indices("train")}
        sides[part.split_by] = {
            "base": values["scores"][part.config.base],
            "versus": values["versus"],
            "shared_lesions": sum(group in learned for group in test.groups),
            "test": test.size(),
        }
    by_lesion, by_image = (sides[name]["base"][LEAD]["value"] for name in ("group", "image"))
    shared, num = sides["image"]["shared_lesions"], sides["image"]["test"]["images"]
    sentence = (
        f"Split by image, {shared} of {num} test images show a lesion that is also in training, "
        "and the same classifier without synthetic images has a balanced accuracy of "
        f"{by_image:.1%}; split by lesion it has {by_lesion:.1%}."
    )
    return {**sides, "sentence": sentence}

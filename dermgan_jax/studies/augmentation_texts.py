"""How an augmentation study was done and what it cannot show, in sentences for its report."""

from dermgan_jax.data.records import GIVEN, UNKNOWN
from dermgan_jax.data.splits import GROUP, IMAGE
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies.augmentation_arms import CLASSICAL, ONLY, REAL, REDUCED, arm_names
from dermgan_jax.studies.augmentation_part import Part

SPLITS = {
    GROUP: "Images were split so that no {noun} is in two of training, validation and test.",
    IMAGE: "Images were split one by one, so that a {noun} may be in training and in test.",
}
ADDED = {
    REAL: "Synthetic images were added to the real ones without further augmentation.",
    CLASSICAL: "Synthetic images were added to the real ones, and all were augmented classically.",
}


def method(part: Part) -> list[str]:
    """What was done, a sentence each."""
    config, seeds, noun = part.config, len(part.config.seeds), part.data.dataset.group_noun
    model = config.classifier.model
    start = "pretrained on ImageNet" if model.pretrained else "from random weights"
    which = {0: "only its head was trained", -1: "all of it was trained"}.get(
        model.trained_stages, f"its last {model.trained_stages} stages and its head were trained"
    )
    found = [
        SPLITS[part.split_by].format(noun=noun),
        f"Each arm trained {seeds} classifiers ({model.network}, {start}; {which}) that differ in "
        "their seed, all for equally many optimiser steps, and all were tested on the same images.",
        f"Of each classifier the {config.checkpoint} checkpoint was used; validation images alone "
        "decided which that is.",
        ADDED[config.base],
        f"Intervals are for 95 % and come from resampling {noun}s, not images, within classes, and "
        f"from the spread over seeds; differences between arms are paired on the same {noun}s and "
        "seeds.",
        f"p-values are corrected by Holm's method for the {len(arm_names(config)) - 1} arms that "
        "were compared with the base.",
    ]
    if part.sets:
        found.append(
            "The generator learned from the training split only, its images were filtered without "
            "test images, and all parts were checked to be on the same split."
        )
    return found


def _sizes(part: Part, side: int) -> str:
    own_side = WorkDir(part.generator).read_config().data.resolution if part.sets else side
    if own_side == side:
        return (
            f"Real and synthetic images alike are {side}×{side} pixels; what needs more detail to "
            "be seen was seen by no classifier."
        )
    told = (
        f"Synthetic images were made at {own_side}×{own_side} pixels and enlarged to "
        f"{side}×{side}, so that they lack what real ones show between the two sizes."
    )
    if REDUCED in part.config.arms:
        told += (
            " The arm of real images that were reduced and enlarged alike shows what that costs "
            "by itself."
        )
    return told


def limits(part: Part) -> list[str]:
    """What the study cannot show, a sentence each."""
    config, side = part.config, part.config.data.resolution
    found = [
        _sizes(part, side),
        "One generator was trained; how much another run of it would change is not in the "
        "intervals.",
        "The test images come from the same collection as the training images: what happens with "
        "another camera, clinic or population is not known from this.",
        "Subgroups are small and are described, not tested.",
        "A classifier that gains from synthetic images does not make them fit to be shown as "
        "pictures of patients.",
    ]
    if part.data.dataset.grouping != GIVEN:
        found.insert(
            0,
            "Grouping unknown: images of one lesion or patient may be in the training and the test "
            "split, by which every arm would look better than it is."
            if part.data.dataset.grouping == UNKNOWN
            else "Which images show the same lesion was found by likeness (data.groups=auto): some "
            "that were not found may be in the training and the test split.",
        )
    if config.data.channels == 3:
        found.append(
            "Skin tone is estimated from light on the image (ITA), which dermoscopy distorts, and "
            "is not Fitzpatrick's type."
        )
    if ONLY in config.arms:
        found.append(
            "An image that a classifier identifies need not look real; experts were not asked here."
        )
    return found

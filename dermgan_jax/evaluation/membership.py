"""Membership inference on a recipe: two runs of it, each on one half of the training groups.

The score of a real image is how near the nearest of a run's samples comes to it, mirrored or not.
`statistics.membership` says what is compared. What it finds is about the recipe at half of the
data, which memorises rather more than the run on all of it.
"""

from typing import Any, TypedDict

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.image_sets import select
from dermgan_jax.data.splits import HALVES, TEST, TRAIN, VAL
from dermgan_jax.errors import UserError
from dermgan_jax.features.feature_spaces import FeatureSpace
from dermgan_jax.files import Path
from dermgan_jax.metrics import memorisation
from dermgan_jax.runs.metrics_log import FINISHED, is_finished
from dermgan_jax.runs.restore import checkpoint_facts
from dermgan_jax.runs.training_data import RealImages, TrainingData, split_images
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.statistics import membership as statistics
from dermgan_jax.statistics.membership import FIRST, HELD_OUT, SECOND, Membership
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.trained_sampler import sample_for_evaluation
from dermgan_jax.train import loop


class Estimated(TypedDict):
    """A value with its 95 % interval."""

    value: float
    interval: tuple[float, float]


class Told(TypedDict):
    """What is read of `membership`'s result, in an audit.json."""

    attack: Estimated
    control: Estimated
    difference: Estimated
    halves: Estimated
    sentence: str


def runs_of(folder: Path) -> tuple[Path, Path]:
    """The two work directories of a folder, FOLDER/first and FOLDER/second."""
    return tuple(folder / half for half in HALVES)


def train_halves(config: FrozenConfigDict | None, folder: Path) -> None:
    """Trains the two runs, as far as they have not come to their ends.

    Args:
      config: the recipe, without `data.half`; not needed if both runs are there.
      folder: of `runs_of`.

    Raises:
      UserError: if a run is missing and there is no recipe, runs do not belong together, which is
        looked at before anything is trained, or one was stopped.
    """
    if WorkDir(folder).exists:
        raise UserError(
            f"{folder} is the work directory of a run: name a folder for the two runs that are "
            "trained on halves"
        )
    workdirs = runs_of(folder)
    configs = [_recipe(*pair, config) for pair in zip(HALVES, workdirs, strict=True)]
    _require_one_recipe(workdirs, configs)
    for half, workdir, config_of_half in zip(HALVES, workdirs, configs, strict=True):
        if WorkDir(workdir).exists and is_finished(WorkDir(workdir)):
            print(f"{workdir}: trained already", flush=True)
            continue
        print(f"== {workdir}: {half} half of the training groups", flush=True)
        if loop.train(config_of_half, workdir) != FINISHED:
            raise UserError(f"stopped and saved: the same command continues {workdir}")


def _recipe(half: str, workdir: Path, config: FrozenConfigDict | None) -> FrozenConfigDict:
    """What a run that is there learned by, or what it will be trained by."""
    if WorkDir(workdir).exists:
        return WorkDir(workdir).read_config()
    if config is None:
        raise UserError(f"{workdir} is not there, and no --config says how to train it")
    fields = ConfigDict(config.to_dict())
    fields.data.half = half
    return config_schema.validate(fields)


def membership(folder: Path, space: FeatureSpace, num: int, seed: int) -> dict[str, Any]:
    """Attack and control over the images of both halves and the held-out ones, as JSON values.

    Args:
      folder: of `runs_of`, both trained; see `require_halves`.
      space: of the distances.
      num: samples drawn of each run.
      seed: of the samples and of the bootstrap.

    Raises:
      UserError: if no image is held out.
    """
    workdirs = runs_of(folder)
    data = [TrainingData(workdir) for workdir in workdirs]
    sides = [_split(data[0], TRAIN), _split(data[1], TRAIN), *_held_out(data[0])]
    which = np.repeat([FIRST, SECOND, *[HELD_OUT] * (len(sides) - 2)], [len(s.ids) for s in sides])
    groups = np.concatenate([np.array(side.groups, object) for side in sides]).astype(str)
    drawing = Drawing(seed=seed)
    samples = [sample_for_evaluation(workdir, num, drawing) for workdir in workdirs]
    scores = [_scores(sides, images, space) for images, _ in samples]
    found = statistics.membership(*scores, which, groups, seed=seed)
    return {
        "runs": [made_by.to_json() for _, made_by in samples],
        "num_fake": num,
        "protocol": f"membership:nearest:{space.protocol}",
        **{
            name: {"value": one.value, "interval": one.interval}
            for name, one in found._asdict().items()
            if isinstance(one, statistics.Estimate)
        },
        "num_images": found.numbers,
        "num_groups": found.groups,
        "sentence": sentence(found),
    }


def require_halves(workdirs: tuple[Path, Path]) -> None:
    """Checks that two runs are of one recipe, each on its half of the same groups.

    Raises:
      UserError: naming what is not so.
    """
    _require_one_recipe(workdirs, [WorkDir(workdir).read_config() for workdir in workdirs])
    hashes = {checkpoint_facts(workdir)[1]["split_hash"] for workdir in workdirs}
    if len(hashes) > 1:
        raise UserError(f"{' and '.join(map(str, workdirs))} learned from different splits")


def _require_one_recipe(workdirs: tuple[Path, Path], configs: list[FrozenConfigDict]) -> None:
    for half, workdir, config in zip(HALVES, workdirs, configs, strict=True):
        if config.data.half != half:
            raise UserError(
                f"{workdir} learned from data.half={config.data.half!r}, not {half!r}: it does not "
                "belong there"
            )
    fields = [config_schema.computed_fields(config) for config in configs]
    differing = _differing(*fields)
    both = " and ".join(map(str, workdirs))
    if differing:
        raise UserError(f"{both} differ in more than their half: {', '.join(differing)}")


def of_another_recipe(folder: Path, recipe: FrozenConfigDict | None, whose: str) -> list[str]:
    """A warning if two runs are not of the recipe of the audited images, or if it is not known.

    Args:
      folder: of `runs_of`, both trained.
      recipe: by which the audited images were made, as far as known.
      whose: which recipe it is, such as "that of runs/ham".
    """
    if recipe is None:
        return [
            f"note: whether the runs in {folder} are of the recipe that made these images is not "
            "known here: membership inference is about those runs"
        ]
    own = config_schema.computed_fields(WorkDir(runs_of(folder)[0]).read_config())
    differing = _differing(own, config_schema.computed_fields(recipe))
    if not differing:
        return []
    return [
        f"warning: the runs in {folder} are of another recipe than {whose} "
        f"({', '.join(differing)}): membership inference is about those runs, not about these "
        "images"
    ]


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Fields that differ, apart from the half."""
    return sorted(
        key
        for key in one.keys() | other.keys()
        if key != "data.half" and one.get(key) != other.get(key)
    )


def sentence(found: Membership) -> str:
    """What attack and control say together."""
    low, high = found.difference.interval
    attack, control = found.attack.value, found.control.value
    told = (
        "two models of this recipe learned from one half of the groups each. By how near a model's "
        "nearest sample lies, images that it learned from are told from held-out ones with an AUC "
        f"of {attack:.3f} (0.5 is guessing, 1 is certainty); by samples of the model that saw "
        f"neither, with {control:.3f}"
    )
    if low > 0:
        return (
            f"{told}: the difference, {found.difference.value:.3f} [{low:.3f}, {high:.3f}], is "
            "what samples of this recipe tell of its training images"
        )
    return (
        f"{told}: no difference is seen ({found.difference.value:.3f} [{low:.3f}, {high:.3f}]); "
        f"one of up to {max(high, 0):.3f} is not excluded, and other attacks may see more"
    )


def lines(result: Told) -> list[str]:
    """For a terminal."""
    found = []
    for name, title in (
        ("attack", "attack, own training images against held-out ones"),
        ("control", "control, the same by the other half's model"),
        ("difference", "attack − control"),
        ("halves", "one half against the other, by the difference of both models' scores"),
    ):
        low, high = result[name]["interval"]
        found.append(f"membership: {title}: {result[name]['value']:.3f} [{low:.3f}, {high:.3f}]")
    return [*found, f"membership: {result['sentence']}"]


def _split(data: TrainingData, split: str) -> RealImages:
    return split_images(data.catalogue, data.config, split)


def _held_out(data: TrainingData) -> list[RealImages]:
    """Validation and test images of the classes that were learned from."""
    learned = data.catalogue.labels[data.catalogue.indices(TRAIN)]
    sides = []
    for split in (VAL, TEST):
        side = _split(data, split)
        kept = np.flatnonzero(np.isin(side.labels, learned))
        if len(kept):
            sides.append(
                RealImages(
                    select(side.images, kept),
                    side.labels[kept],
                    side.classes,
                    tuple(side.ids[row] for row in kept),
                    tuple(side.groups[row] for row in kept),
                )
            )
    if not sides:
        raise UserError("no image is held out of both halves: see data.split_fractions")
    return sides


def _scores(sides: list[RealImages], samples: np.ndarray, space: FeatureSpace) -> np.ndarray:
    """Of each real image of all sides, minus the distance to the nearest sample."""
    fake = space.features(samples, "samples", keep=True)
    found = []
    for side in sides:
        rows = np.arange(len(side.ids))
        mirrored = select(side.images, rows, np.ones(len(rows), bool))
        orientations = [
            space.features(images, "real images", keep=True) for images in (side.images, mirrored)
        ]
        found.append(-memorisation.nearest_few(orientations, fake, 1).distances[:, 0])
    return np.concatenate(found).astype(np.float64)

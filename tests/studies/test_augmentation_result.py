"""The result of an augmentation study as a file, and files of before groups had other names."""

import dataclasses
import json

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import UNDEFINED, Difference, Verdict
from dermgan_jax.statistics.identification import Identification, Judged
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.subgroups import Drift, Share
from dermgan_jax.studies import augmentation_result
from dermgan_jax.studies.augmentation_result import (
    RESULT_FILE,
    AccuracyScores,
    AugmentationResult,
    Curve,
    Examples,
    FilterFacts,
    GeneratorFacts,
    HeldOutSize,
    ImageCounts,
    JudgedSets,
    Kept,
    Leakage,
    Population,
    Reliability,
    SplitSide,
    SubgroupRow,
)

TEST = HeldOutSize(images=24, groups=20, groups_per_class={"mel": 5, "nv": 15})
SHARE = Estimate(0.5, 0.25, 0.75)
SCORES = {
    "accuracy": Score(0.75, 0.5, 0.9, (0.7, 0.8)),
    "recall/mel": Score(None, None, None, (None, None), "no test image of mel"),
}
VERSUS = {
    "accuracy": Difference(0.05, -0.05, 0.15, p=0.3, seed_half_width=0.01, p_corrected=0.6),
    "recall/mel": UNDEFINED,
}
JUDGED = Identification(Judged(24, SHARE, 0.9, SHARE), {"mel": Judged(0)})
SIDE = SplitSide(base=SCORES, versus={"filtered": VERSUS}, shared_groups=7, test=TEST)


def result() -> AugmentationResult:
    """Two arms; every part is there."""
    return AugmentationResult(
        title="Small",
        target="mel",
        base="real",
        classes=["mel", "nv"],
        phantom=False,
        group_noun="lesion",
        threshold=0.98,
        data={"dataset": "ham10000", "split_fractions": [0.7, 0.15, 0.15]},
        seeds=[0, 1],
        steps=8,
        images_shown=64,
        classifier={"network": "tiny"},
        generator=GeneratorFacts("dcgan", "", "generator", 4, 16),
        split_hash="0123",
        test=TEST,
        counts=ImageCounts({"train": {"mel": 18, "nv": 31}}, {"filtered": {"mel": 4}}),
        arms=["real", "filtered"],
        scores={"real": SCORES, "filtered": SCORES},
        versus={"filtered": VERSUS},
        verdict=Verdict("cannot tell", "filtered", "With 20 test lesions we cannot tell.", 900),
        target_verdict=Verdict("helped", "filtered", "On 20 test lesions, it helped.", None),
        confusion={"real": [[0.5, 4.5], [0.0, 15.0]]},
        reliability={"real": Reliability([0.7], [0.5], [40.0])},
        curves={"real": Curve([0, 64], [1.9, None], [0.25, 0.5]), "filtered": Curve([0, 64])},
        leakage=Leakage(SIDE, SIDE, "Split by image, 7 of 24 test images show a lesion."),
        judged=JudgedSets(0.98, JUDGED, {"filtered": JUDGED}),
        cas=AccuracyScores(SCORES, SCORES),
        filter=FilterFacts("realism", "pixels", "keep", 8, 4, {"mel": Kept(8, 4, 0.5)}),
        population=Population(
            subgroups=[
                SubgroupRow("age", "0-29", 3, 2, {}),
                SubgroupRow("age", "70+", 21, 18, {"real": {"accuracy": SHARE}}),
            ],
            drift=[Drift("age", (Share("0-29", 0.1, 0.3), Share("70+", 0.9, 0.7)), SHARE)],
            method="filtered: age of the nearest training image",
        ),
        card={"dataset": "ham10000", "num_groups": 100},
        examples=Examples({"mel": ["examples/mel/000000.png"]}, {}),
        method=["Images were split by lesion."],
        limits=["One generator was trained."],
    )


def least() -> AugmentationResult:
    """Nothing that a study may lack."""
    return dataclasses.replace(
        result(),
        **dict.fromkeys(("generator", "leakage", "cas", "filter")),
        population=Population([], [], ""),
        examples=Examples(),
    )


@pytest.mark.parametrize("whole", [result(), least()])
def test_what_is_written_is_read(tmp_path, whole):
    augmentation_result.write(whole, tmp_path)
    assert augmentation_result.read(tmp_path) == whole


OLD_NAMES = {
    "groups": "lesions",
    "groups_per_class": "lesions_per_class",
    "shared_groups": "shared_lesions",
    "groups_needed": "lesions_needed",
}


def renamed(plain, **more):
    names = {**OLD_NAMES, **more}
    return {names.get(key, key): value for key, value in plain.items()}


def of_an_early_version(plain):
    """The JSON of a result as versions before 0.2 wrote it."""
    old = {key: value for key, value in plain.items() if key not in ("group_noun", "population")}
    for key in ("test", "verdict", "target_verdict"):
        old[key] = renamed(plain[key])
    if plain["leakage"] is not None:
        old["leakage"] = {
            key: {**renamed(side), "test": renamed(side["test"])} if key != "sentence" else side
            for key, side in plain["leakage"].items()
        }
    population = plain["population"]
    old["subgroups"] = [renamed(row, value="group") for row in population["subgroups"]]
    old["drift"] = [
        {**renamed(row), "groups": [renamed(share, value="group") for share in row["shares"]]}
        for row in population["drift"]
    ]
    for row in old["drift"]:
        del row["shares"]
    old["drift_method"] = population["method"]
    if plain["filter"] is not None:
        old["filter"] = {**plain["filter"], "details": {}, "threshold": {"mel": 0.1}}
    for arm in old["scores"].values():
        for score in arm.values():
            if not score["note"]:
                del score["note"]
    if not any(plain["examples"].values()):
        old["examples"] = {}
    return old


@pytest.mark.parametrize("whole", [result(), least()])
def test_result_of_an_early_version_is_read(tmp_path, whole):
    augmentation_result.write(whole, tmp_path)
    file = tmp_path / RESULT_FILE
    old = of_an_early_version(json.loads(file.read_text()))
    if old["subgroups"]:
        undefined = {"value": None, "low": None, "high": None}
        assert old["subgroups"][1]["lesions"] == 18
        old["subgroups"][1]["scores"]["real"]["recall/mel"] = undefined
    file.write_text(json.dumps(old))
    assert augmentation_result.read(tmp_path) == whole


def test_a_study_that_is_not_finished_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(UserError, match=r"augmentation\.json is missing; run the study"):
        augmentation_result.read(tmp_path)
    augmentation_result.write(result(), tmp_path)
    file = tmp_path / RESULT_FILE
    plain = json.loads(file.read_text())
    for text in (
        file.read_text()[:-9],
        json.dumps({key: value for key, value in plain.items() if key != "scores"}),
        json.dumps({**plain, "seeds": "many"}),
        "[]",
    ):
        file.write_text(text)
        with pytest.raises(UserError, match="is damaged"):
            augmentation_result.read(tmp_path)

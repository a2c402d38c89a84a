"""The result of an augmentation study as a file, and files of before groups had other names."""

import json

import pytest
from augmentation_example import result, sparse

from dermgan_jax.errors import UserError
from dermgan_jax.studies import augmentation_result
from dermgan_jax.studies.augmentation_result import RESULT_FILE


@pytest.mark.parametrize("whole", [result(), sparse()])
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


@pytest.mark.parametrize("whole", [result(), sparse()])
def test_result_of_an_early_version_is_read(tmp_path, whole):
    augmentation_result.write(whole, tmp_path)
    file = tmp_path / RESULT_FILE
    old = of_an_early_version(json.loads(file.read_text()))
    if old["subgroups"]:
        undefined = {"value": None, "low": None, "high": None}
        assert old["subgroups"][1]["lesions"] == 87
        old["subgroups"][1]["scores"]["real"]["recall/df"] = undefined
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

"""Names in a stranger's study do not lead out of its folder."""

import dataclasses

import pytest

from dermgan_jax import stored_json
from dermgan_jax.studies import augmentation_result, comparison_result


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_paths_that_lead_elsewhere(name):
    with pytest.raises(ValueError, match="leads out of its folder"):
        stored_json.require_inside([name])


def test_names_have_one_part():
    stored_json.require_inside(["examples/real/1.png"])
    with pytest.raises(ValueError, match="leads out"):
        stored_json.require_inside(["a/b"], plain=True)


def test_models_of_a_comparison():
    plain = {
        "title": "",
        "data": {"dataset": "phantom", "resolution": 8, "split_seed": 0},
        "total_kimg": 1.0,
        "models": {"../dcgan": {}},
    }
    with pytest.raises(ValueError, match="leads out of its folder"):
        comparison_result._from_json(plain)


@pytest.mark.parametrize(
    ("arms", "shown"), [(["../x"], {}), (["real"], {"mel": ["../../secret.png"]})]
)
def test_arms_and_examples_of_an_augmentation_study(arms, shown, monkeypatch):
    @dataclasses.dataclass
    class Examples:
        real: dict
        synthetic: dict

    @dataclasses.dataclass
    class Result:
        arms: list
        examples: Examples

    result = Result(arms, Examples(shown, {}))
    monkeypatch.setattr(augmentation_result.cattrs, "structure", lambda plain, kind: result)
    with pytest.raises(ValueError, match="leads out of its folder"):
        augmentation_result.from_json({"population": {}})

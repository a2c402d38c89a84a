"""Bounds of numbers: every one is declared, and what lies beyond it is refused."""

import math

import pytest

from dermgan_jax import config, config_bounds, registry
from dermgan_jax.config_bounds import lies_in

MODELS = registry.names("model")


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        ("[0, 1)", (0, 0.5), (-1e-9, 1, 1.5)),
        ("(0, 1]", (1e-9, 1), (0, 1.1)),
        ("0 or [9, 16]", (0, 9, 16), (1, 8.9, 17)),
        ("1 or 3", (1, 3), (2,)),
        ("[-1, 1e6]", (-1, 1e6), (-2, 1e7)),
    ],
)
def test_intervals(bounds, inside, outside):
    assert all(lies_in(bounds, value) for value in inside)
    beyond = (*outside, math.nan, math.inf, -math.inf)
    assert not any(lies_in(bounds, value) for value in beyond)


@pytest.mark.parametrize("name", MODELS)
def test_every_number_has_bounds_that_its_default_lies_in(name):
    own = registry.load("model", name).bounds
    known = config_bounds.with_own(own)
    flat = config.flatten(config.experiment(name))
    numbers = {key: tuple(config_bounds._numbers(value)) for key, value in flat.items()}
    bounds = {key: config_bounds.bounds_of(key, known) for key, found in numbers.items() if found}
    assert not [key for key, found in bounds.items() if found is None]
    unused = {f"model.{key}" for key in own if "*" not in key} - flat.keys()
    assert not unused
    set_later = {"train.total_kimg"}  # 0 where epochs count, checked as one
    assert not config_bounds.faults({k: v for k, v in flat.items() if k not in set_later}, known)


@pytest.mark.parametrize("name", MODELS)
def test_not_a_number_and_infinity_are_refused_everywhere(name):
    usual = config.flatten(config.experiment(name)) | {"train.total_kimg": 1.0}
    for key, value in usual.items():
        if isinstance(value, bool) or not any(True for _ in config_bounds._numbers(value)):
            continue
        for bad in (math.nan, math.inf, -math.inf, -7):
            if isinstance(value, int) and not isinstance(bad, int):
                continue  # another type, which is refused before
            given = (bad,) * max(len(value), 1) if isinstance(value, tuple) else bad
            if isinstance(value, tuple) and value and isinstance(value[0], tuple):
                given = tuple((side, bad) for side, _ in value)
            found = config.faults(config.unflatten(usual | {key: given}))
            assert any(line.startswith(f"{key} is ") for line in found), (key, bad)


def test_a_fault_names_value_and_bounds():
    given = config.flatten(config.experiment("dcgan")) | {
        "train.total_kimg": 1.0,
        "optimizers.g.b1": 2.0,
        "eval.grid": (0, 4),
    }
    assert config.faults(config.unflatten(given)) == [
        "eval.grid is (0, 4); 0 is not in [1, 100]",
        "optimizers.g.b1 is 2.0; expected a number in [0, 1)",
    ]

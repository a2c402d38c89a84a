"""The configuration schema, and every experiment in configs/."""

import importlib.util
import json
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.config_values import seed_faults
from dermgan_jax.errors import UserError
from dermgan_jax.studies import segmentation_config
from dermgan_jax.studies.augmentation_config import require_valid
from dermgan_jax.studies.comparison_config import experiments

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))


def load(path):
    """The module of one file in configs/."""
    spec = importlib.util.spec_from_file_location(f"configs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXPERIMENTS = [(path, variant) for path in CONFIGS for variant in load(path).VARIANTS]
VALIDATE_STUDY = {
    "comparison": experiments,
    "augmentation": require_valid,
    "segmentation": segmentation_config.require_valid,
}


@pytest.fixture
def config():
    """A valid configuration."""
    config = config_schema.experiment("pgan")
    config.train.total_kimg = 1.0
    return config


def changed(config, key, value):
    """A plain dict of the configuration with one field set, whether it exists or not."""
    plain = config.to_dict()
    *groups, name = key.split(".")
    group = plain
    for each in groups:
        group = group[each]
    group[name] = value
    return plain


def test_experiment_takes_no_unknown_field(config):
    with pytest.raises(AttributeError, match="resolution"):
        config.data.resolutoin = 64
    with pytest.raises(KeyError):
        config.update({"batch": 8})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.total_kimg", float("inf")),
        ("eval.every_kimg", float("nan")),
        ("eval.budget_fraction", -1.0),
        ("optimizers.g.learning_rate", float("nan")),
        ("checkpoint.keep_best", -1),
        ("data.workers", -2),
        ("ema.decay", 2.0),
        ("eval.num_images", 0),
        ("eval.grid", (0, 0)),
    ],
)
def test_number_without_a_meaning_is_a_fault(config, key, value):
    (fault,) = config_schema.faults(changed(config, key, value))
    assert key in fault


def test_experiment_of_an_unknown_model_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'pgan'"):
        config_schema.experiment("pggan")


def test_family_sets_its_own_defaults(config):
    assert config.model.name == "pgan"
    assert config.train.schedule_interval == 4
    assert set(config.optimizers) == {"g", "d"}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("data.resolutoin", 64, "unknown key 'data.resolutoin'; did you mean 'data.resolution'?"),
        ("optimizers.g.learning_rat", 1.0, "did you mean 'optimizers.g.learning_rate'?"),
        ("eval", {}, "missing key 'eval.every_kimg'"),
        ("data.resolution", "64", "data.resolution is '64', a str; expected a int"),
        ("data.resolution", 64.0, "data.resolution is 64.0, a float; expected a int"),
        ("data.mirror", 1, "data.mirror is 1, a int; expected a bool"),
        ("seed", True, "seed is True, a bool; expected a int"),
        ("eval.metrics", "swd", "eval.metrics is 'swd', a str; expected a tuple"),
        ("model.name", "pggan", "unknown model 'pggan'; did you mean 'pgan'?"),
        (
            "data.dataset",
            "phantm",
            "data.dataset: unknown dataset 'phantm'; did you mean 'phantom'",
        ),
        ("eval.metrics", ("swdd",), "eval.metrics: unknown metric 'swdd'; did you mean 'swd'?"),
        ("data.cache", "disk", "data.cache is 'disk'; expected one of none, host, device"),
        ("precision", "float16", "precision is 'float16'; expected one of float32, bfloat16"),
        ("data.split", "tset", "data.split is 'tset'; expected one of train, val, test, all"),
        ("data.channels", 4, "data.channels is 4; expected 1 or 3"),
        ("data.resolution", 2, "data.resolution is 2; expected a number in [4, 8192]"),
        ("data.split_fractions", (0.5, 0.2, 0.2), "expected three shares that add up to 1"),
        ("data.split_fractions", (1.5, -0.5, 0.0), "expected three shares that add up to 1"),
        ("data.split_fractions", (0.5, 0.5), "expected three shares that add up to 1"),
        ("train.total_kimg", 0, "train.total_kimg is 0; set it, or train.total_epochs, above 0"),
        ("train.batch_size", 0, "train.batch_size is 0; expected a number in [1, 65536]"),
        ("train.steps_per_call", 0, "train.steps_per_call is 0; expected a number in [1, 10000]"),
        ("train.schedule_interval", 0, "schedule_interval is 0; expected a number in [1, 65536]"),
        ("train.log_every_steps", 0, "train.log_every_steps is 0; expected a number in [1, 1e9]"),
        (
            "checkpoint.every_kimg",
            0.0,
            "checkpoint.every_kimg or checkpoint.every_epochs must be above 0",
        ),
        ("checkpoint.keep_last", 0, "checkpoint.keep_last is 0; expected a number in [1, 1e6]"),
        ("data.frame", "0", "data.frame is '0'; expected first, middle, last, a number from 1, or"),
        ("seed", 2**32, "seed is 4294967296; expected a number in [0, 4294967295]"),
        ("data.classes", (3,), "data.classes is (3,); 3 is a int, expected text in quotes"),
        ("eval.metrics", (1,), "1 is a int, expected something like 'swd'"),
        ("data.split_fractions", ("a", 1, 0), "'a' is a str, expected something like 0.7"),
    ],
)
def test_fault_is_named(config, key, value, message):
    with pytest.raises(UserError) as raised:
        config_schema.validate(changed(config, key, value))
    assert message in str(raised.value)


@pytest.mark.parametrize("seeds", [(), (1, 1), (1.5,), ("a",), (True,), (-1,), (2**32,)])
def test_seeds_of_a_study(seeds):
    (fault,) = seed_faults(seeds)
    assert f"seeds is {seeds}" in fault
    assert seed_faults((0, 2**32 - 1)) == []


def test_all_faults_are_named_at_once(config):
    plain = changed(config, "data.channels", 2) | {"precision": "int8"}
    assert len(config_schema.faults(plain)) == 2


def test_configuration_without_a_model_is_refused():
    with pytest.raises(UserError, match=r"model\.name is missing"):
        config_schema.validate(ConfigDict({"seed": 0}))


def test_integers_are_accepted_for_floats_and_lists_for_tuples(config):
    plain = changed(config, "train.total_kimg", 5) | {"precision": "bfloat16"}
    plain["data"]["split_fractions"] = [1, 0, 0]
    assert config_schema.validate(plain).train.total_kimg == 5


def test_valid_configuration_is_frozen(config):
    with pytest.raises(AttributeError):
        config_schema.validate(config).seed = 1


def test_flatten_names_fields_by_path():
    nested = {"a": {"b": 1, "c": {"d": [1, [2]]}}, "e": {}}
    assert config_schema.flatten(nested) == {"a.b": 1, "a.c.d": (1, (2,))}


def test_json_round_trip_keeps_every_field(config):
    config.model.batch_sizes = ((4, 8), (8, 4))
    config.data.classes = ("mel", "nv")
    frozen = config_schema.validate(config)
    restored = config_schema.from_json(config_schema.to_json(frozen))
    assert config_schema.flatten(restored) == config_schema.flatten(frozen)
    assert config_schema.differences(frozen, restored) == []
    assert restored.model.batch_sizes == ((4, 8), (8, 4))


def test_a_value_in_place_of_a_group_is_named(config):
    plain = {**config.to_dict(), "train": "x"}
    with pytest.raises(UserError, match="train is 'x'; expected a group of fields"):
        config_schema.from_json(json.dumps(plain))


def test_fields_younger_than_the_json_take_their_defaults(config):
    stored = config.to_dict()
    stored["seed"] = 7
    del stored["ema"]["half_life_kimg"]
    restored = config_schema.from_json(json.dumps(stored))
    assert (restored.seed, restored.ema.half_life_kimg) == (7, 0.0)


def test_groups_of_earlier_versions_are_read_by_todays_name(config):
    stored = config.to_dict()
    stored["gan"] = stored.pop("model")
    restored = config_schema.from_json(json.dumps(stored))
    assert config_schema.flatten(restored) == config_schema.flatten(config)


@pytest.mark.parametrize("text", ["{", "[1, 2]"])
def test_unreadable_json_is_refused(text):
    with pytest.raises(UserError, match="not readable"):
        config_schema.from_json(text)


def test_differences_are_those_that_change_results(config):
    other = config.copy_and_resolve_references()
    other.data.dir, other.train.total_kimg, other.train.steps_per_call = "/elsewhere", 2.0, 8
    other.checkpoint.best_metric = "kid"
    assert config_schema.differences(config, other) == []
    other.optimizers.g.learning_rate = 0.5
    other.data.mirror = False
    assert config_schema.differences(config, other) == [
        "data.mirror: True -> False",
        "optimizers.g.learning_rate: 0.001 -> 0.5",
    ]


def test_runtime_fields_exist(config):
    assert not config_schema.RUNTIME_FIELDS - set(config_schema.flatten(config))


@pytest.mark.parametrize(
    ("path", "variant"), EXPERIMENTS, ids=[f"{p.stem}:{v}" for p, v in EXPERIMENTS]
)
def test_every_experiment_is_valid(path, variant):
    experiment = load(path).get_config(variant)
    if "study" in experiment:
        VALIDATE_STUDY[experiment.study](experiment)
    else:
        config_schema.validate(experiment)
    assert experiment.is_locked
    assert experiment.title


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_experiment_file_says_how_it_is_run(path):
    module = load(path)
    assert f"python -m dermgan_jax.main --config=configs/{path.name} --workdir=" in module.__doc__
    for variant in filter(None, module.VARIANTS):
        assert f"\n  {variant} " in module.__doc__
    with pytest.raises(ValueError, match="no variant 'xyz'"):
        module.get_config("xyz")


@pytest.mark.parametrize("name", ["stylegan2", "dcgan", "pix2pix"])
def test_fields_younger_than_a_stored_configuration_are_no_difference(name):
    """Neither by themselves nor as parts of a study, and no key of a result depends on them."""
    config = config_schema.flatten(config_schema.experiment(name))
    younger = {key for key in config if config_schema.YOUNGER_FIELDS.get(key, ...) == config[key]}
    assert {"train.init_from", "train.freeze"} < younger
    assert ("model.diffaugment_cutout" in younger) == (name == "stylegan2")
    stored = {key: value for key, value in config.items() if key not in younger}
    old, new = config_schema.unflatten(stored), config_schema.unflatten(config)
    assert config_schema.differences(old, new) == []
    assert config_schema.differences({"generator": old}, {"generator": new}) == []
    assert config_schema.computed_fields(old) == config_schema.computed_fields(new)
    new.train.init_from = "runs/other"
    (difference,) = config_schema.differences({"generator": old}, {"generator": new})
    assert difference == "generator.train.init_from: None -> 'runs/other'"

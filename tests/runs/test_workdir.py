"""The work directory: its configuration, the names of its sample sheets."""

import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.runs.restore import run_id
from dermgan_jax.runs.workdir import WorkDir, parse_sample_sheet_name, sample_sheet_name


def make_config(**fields):
    config = tiny_configs.toy()
    config.update_from_flattened_dict(fields)
    return config_schema.validate(config)


def test_work_directory_takes_one_configuration(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(make_config())
    with pytest.raises(UserError, match="seed: 0 -> 3"):
        workdir.adopt(make_config(seed=3))
    assert config_schema.differences(workdir.read_config(), make_config()) == []


TOLD = {"title": "other", "eval.metrics": ("swd", "kid"), "eval.grid": (1, 2)}


def test_what_the_networks_do_not_learn_from_may_change(tmp_path, capsys):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(make_config())
    facts = {"split_hash": "split"}
    named = run_id(workdir.read_naming_config(), facts)
    assert named == run_id(make_config(), facts)
    for fields in (TOLD, {**TOLD, "eval.num_images": 5, "train.total_kimg": 9.0}):
        workdir.adopt(make_config(**fields))
        for key in fields.keys() - {"train.total_kimg"}:
            assert config_schema.flatten(workdir.read_config())[key] == fields[key]
        assert run_id(workdir.read_naming_config(), facts) == named
    said = capsys.readouterr().out
    assert "run goes on with title: '' -> 'other'" in said
    assert "eval.metrics: ('swd',) -> ('swd', 'kid')" in said
    assert said.count("train.total_kimg") == 1
    assert run_id(make_config(**TOLD), facts) != named


def test_run_that_goes_on_as_it_is_leaves_nothing_and_says_nothing(tmp_path, capsys):
    workdir = WorkDir(tmp_path / "run")
    for _ in range(2):
        workdir.adopt(make_config())
    assert not workdir.began_as.exists()
    assert capsys.readouterr().out == ""


def test_family_that_learns_from_evaluations_keeps_them(tmp_path):
    config = config_schema.experiment("classifier")
    config.train.total_kimg = 1.0
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(config_schema.validate(config))
    config.eval.every_kimg, config.title = 0.5, "other"
    with pytest.raises(UserError, match=r"eval\.every_kimg: 0\.0 -> 0\.5") as raised:
        workdir.adopt(config_schema.validate(config))
    assert "title" not in str(raised.value)


@pytest.mark.parametrize("left", ["checkpoints", "metrics.jsonl"])
def test_run_that_lost_its_configuration_is_not_taken_for_another(tmp_path, left):
    workdir = WorkDir(tmp_path / "run")
    (workdir.path / left).mkdir(parents=True) if left == "checkpoints" else files.write_text(
        workdir.metrics, ""
    )
    with pytest.raises(UserError, match=r"without its config\.json"):
        workdir.adopt(make_config())
    assert not workdir.exists


def test_work_directory_takes_over_how_the_run_is_carried_out(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(make_config())
    longer = make_config(**{"train.total_kimg": 2.0, "data.workers": 3})
    workdir.adopt(longer)
    assert config_schema.flatten(workdir.read_config()) == config_schema.flatten(longer)


def test_folder_without_configuration_is_no_work_directory(tmp_path):
    with pytest.raises(UserError, match="not a work directory"):
        WorkDir(tmp_path).read_config()


def test_bucket_where_checkpoints_cannot_be_written_is_refused(monkeypatch):
    monkeypatch.setattr(files, "_require_installed", lambda *_: None)
    with pytest.raises(UserError, match="lies on this machine or in gs://"):
        WorkDir(files.to_path("s3://bucket/run"))
    assert WorkDir(files.to_path("gs://bucket/run")).config.name == "config.json"


def test_sample_sheet_names_sort_by_time_and_can_be_read_back():
    moments = [(0, "4x4"), (999, "4x4"), (12_300, "16x16"), (1_000_000, "128x96")]
    names = [sample_sheet_name(*moment) for moment in moments]
    assert names[2] == "kimg_00012.300_16x16.png"
    assert names == sorted(names)
    assert [parse_sample_sheet_name(name) for name in names] == moments
    assert parse_sample_sheet_name("notes.png") is None

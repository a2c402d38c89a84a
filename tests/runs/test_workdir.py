import json
import subprocess
import sys

import pytest
import tiny_configs

from dermgan_jax import config as config_schema
from dermgan_jax.errors import UserError
from dermgan_jax.runs.workdir import WorkDir, write_atomically


def make_config(**fields):
    config = tiny_configs.toy()
    config.update_from_flattened_dict(fields)
    return config_schema.validate(config)


HOLD = """
import pathlib, sys, time
from dermgan_jax.runs.workdir import WorkDir
with WorkDir(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_work_directory_is_held_by_one_process_until_it_ends(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    command = [sys.executable, "-c", HOLD, str(workdir.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"another run \(process {process.pid}\) is using"):
            workdir.locked().__enter__()
        process.kill()
    with workdir.locked():
        pass


def test_work_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be used as a work directory"):
        WorkDir(tmp_path / "file").locked().__enter__()


def test_work_directory_takes_one_configuration(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(make_config())
    with pytest.raises(UserError, match="seed: 0 -> 3"):
        workdir.adopt(make_config(seed=3))
    assert config_schema.differences(workdir.read_config(), make_config()) == []


def test_work_directory_takes_over_how_the_run_is_carried_out(tmp_path):
    workdir = WorkDir(tmp_path / "run")
    workdir.adopt(make_config())
    longer = make_config(**{"train.total_kimg": 2.0, "data.workers": 3})
    workdir.adopt(longer)
    assert config_schema.flatten(workdir.read_config()) == config_schema.flatten(longer)


def test_folder_without_configuration_is_no_work_directory(tmp_path):
    with pytest.raises(UserError, match="not a work directory"):
        WorkDir(tmp_path).read_config()


def test_write_atomically_replaces_and_leaves_nothing_else(tmp_path):
    for number in range(2):
        write_atomically(tmp_path / "a.json", json.dumps(number))
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "1")]

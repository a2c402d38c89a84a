"""What two hosts have to decide together: clocks, locks, work directories and faults of data."""

import contextlib
import json
import sys
import time

import pytest
from engine_probe import tiny
from test_processes import command, free_port, start, start_pair
from test_promises import cache_dir, train_rows

from dermgan_jax.main import main
from dermgan_jax.runs.lock import locked

__all__ = ["cache_dir"]  # fixture

AT_ONCE = 10.0  # seconds between the ends of two processes


def ended(processes, seconds=180):
    """(exit codes, outputs, seconds between the first end and the last)."""
    ends = {}
    deadline = time.monotonic() + seconds
    while len(ends) < len(processes) and time.monotonic() < deadline:
        for index, process in enumerate(processes):
            if index not in ends and process.poll() is not None:
                ends[index] = time.monotonic()
        time.sleep(0.05)
    hangs = len(ends) < len(processes)
    for process in processes:
        process.kill()
    outputs = [process.communicate()[0] for process in processes]
    assert not hangs, "\n".join(outputs)
    return (
        [process.returncode for process in processes],
        outputs,
        max(ends.values()) - min(ends.values()),
    )


def errors(output):
    return [line for line in output.splitlines() if line.startswith("error: ")]


@pytest.mark.slow
def test_slow_disk_of_one_host_does_not_part_it_from_the_others(tmp_path, cache_dir):
    """The first host spends its budget writing; the other, whose clock says go on, goes by it."""
    config = tiny("pgan", cache_dir)
    workdir = tmp_path / "run"
    program = [sys.executable, "tests/slow_evaluation_run.py", *command(config, workdir)[3:]]
    pace = ["--config.eval.every_kimg=0.032", "--config.eval.budget_fraction=0.2"]
    codes, outputs, _ = ended(start_pair([*program, *pace]))
    assert codes == [0, 0], "\n".join(outputs)
    evaluated = [
        [int(line.rpartition(" ")[2]) for line in output.splitlines() if "evaluates at" in line]
        for output in outputs
    ]
    assert evaluated[0] == evaluated[1]
    assert evaluated[0][0] == 0
    assert max(train_rows(workdir)) in evaluated[0]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["locked", "foreign"])
def test_work_directory_in_other_hands_ends_both_at_once(tmp_path, cache_dir, what):
    config = tiny("pgan", cache_dir)
    workdir = tmp_path / "run"
    with contextlib.ExitStack() as stack:
        if what == "locked":
            stack.enter_context(locked(workdir))
        else:
            workdir.mkdir()
            (workdir / "config.json").write_text(json.dumps(tiny("dcgan", cache_dir).to_dict()))
        codes, outputs, apart = ended(start_pair(command(config, workdir)))
    assert codes == [2, 2], "\n".join(outputs)
    assert apart < AT_ONCE
    assert errors(outputs[0]) == errors(outputs[1]) != []
    expected = {"locked": "another run (process", "foreign": "another configuration"}[what]
    assert expected in outputs[1]


@pytest.mark.slow
def test_fault_of_one_hosts_data_ends_both_with_its_message(tmp_path, cache_dir):
    config = tiny("pgan", cache_dir)
    coordinator = f"127.0.0.1:{free_port()}"
    missing = ["--config.data.dataset=image_folder", f"--config.data.dir={tmp_path / 'missing'}"]
    processes = [
        start(
            [*command(config, tmp_path / "run"), *extra],
            num_devices=4,
            DERMGAN_COORDINATOR=coordinator,
            DERMGAN_NUM_PROCESSES="2",
            DERMGAN_PROCESS_ID=str(index),
        )
        for index, extra in enumerate(([], missing))
    ]
    codes, outputs, apart = ended(processes)
    assert codes == [2, 2], "\n".join(outputs)
    assert apart < AT_ONCE
    assert errors(outputs[0]) == errors(outputs[1]) != []
    assert str(tmp_path / "missing") in outputs[0]


@pytest.mark.slow
def test_hosts_that_split_the_data_differently_end(tmp_path, cache_dir):
    config = tiny("pgan", cache_dir)
    coordinator = f"127.0.0.1:{free_port()}"
    processes = [
        start(
            [*command(config, tmp_path / "run"), f"--config.data.split_seed={index}"],
            num_devices=4,
            DERMGAN_COORDINATOR=coordinator,
            DERMGAN_NUM_PROCESSES="2",
            DERMGAN_PROCESS_ID=str(index),
        )
        for index in range(2)
    ]
    codes, outputs, _ = ended(processes)
    assert codes == [2, 2], "\n".join(outputs)
    assert all("the hosts split the data differently" in output for output in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("crashes", ["0", "1"])
def test_fault_of_one_host_in_the_midst_ends_both(tmp_path, cache_dir, monkeypatch, crashes):
    monkeypatch.setenv("CRASHES", crashes)
    config = tiny("pgan", cache_dir)
    program = [sys.executable, "tests/crashing_run.py", *command(config, tmp_path / "run")[3:]]
    codes, outputs, apart = ended(start_pair(program))
    assert codes[int(crashes)] == 2, outputs[int(crashes)]
    assert "this host's memory is full" in outputs[int(crashes)]
    assert 0 not in codes
    assert apart < AT_ONCE


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--workdir=run", "--out=samples"],
        ["check", "--config=pgan:phantom"],
        ["report", "--workdir=run"],
        ["train", "--config=study_p1:phantom", "--workdir=study"],
    ],
    ids=lambda words: words[0],
)
def test_only_training_is_for_several_processes(words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setattr("dermgan_jax.hosts.join", lambda: None)
    assert main(words) == 2
    assert "by a single process" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

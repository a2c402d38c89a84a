"""--profile_steps: what is traced, what is said of it, and that it changes nothing."""

import jax
import numpy as np
import pytest
from engine_probe import last_state, tiny
from etils import epath

from dermgan_jax.errors import UserError
from dermgan_jax.main import main
from dermgan_jax.report import run as run_report
from dermgan_jax.runs import traces
from dermgan_jax.runs.metrics_log import read_rows
from dermgan_jax.runs.state import Clock
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.train import loop
from dermgan_jax.train.preemption import Preemption
from dermgan_jax.train.profile import Profile, Steps
from dermgan_jax.train.stopwatch import Stopwatch

STEPS = 8  # of 16 images


@pytest.fixture
def toy(cache_dir):
    """toy(**fields) -> a run that is measured and saved at its end only."""

    def toy(**fields):
        pace = {"checkpoint.every_kimg": 1.0, "eval.snapshot_kimg": 0.0}
        return tiny("toy", cache_dir, **{**pace, "train.total_kimg": 0.016 * STEPS, **fields})

    return toy


def traced(workdir):
    """(begin, end) of the latest trace; None without one."""
    trace = traces.latest(WorkDir(workdir))
    return trace and (trace.begin, trace.end)


def test_trace_lies_where_tensorboard_looks_and_changes_nothing(toy, tmp_path, capsys):
    run, plain = tmp_path / "run", tmp_path / "plain"
    assert loop.train(toy(), plain) == loop.FINISHED
    assert loop.train(toy(), run, profile_steps=Steps(3, 5)) == loop.FINISHED
    assert f"profile of steps 3:5 written to {run / 'profile'}" in capsys.readouterr().out
    assert not (plain / "profile").exists()
    for kind in ("xplane.pb", "trace.json.gz"):
        assert len(list(run.glob(f"profile/plugins/profile/*/*.{kind}"))) == 1
    states = [last_state(toy(), workdir) for workdir in (plain, run)]
    jax.tree.map(np.testing.assert_array_equal, *states)

    trace = traces.latest(WorkDir(run))
    assert (trace.begin, trace.end, trace.device, trace.others) == (3, 5, "CPU", 0)
    shares = [operation.share for operation in trace.operations]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    page = run_report.build(run).read_text()
    assert "Dearest operations of steps 3 to 5" in page
    for operation in trace.operations[:10]:
        assert f"<code>{operation.name}</code>" in page
    assert "writing a trace" in page
    assert "Dearest operations" not in run_report.build(plain).read_text()


def test_run_that_goes_on_is_traced_by_its_own_clock(toy, tmp_path):
    run = tmp_path / "run"
    loop.train(toy(**{"train.total_kimg": 0.064}), run)
    loop.train(toy(), run, profile_steps=Steps(5, 8))
    assert traced(run) == (5, 8)


def test_second_trace_lies_beside_the_first(toy, tmp_path):
    run = tmp_path / "run"
    for total, steps in ((0.032, Steps(0, 1)), (0.064, Steps(2, 4))):
        loop.train(toy(**{"train.total_kimg": total}), run, profile_steps=steps)
    assert traced(run) == (2, 4)
    assert traces.latest(WorkDir(run)).others == 1


def test_calls_are_traced_as_wholes_which_is_said(toy, tmp_path, capsys):
    run = tmp_path / "run"
    loop.train(toy(**{"train.steps_per_call": 4}), run, profile_steps=Steps(5, 6))
    assert traced(run) == (4, 8)
    said = capsys.readouterr().out
    assert "profile of steps 4:8 written" in said
    assert "note: these are more than --profile_steps=5:6: a call of several steps" in said


def test_steps_beyond_the_end_are_refused_before_anything_is_written(toy, tmp_path):
    with pytest.raises(UserError, match="=7:9 reaches beyond the end of training, which has 8"):
        loop.train(toy(), tmp_path / "run", profile_steps=Steps(7, 9))
    assert not (tmp_path / "run").exists()


def test_steps_that_are_done_are_refused(toy, tmp_path):
    run = tmp_path / "run"
    loop.train(toy(**{"train.total_kimg": 0.064}), run)
    with pytest.raises(UserError, match=r"begins at step 3, but the run in .* has 4 steps behind"):
        loop.train(toy(), run, profile_steps=Steps(3, 6))
    assert traced(run) is None


@pytest.mark.parametrize(
    ("stop", "expected", "said"),
    [
        (2, None, "note: nothing was traced: the run ended at step 2, before --profile_steps=3:6"),
        (4, (3, 4), "note: these are fewer than --profile_steps=3:6: the run ended there"),
    ],
)
def test_run_that_is_stopped_says_what_became_of_the_trace(
    toy, tmp_path, capsys, monkeypatch, stop, expected, said
):
    monkeypatch.setattr(Preemption, "requested", lambda self, step: step == stop)
    assert loop.train(toy(), tmp_path / "run", profile_steps=Steps(3, 6)) == loop.PREEMPTED
    assert said in capsys.readouterr().out
    assert traced(tmp_path / "run") == expected


def test_trace_goes_to_a_folder_that_is_not_of_this_machine(tmp_path):
    """Paths of etils stand for a bucket, as they do not count as of this machine."""
    folder = epath.Path(tmp_path) / "run"
    profile = Profile(Steps(0, 1), folder, Clock(0, 0, 0), True, print, Stopwatch())
    with profile, profile.call(Clock(0, 0, 0), Clock(1, 8, 8), ()):
        jax.block_until_ready(jax.jit(lambda x: x @ x)(np.ones((8, 8))))
    assert len(list((tmp_path / "run").glob("profile/plugins/profile/*/*.xplane.pb"))) == 1


def test_only_the_first_of_several_processes_traces_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    said = []
    first = (tmp_path, Clock(0, 0, 0), True, said.append, Stopwatch())
    with Profile(Steps(0, 1), *first):
        pass
    assert said[0] == "note: the first of 2 processes is traced, the others are not"
    other = (tmp_path, Clock(0, 0, 0), False, lambda line: None, Stopwatch())
    with Profile(Steps(0, 1), *other) as profile:
        with profile.call(Clock(0, 0, 0), Clock(1, 8, 8), ()):
            pass
        profile.called(Clock(1, 8, 8), ())
    assert not (tmp_path / "profile").exists()


def test_rows_tell_all_of_the_time(toy, tmp_path):
    loop.train(toy(), tmp_path / "run")
    rows = read_rows(WorkDir(tmp_path / "run").metrics)
    spent = [row["spent"] for row in rows if row["kind"] in ("train", "event")]
    assert set().union(*spent) == {
        *("step", "input", "compilation", "evaluation", "drawing", "saving")
    }
    evaluating = sum(row["seconds"] for row in rows if row["kind"] == "eval")
    assert sum(each.get("evaluation", 0) for each in spent) >= evaluating
    began, ended = (row["time"] for row in rows if row["kind"] == "event")
    assert sum(sum(each.values()) for each in spent[1:]) == pytest.approx(ended - began, rel=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile_steps=5"], "'5' is no A:B, steps of which A is less than B"),
        (["--profile_steps=6:6"], "'6:6' is no A:B"),
        (["--profile_steps=-1:6"], "'-1:6' is no A:B"),
        (["--profile_steps=1:2", "--dry_run"], "--profile_steps is for trainings, not for --dry"),
        (["--profile_steps=1:2", "--config=study_p1:phantom"], "is for single models: a study"),
    ],
)
def test_flag_that_makes_no_sense_is_one_sentence(arguments, message, tmp_path, capsys):
    config = [] if arguments[-1].startswith("--config") else ["--config=pgan:phantom"]
    assert main(["train", *config, f"--workdir={tmp_path / 'run'}", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

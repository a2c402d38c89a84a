"""The launchers, as far as they can be examined without a cluster, and how hosts are joined."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import jax
import pytest
import yaml

from dermgan_jax import hosts, launcher
from dermgan_jax.commands import parser
from dermgan_jax.errors import UserError

REPOSITORY = Path(__file__).parents[1]
LAUNCH = REPOSITORY / "launch"
SCRIPTS = [*sorted(LAUNCH.glob("*.sh")), LAUNCH / "slurm.sbatch", REPOSITORY / ".ci" / "run"]


def jobset_container():
    jobset = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
    (workers,) = jobset["spec"]["replicatedJobs"]
    (container,) = workers["template"]["spec"]["template"]["spec"]["containers"]
    return jobset, workers, container


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run_script(arguments, **variables):
    """Runs a script with stand-ins for the cluster's commands, found through PATH."""
    return subprocess.run(
        ["bash", *map(str, arguments)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script):
    shellcheck = Path(sys.executable).parent / "shellcheck"
    found = subprocess.run([shellcheck, script], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("script", [*LAUNCH.glob("*.sh"), REPOSITORY / ".ci" / "run"])
def test_scripts_can_be_executed(script):
    assert os.access(script, os.X_OK)


def test_local_without_arguments_explains_itself():
    result = run_script([LAUNCH / "local.sh"])
    assert result.returncode == 2
    for command in ("quickstart", "test", "run"):
        assert f"launch/local.sh {command}" in result.stderr


@pytest.fixture
def local_copy(tmp_path):
    """A copy of local.sh whose Python writes down how it is called, at first and in .venv."""
    (tmp_path / "launch").mkdir()
    (tmp_path / "launch" / "local.sh").write_text((LAUNCH / "local.sh").read_text())
    (tmp_path / "pyproject.toml").write_text("")
    log = f'printf "%s\\n" "$*" >>{tmp_path}/calls'
    executable(
        tmp_path / "venv_python", f'{log}\n[ "$1" != -m ] || [ "$2" = pip ] || echo "pid $$"'
    )
    executable(
        tmp_path / "python",
        f'{log}\nif [ "$2" = venv ]; then mkdir -p .venv/bin; '
        f"cp {tmp_path}/venv_python .venv/bin/python; fi",
    )
    return tmp_path


@pytest.mark.parametrize(
    ("command", "accelerator", "installed"),
    [("run", "", "."), ("run", "cuda", ".[cuda]"), ("test", "", ".[test]")],
)
def test_local_installs_once_what_is_asked_for(local_copy, command, accelerator, installed):
    for _ in range(2):
        result = run_script(
            [local_copy / "launch" / "local.sh", command, "--flag=two words"],
            PYTHON=str(local_copy / "python"),
            EXTRA=accelerator,
        )
        assert result.returncode == 0, result.stderr
    calls = (local_copy / "calls").read_text().splitlines()
    (pip,) = [call for call in calls if "pip install" in call]
    assert pip.endswith(f"--editable {installed}")
    assert calls[-1].endswith(" --flag=two words")


def test_local_becomes_the_program_that_slurm_signals(local_copy):
    """Slurm signals a task's first process only; were it a shell, training would not hear."""
    process = subprocess.Popen(
        ["bash", local_copy / "launch" / "local.sh", "run"],
        env={"PATH": os.environ["PATH"], "PYTHON": str(local_copy / "python")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.communicate(timeout=60)[0] == f"pid {process.pid}\n"


@pytest.fixture
def slurm(tmp_path):
    """slurm(exit code of training) -> (exit code of the job, calls of srun and scontrol)."""

    def run(exit_code):
        for name in ("srun", "scontrol"):
            executable(
                tmp_path / "bin" / name,
                f'printf "%s\\n" "{name} $* gpus=$JAX_LOCAL_DEVICE_IDS cpus=$SRUN_CPUS_PER_TASK" '
                f'>>{tmp_path}/calls; [[ "$*" != *--workdir=* ]] || exit {exit_code}',
            )
        result = run_script(
            [LAUNCH / "slurm.sbatch", "--config=configs/pgan.py", "--workdir=runs/my run"],
            PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            SLURM_SUBMIT_DIR=str(tmp_path),
            SLURM_JOB_ID="42",
            SLURM_GPUS_ON_NODE="4",
            SLURM_CPUS_PER_TASK="16",
        )
        return result.returncode, (tmp_path / "calls").read_text().splitlines()

    return run


def test_slurm_sets_up_then_trains_with_all_that_the_job_was_given(slurm):
    code, (set_up, training) = slurm(0)
    assert code == 0
    assert "--nodes=1 --ntasks=1 bash launch/local.sh run doctor" in set_up
    end = "--workdir=runs/my run --exit_code_if_stopped=75 gpus=0,1,2,3 cpus=16"
    assert training.endswith(end)


def test_slurm_requeues_what_was_stopped(slurm):
    code, calls = slurm(75)
    assert code == 75
    assert calls[-1].startswith("scontrol requeue 42")


def test_slurm_does_not_requeue_what_failed(slurm):
    code, calls = slurm(2)
    assert code == 2
    assert not any(call.startswith("scontrol") for call in calls)


def test_tpu_hosts_get_the_arguments_unharmed(tmp_path):
    executable(tmp_path / "gcloud", f'printf "%s" "${{*: -1}}" >{tmp_path}/call')
    arguments = ["train", "--config=pgan", '--config.title=it\'s "$HOME"']
    result = run_script(
        [LAUNCH / "tpu_vm.sh", *arguments],
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        TPU="name", ZONE="zone", SOURCE="https://host/my repository.git", PYTHON="python3.12",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    remote = (tmp_path / "call").read_text().removeprefix("--command=")
    words = shlex.split(remote)
    assert words[-len(arguments) :] == arguments
    assert "https://host/my repository.git" in words
    assert {"PYTHON=python3.12", "EXTRA=tpu,gcs", "DERMGAN_DISTRIBUTED=1"} <= set(words)


@pytest.mark.parametrize("missing", ["TPU", "ZONE", "SOURCE"])
def test_tpu_script_names_what_it_needs(missing):
    given = {"TPU": "a", "ZONE": "b", "SOURCE": "c"}
    del given[missing]
    result = run_script([LAUNCH / "tpu_vm.sh", "--mode=doctor"], **given)
    assert result.returncode != 0
    assert missing in result.stderr


def test_jobset_names_the_group_of_processes():
    jobset, workers, container = jobset_container()
    job = workers["template"]["spec"]
    variables = {entry["name"]: entry for entry in container["env"]}
    assert set(variables) == set(launcher.GROUP_VARIABLES)
    assert job["completionMode"] == "Indexed"
    assert variables["DERMGAN_NUM_PROCESSES"]["value"] == str(job["completions"])
    assert job["parallelism"] == job["completions"]
    # Pods are <jobset>-<replicated job>-<job>-<pod>.<subdomain>, the subdomain being the JobSet's
    # name unless spec.network says otherwise.
    name = jobset["metadata"]["name"]
    host, _, port = variables["DERMGAN_COORDINATOR"]["value"].partition(":")
    assert host == f"{name}-{workers['name']}-0-0.{name}"
    assert "network" not in jobset["spec"]
    assert 1024 < int(port) < 65536
    index = variables["DERMGAN_PROCESS_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert "job-completion-index" in index


def test_jobset_trains_in_a_bucket_and_mounts_nothing():
    _, workers, container = jobset_container()
    command, others = parser.choose(container["args"])
    flags = {word[2:].partition("=")[0].partition(".")[0] for word in others}
    assert command.name == "train"
    assert flags <= parser.parser_of(command).flags
    assert "exit_code_if_stopped" in flags
    paths = [
        word.partition("=")[2] for word in others if word.startswith(("--workdir", "--config.d"))
    ]
    assert len(paths) == 2
    assert all(path.startswith("gs://BUCKET/") for path in paths)
    assert "volumes" not in workers["template"]["spec"]["template"]["spec"]
    assert "volumeMounts" not in container


def test_dockerfile_copies_files_that_exist():
    lines = (LAUNCH / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY")]
    assert all((REPOSITORY / name).exists() for names in copied for name in names)
    needed = {"pyproject.toml", "README.md", "LICENSE", "dermgan_jax", "configs"}
    assert needed <= {name for names in copied for name in names}


@pytest.fixture
def joined(monkeypatch):
    """No launcher around; the arguments of every call of jax.distributed.initialize."""
    calls = []
    for name in (
        *launcher.GROUP_VARIABLES, "DERMGAN_DISTRIBUTED", "SLURM_STEP_NUM_TASKS",
        "OMPI_COMM_WORLD_SIZE", "TPU_WORKER_HOSTNAMES",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **_: calls.append(args))
    return calls


def test_process_on_its_own_joins_nobody(joined):
    hosts.join()
    assert joined == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DERMGAN_DISTRIBUTED", "1"),
        ("SLURM_STEP_NUM_TASKS", "2"),
        ("OMPI_COMM_WORLD_SIZE", "2"),
        ("TPU_WORKER_HOSTNAMES", "10.0.0.1,10.0.0.2"),
    ],
)
def test_launcher_is_recognised(joined, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    hosts.join()
    assert joined == [()]


@pytest.mark.parametrize(
    ("name", "value"),
    [("SLURM_STEP_NUM_TASKS", "1"), ("TPU_WORKER_HOSTNAMES", "localhost")],
)
def test_launcher_of_one_process_is_left_alone(joined, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    hosts.join()
    assert joined == []
    assert not launcher.several()


def test_named_group_is_joined(joined, monkeypatch):
    for name, value in zip(launcher.GROUP_VARIABLES, ("host:1234", "4", "3"), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    hosts.join()
    assert joined == [("host:1234", 4, 3)]


def test_group_named_in_part_is_refused(joined, monkeypatch):
    monkeypatch.setenv("DERMGAN_COORDINATOR", "host:1234")
    with pytest.raises(UserError, match="not DERMGAN_NUM_PROCESSES, DERMGAN_PROCESS_ID"):
        hosts.join()
    assert joined == []


def test_melanoma_script_without_arguments_explains_itself():
    result = run_script([LAUNCH / "gpu_melanoma.sh"])
    assert result.returncode == 2
    assert "launch/gpu_melanoma.sh HAM10000_FOLDER WORKDIR" in result.stderr


def test_melanoma_script_with_an_unknown_family(tmp_path):
    result = run_script([LAUNCH / "gpu_melanoma.sh", tmp_path, tmp_path / "run", "vae"])
    assert result.returncode == 2
    assert "unknown FAMILY vae: projected, fastgan or stylegan2" in result.stderr


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ([], "projected:256"),
        (["fastgan"], "fastgan"),
        (["stylegan2"], "stylegan2_melanoma:256"),
    ],
)
def test_melanoma_script_trains_and_then_judges(family, config, tmp_path):
    """Every command names flags and modes that exist; what is trained is what is audited."""
    (tmp_path / "launch").mkdir()
    for name in ("gpu_melanoma.sh", "local.sh"):
        (tmp_path / "launch" / name).write_text((LAUNCH / name).read_text())
    (tmp_path / "launch" / "local.sh").write_text('echo "$*" >> calls\n')
    seed = "--config.seed=1"
    script = tmp_path / "launch" / "gpu_melanoma.sh"
    command = [script, tmp_path, tmp_path / "run", *family, seed]
    assert run_script(command, HOME=str(tmp_path)).returncode == 0
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert all(call[0] == "run" for call in calls)
    commands = [parser.choose(call[1:])[0] for call in calls]
    styles = ["mix"] if family == ["stylegan2"] else []
    names = ["weights", "train", "generate", "filter", "interpolate", *styles, "audit"]
    assert [command.name for command in commands] == names
    assert f"--config={config}" in calls[1]
    assert ("lpips_vgg" in calls[0][-1]) == (family == ["fastgan"])
    assert seed in calls[1]
    assert all(f"--workdir={tmp_path / 'run'}" in call for call in calls[1:-1])
    assert f"--train={tmp_path / 'run'}" in calls[-1]
    drawn_from = [call for call in calls if "--checkpoint=best" in call]
    assert [call[1] for call in drawn_from] == ["generate", "interpolate", *styles]
    for command, call in zip(commands, calls, strict=True):
        flags = {word[2:].partition("=")[0].partition(".")[0] for word in call if "--" in word}
        assert flags <= parser.parser_of(command).flags


@pytest.mark.parametrize("whole", [True, False])
def test_melanoma_script_once_more_filters_only_what_was_not_filtered(whole, tmp_path):
    """The filter refuses a folder that holds something, which would end a script that continues."""
    (tmp_path / "launch").mkdir()
    script = tmp_path / "launch" / "gpu_melanoma.sh"
    script.write_text((LAUNCH / "gpu_melanoma.sh").read_text())
    (tmp_path / "launch" / "local.sh").write_text('echo "$*" >> calls\n')
    kept = tmp_path / "run" / "kept"
    kept.mkdir(parents=True)
    (kept / ("scores.json" if whole else "000001.png")).touch()
    result = run_script([script, tmp_path, tmp_path / "run"], HOME=str(tmp_path))
    assert result.returncode == 0
    assert kept.exists() == whole
    assert ("kept is there and left as it is" in result.stdout) == whole
    assert ("kept is of a filter that was stopped" in result.stdout) == (not whole)
    assert ("run filter " in (tmp_path / "calls").read_text()) == (not whole)

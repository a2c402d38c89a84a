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


LOCKED = {name: LAUNCH / "locked" / f"{name}.txt" for name in ("base", "test")}


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
    (tmp_path / "launch" / "locked").mkdir()
    for name, path in LOCKED.items():
        (tmp_path / "launch" / "locked" / path.name).write_text(f"{name}==1 \\\n    --hash=x\n")
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


BY_HASH = "--require-hashes --requirement launch/locked/{}.txt"
ITSELF = "--no-deps --no-build-isolation --editable ."
BY_VERSION = "--constraint .venv/versions.txt --editable .[{}]"


def installed_by(folder, command, extra):
    """Calls of pip, the common flags left out, and the result of `local.sh COMMAND`."""
    result = run_script(
        [folder / "launch" / "local.sh", command, "--flag=two words"],
        PYTHON=str(folder / "python"),
        EXTRA=extra,
    )
    assert result.returncode == 0, result.stderr
    calls = (folder / "calls").read_text().splitlines()
    assert calls[-1].endswith(" --flag=two words")
    common = "-m pip install --quiet --disable-pip-version-check "
    return [call.removeprefix(common) for call in calls if "pip install" in call], result


@pytest.mark.parametrize(
    ("command", "accelerator", "installed"),
    [
        ("run", "", [BY_HASH.format("base"), ITSELF]),
        ("test", "", [BY_HASH.format("test"), ITSELF]),
        ("run", "cuda", [BY_VERSION.format("cuda")]),
        ("test", "cuda,gcs", [BY_VERSION.format("test,cuda,gcs")]),
    ],
)
def test_local_installs_once_what_is_asked_for(local_copy, command, accelerator, installed):
    for time in range(2):
        found, result = installed_by(local_copy, command, accelerator)
        assert found == installed
        assert ("without hashes" in result.stderr) == (bool(accelerator) and time == 0)
    if accelerator:
        assert (local_copy / ".venv" / "versions.txt").read_text() == "test==1\n"


def test_local_installs_anew_what_was_locked_anew(local_copy):
    installed_by(local_copy, "run", "")
    (local_copy / "launch" / "locked" / "base.txt").write_text("base==2\n")
    assert len(installed_by(local_copy, "run", "")[0]) == 4


def test_local_says_where_nothing_was_tested(local_copy):
    python = local_copy / "venv_python"
    text = python.read_text().replace("\n[ ", '\ncase "$2" in *fits*) exit 1 ;; esac\n[ ', 1)
    executable(python, text)
    found, result = installed_by(local_copy, "run", "")
    assert found == ["--editable ."]
    assert "the newest are installed" in result.stderr


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
        COMMIT="0123456789abcdef" * 2 + "01234567",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    remote = (tmp_path / "call").read_text().removeprefix("--command=")
    words = shlex.split(remote)
    assert words[-len(arguments) :] == arguments
    assert "https://host/my repository.git" in words
    assert {"PYTHON=python3.12", "EXTRA=tpu,gcs", "DERMGAN_DISTRIBUTED=1"} <= set(words)


def test_tpu_hosts_run_one_commit(tmp_path):
    """Whatever a branch points to when each of them asks."""
    executable(tmp_path / "gcloud", f'printf "%s" "${{*: -1}}" >{tmp_path}/call')
    head = subprocess.run(
        ["git", "-C", REPOSITORY, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    given = {"TPU": "a", "ZONE": "b", "SOURCE": "c", "HOME": os.environ["HOME"]}
    given["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    for commit in ("f" * 40, None):
        more = {} if commit is None else {"COMMIT": commit}
        result = run_script([LAUNCH / "tpu_vm.sh", "doctor"], **given, **more)
        assert result.returncode == 0, result.stderr
        remote = (tmp_path / "call").read_text()
        assert f"git checkout --quiet --detach {commit or head}\n" in remote
        assert "git pull" not in remote
        assert (commit or head) in result.stdout
    result = run_script([LAUNCH / "tpu_vm.sh", "doctor"], **given, COMMIT="main; rm -rf /")
    assert result.returncode == 2
    assert "40 digits" in result.stderr


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
    assert set(variables) == {*launcher.GROUP_VARIABLES, "HOME", "DERMGAN_CACHE"}
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


def test_jobset_trains_in_a_bucket_and_shares_no_volume():
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
    (volume,) = workers["template"]["spec"]["template"]["spec"]["volumes"]
    assert set(volume) == {"name", "emptyDir"}


def test_pods_have_no_rights_to_gain_and_write_to_one_place():
    _, workers, container = jobset_container()
    pod = workers["template"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] > 0
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"]["drop"] == ["ALL"]
    ((volume,), (mount,)) = pod["volumes"], container["volumeMounts"]
    assert volume["name"] == mount["name"]
    written = {e["name"]: e["value"] for e in container["env"] if "value" in e}
    for name in ("HOME", "DERMGAN_CACHE"):
        assert Path(written[name]).is_relative_to(mount["mountPath"])
    assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
    name, _, tag = container["image"].partition(":")
    assert tag not in ("", "latest")


def test_image_is_of_a_digest_and_leaves_root_and_tools_behind():
    text = (LAUNCH / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all("${DIGEST:+@$DIGEST}" in line for line in stages)
    last = lines[lines.index(stages[-1]) :]
    (user,) = [line.split()[1] for line in last if line.startswith("USER ")]
    assert int(user) > 0
    assert not any("apt-get" in line or "pip install" in line for line in last)
    assert "--require-hashes --requirement launch/locked/base.txt" in text
    assert "pip uninstall --yes hatchling editables pip" in text
    assert any(line.startswith("RUN python -m pip uninstall --yes pip") for line in last)


def test_dockerfile_copies_files_that_exist():
    lines = (LAUNCH / "Dockerfile").read_text().splitlines()
    copied = [
        line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line
    ]
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

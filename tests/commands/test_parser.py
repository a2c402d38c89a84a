"""Which flag belongs to which command, and what is said of one that does not."""

import subprocess
import sys
import time

import pytest
from command_line import call

from dermgan_jax import registry
from dermgan_jax.commands import parser
from dermgan_jax.errors import UserError

ALL = registry.names("command")


def parsed(*words):
    command, others = parser.choose(words)
    return parser.parse(command, others)


@pytest.mark.parametrize("name", ALL)
def test_command_is_what_its_file_says(name):
    command = registry.load("command", name)
    assert command.name == name
    assert all(line.split()[0] == name for line in command.example.splitlines())


@pytest.mark.parametrize("name", ALL)
def test_flags_of_the_examples_exist(name):
    command = registry.load("command", name)
    for line in command.example.splitlines():
        words = [word for word in line.split()[1:] if word.startswith("--")]
        own = {word[2:].partition("=")[0].partition(".")[0] for word in words}
        assert own <= parser.parser_of(command).flags


@pytest.mark.parametrize(
    ("words", "owners"),
    [
        (["check", "--config=pgan", "--seed=3"], "generate, interpolate, mix, audit, evaluate"),
        (["generate", "--rule=realism"], "it is a flag of filter"),
        (["train", "--config=pgan:phantom", "--checkpoint=best"], "generate, translate"),
        (
            ["report", "--workdir=a", "--config=pgan"],
            "train, check, plan, prepare, audit, evaluate",
        ),
        (["--workdir=a", "--config=pgan", "--num=4"], "dermgan train has no --num"),
    ],
)
def test_flag_of_another_command_is_refused_by_name(words, owners, capsys):
    assert call(*words) == 2
    assert owners in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["generate", "--num=3", "--num=4"],
        ["train", "--config=pgan:phantom", "--config=dcgan:phantom"],
        ["train", "--config=pgan:phantom", "--config.seed=1", "--config.seed=2"],
    ],
)
def test_flag_that_is_given_twice_is_refused(words, capsys):
    assert call(*words) == 2
    assert "is given 2 times" in capsys.readouterr().err


def test_one_dash_is_as_good_as_two():
    assert parsed("generate", "-workdir=a", "-out=b", "-num=5").num == 5


def test_check_has_no_use_for_a_run_beside_a_configuration(capsys):
    assert call("check", "--config=pgan:phantom", "--workdir=run") == 2
    assert "--workdir would be ignored beside --config" in capsys.readouterr().err


def test_seed_of_a_training_is_a_field_of_its_configuration(capsys):
    assert call("--config=pgan:phantom", "--workdir=run", "--seed=3") == 2
    assert "--config.seed=N" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--mode=trian"], "did you mean 'train'"),
        (["trian"], "did you mean 'train'"),
        (["--confg=x.py"], "did you mean '--config'"),
        (["generate", "--workdir=a", "--out=b", "c"], "what is 'c'?"),
        (["check", "--mode=train"], "are two commands"),
        (["generate", "--out=b"], "it needs --workdir"),
        (["generate", "--workdir=a", "--out=b", "--num=0"], "'0' is no whole number from 1 on"),
        (["generate", "--workdir=a", "--out=b", "--nu=3"], "no --nu"),
        (["translate", "--workdir=a", "--input=i", "--out=b", "--reconstruct=maybe"], "'maybe'"),
        (["filter", "--workdir=a", "--input=i", "--out=b", "--rule=best"], "discriminator"),
        (["generate", "--workdir=ftp://host/run", "--out=b"], "ftp:// are not supported"),
    ],
)
def test_what_is_wrong_is_named(words, named, capsys):
    assert call(*words) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.startswith("error: ")
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "words",
    [["generate"], ["--mode=generate"], ["--mode", "generate"], ["--num=4", "--mode=generate"]],
)
def test_command_is_named_in_either_way(words):
    args = parsed(*words, "--workdir=a", "--out=b")
    assert str(args.workdir) == "a"


def test_values_may_be_words_of_their_own():
    args = parsed("generate", "--workdir", "a", "--out", "b", "--num", "5")
    assert (str(args.out), args.num) == ("b", 5)


@pytest.mark.parametrize(("given", "value"), [([], False), (["--reconstruct"], True)])
def test_switches_need_no_value(given, value):
    args = parsed("translate", "--workdir=a", "--input=i", "--out=b", *given)
    assert args.reconstruct is value
    assert parsed("translate", "--workdir=a", "--input=i", "--out=b", "--reconstruct=false")


def test_metrics_are_named_with_commas():
    args = parsed("evaluate", "--real=a", "--fake=b", "--metrics=swd, kid")
    assert args.metrics == ("swd", "kid")


def test_overview_has_a_line_for_each_command(capsys):
    assert call("--help") == 0
    printed = capsys.readouterr().out
    for name in ALL:
        (line,) = [line for line in printed.splitlines() if line.startswith(f"  {name} ")]
        assert registry.load("command", name).summary in line
        assert len(line) <= 100
    assert call() == 0


def test_help_of_a_command_shows_its_own_flags_only(capsys):
    assert call("--mode=translate", "--help") == 0
    printed = capsys.readouterr().out
    assert "--direction" in printed
    assert "dermgan translate --workdir=" in printed
    assert "--truncation" not in printed


def test_no_command_knows_a_flag_twice():
    for name in ALL:
        parser.parser_of(registry.load("command", name))


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"]])
def test_help_does_not_wait_for_jax(words):
    """Nor for TensorFlow; the time is that of a Python start."""
    program = (
        "import sys; from dermgan_jax.main import main; code = main(sys.argv[1:]);"
        "print('heavy:', sorted({'jax', 'tensorflow', 'flax', 'scipy'} & set(sys.modules)));"
        "sys.exit(code)"
    )
    began = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )
    seconds = time.monotonic() - began
    assert found.stdout.endswith("heavy: []\n")
    assert seconds < 5.0  # about 0.2 where nothing else runs


def test_completion_knows_commands_and_flags(capsys):
    assert call("completion", "--shell=bash") == 0
    script = capsys.readouterr().out
    assert "generate" in script
    assert "--truncation" in script


def test_version(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("dermgan_jax ")


def test_mode_needs_a_name():
    with pytest.raises(UserError, match="--mode needs"):
        parser.choose(["--mode"])

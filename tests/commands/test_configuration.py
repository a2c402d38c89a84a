"""--config: what it finds, what its fields are, and what is said of those it lacks."""

import pytest
from ml_collections import ConfigDict

from dermgan_jax.commands import configuration
from dermgan_jax.errors import UserError

OWN = """
from dermgan_jax.config import experiment


def get_config(variant=""):
    config = experiment("pgan")
    config.title = f"own {variant}"
    {line}
    return config
"""


@pytest.fixture
def own(tmp_path):
    """own(line) -> the path of a configuration file with that line in it."""

    def write(line="pass"):
        path = tmp_path / "mine.py"
        path.write_text(OWN.replace("{line}", line))
        return path

    return write


@pytest.mark.parametrize("name", ["pgan", "pgan.py", "configs/pgan.py"])
def test_shipped_configuration_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = configuration.parse([f"--config={name}:phantom"])
    assert config.data.dataset == "phantom"


def test_file_in_the_folder_comes_before_a_shipped_one(tmp_path, monkeypatch, own):
    own().rename(tmp_path / "pgan.py")
    monkeypatch.chdir(tmp_path)
    assert configuration.parse(["--config=pgan.py:x"]).title == "own x"


def test_own_file_may_lie_at_home(tmp_path, monkeypatch, own):
    own()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert configuration.parse(["--config=~/mine.py:x"]).title == "own x"


def test_fields_are_set(own):
    words = [f"--config={own()}", "--config.seed=3", "--config.data.resolution", "64"]
    config = configuration.parse([*words, "--config.eval.grid=(2, 3)", "--noconfig.data.mirror"])
    assert isinstance(config, ConfigDict)
    assert (config.seed, config.data.resolution, config.eval.grid) == (3, 64, (2, 3))
    assert config.data.mirror is False


def test_what_a_file_says_of_its_own_data_is_left_out_for_others(capsys):
    words = ["--config=projected:cpu", "--config.data.dir=DIR"]
    config = configuration.parse([*words, "--config.data.dataset=image_folder"])
    assert (config.title, config.data.classes) == ("", ())
    said = capsys.readouterr().err
    assert "note: all classes are taken: data.classes, mel, is of ham10000" in said
    assert "note: the title 'Projected GAN on melanomas of HAM10000 at 64×64' is left out" in said
    named = [*words, "--config.data.dataset=image_folder", "--config.data.classes=('a',)"]
    config = configuration.parse([*named, "--config.title=Mine"])
    assert (config.title, config.data.classes) == ("Mine", ("a",))
    config = configuration.parse(words)
    assert config.title.startswith("Projected GAN on melanomas")
    assert config.data.classes == ("mel",)
    assert configuration.parse([*words, "--config.data.resolution=32"]).title == ""


def test_no_words_are_no_configuration():
    assert configuration.parse([]) is None


def test_groups_are_known_by_the_names_they_had(own, capsys):
    config = configuration.parse([f"--config={own()}", "--config.gan.latent_size=7"])
    assert config.model.latent_size == 7
    assert "--config.gan.latent_size is now --config.model.latent_size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--config=pgn"], "did you mean 'pgan'"),
        (["--config=nowhere/mine.py"], "there is no file nowhere/mine.py"),
        (["--config=pgan:nosuch"], "no variant 'nosuch'; there are phantom"),
        (["--config=gs://bucket/mine.py"], "gs://bucket/mine.py"),
        (["--config.seed=3"], "there is no --config=NAME"),
        (["--config=pgan", "--config.seed=x"], "--config.seed=x"),
        (["--config=pgan", "--config.model.latent_siz=3"], "did you mean 'model.latent_size'"),
    ],
)
def test_what_is_wrong_is_named(words, named):
    with pytest.raises(UserError) as error:
        configuration.parse(words)
    assert named in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("config.title = (", r"mine\.py, line 8: SyntaxError: '\(' was never closed"),
        ("config.title = unknown", r"mine\.py, line 8: NameError: name 'unknown' is not defined"),
        ("config.seed = int('x')", r"mine\.py, line 8: ValueError: invalid literal"),
        ("import nosuchmodule", r"mine\.py, line 8: ModuleNotFoundError: No module named"),
        ("config.data.resolutoin = 3", r"mine\.py, line 8: AttributeError: .*resolutoin"),
        ("return None", "get_config returns a NoneType: let it return the configuration"),
        ("return 1 / 0", r"mine\.py, line 8: ZeroDivisionError"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--config.seed=3"]])
def test_own_file_that_cannot_be_run_is_told_its_line(own, line, said, more):
    with pytest.raises(UserError, match=said) as raised:
        configuration.parse([f"--config={own(line)}", *more])
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize("more", [[], ["--config.seed=3"]])
@pytest.mark.parametrize("file", ["configs/pgann.py", "/nowhere/pgan.py"])
def test_file_that_is_not_there(file, more):
    with pytest.raises(UserError, match=f"there is no file {file}"):
        configuration.parse([f"--config={file}", *more])


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("pgan", "eval.metrics=(1,)"),
        ("pgan", "data.classes=(3,)"),
        ("pgan", "data.split_fractions=('a', 0.5, 0.5)"),
        ("pgan", "eval.grid=(1.5, 2)"),
        ("pgan", "model.batch_sizes=(3,)"),
        ("pgan", "model.batch_sizes=((4, 8, 2),)"),
        ("augmentation_study", "seeds=('a',)"),
        ("augmentation_study", "seeds=(1.5,)"),
        ("augmentation_study", "arms=(1,)"),
        ("study_p1", "metrics=(True,)"),
    ],
)
def test_wrong_type_in_a_tuple_is_named(name, field):
    key = field.partition("=")[0]
    with pytest.raises(UserError, match=rf"--config\.{key} is \("):
        configuration.parse([f"--config={name}", f"--config.{field}"])


def test_every_unknown_field_is_named_at_once():
    words = ["--config=pgan", "--config.foo=1", "--config.data.bar=2"]
    with pytest.raises(UserError, match=r"(?s)'foo'.*'data.bar'"):
        configuration.parse(words)


def test_file_of_before_a_renaming_is_told_what_to_write(own):
    with pytest.raises(UserError, match=r"config.gan is now config.model"):
        configuration.parse([f"--config={own('config.gan.latent_size = 3')}"])

"""The fields of configurations as users are shown them."""

import pathlib

from command_line import call

from dermgan_jax import config, config_fields, registry

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "configuration.md"


def test_the_page_tells_every_field(monkeypatch):
    monkeypatch.delitem(registry.REGISTRY["model"], "toy", raising=False)  # of other tests
    assert PAGE.read_text() == config_fields.page(), "make it anew with the command that it names"


def test_a_field_has_its_own_comment_value_and_bounds():
    found = {field.key: field for field in config_fields.fields(config.experiment("stylegan2"))}
    assert found["model.channel_max"].meaning == "but at most so many"
    assert found["model.ada_target"].meaning == "mean sign of the scores of reals"
    assert found["ema.decay"] == ("ema.decay", 0.999, "[0, 1)", "per iteration")
    assert found["data.num_images"].meaning.startswith("phantom*: how many to draw")
    assert found["eval.num_images"].meaning == ""
    assert found.keys() == config.flatten(config.experiment("stylegan2")).keys()


def test_check_prints_the_fields_of_a_configuration(capsys):
    assert call("check", "--config=dcgan", "--config.seed=7", "--fields") == 0
    out = capsys.readouterr().out
    assert "seed = 7  [0, 4294967295]\n" in out
    assert "model.max_width = 1024  [1, 65536]\n    binds from 256 px on\n" in out

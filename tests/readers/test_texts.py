"""Words of the readers' page."""

import re
from pathlib import Path

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.readers import design, texts

READERS = Path(texts.__file__).parent


def written(folder, text):
    path = folder / "texts.toml"
    path.write_text(text, "utf-8")
    return path


def test_every_question_and_option_has_a_text():
    for name in (design.TRUTH, design.CONFIDENCE, design.CLASS, design.REALISM, design.COMMENT):
        question = design.question(name, ("nv",))
        assert f"question.{name}" in texts.ENGLISH
        if question.kind == design.SCALE:
            assert {f"scale.{name}.low", f"scale.{name}.high"} <= set(texts.ENGLISH)
    for option in (design.REAL, design.FAKE):
        assert f"option.real.{option}" in texts.ENGLISH
    assert f"option.class.{design.NO_CLASS}" in texts.ENGLISH


def test_the_page_asks_for_no_other_text():
    asked = set()
    for script in READERS.glob("page*.js"):
        asked |= set(re.findall(r"""\btext\(\s*"([\w.]+)\"""", script.read_text("utf-8")))
    assert asked
    assert asked <= set(texts.ENGLISH)


def test_a_translation_is_read(tmp_path, capsys):
    path = written(
        tmp_path,
        'language = "de"\n[view]\nprogress = "{number} von {total}"\n'
        '[option.class]\n"basal cell" = "Basaliom"\n',
    )
    found = texts.read(path)
    assert found["view.progress"] == "{number} von {total}"
    assert found["option.class.basal cell"] == "Basaliom"
    assert found["view.next"] == "Next"
    printed = capsys.readouterr().out
    assert "view.next" in printed
    assert "view.progress" not in printed


def test_a_complete_translation_is_read_without_a_note(tmp_path, capsys):
    path = written(tmp_path, (READERS / "texts_en.toml").read_text("utf-8"))
    assert texts.read(path) == texts.ENGLISH
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[view]\nprogres = "x"', "did you mean 'view.progress'"),
        ('zzzzzzzz = "x"', "zzzzzzzz"),
        ("[view]\nnext = 3", "view.next is to be a text"),
        ('[view]\nnext = ""', "view.next is to be a text"),
        ('[view]\nprogress = "{number} von {totl}"', "{number}, {total}"),
        ('[view]\nnext = "Weiter {number}"', "nothing in braces"),
        ("view = [", "is no file of texts"),
        ("[view]\nnext = '\udcff'".encode("utf-8", "surrogateescape"), "is no file of texts"),
    ],
)
def test_a_bad_file_gives_one_message(tmp_path, text, said):
    path = tmp_path / "texts.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as error:
        texts.read(path)
    assert said in str(error.value)
    assert "texts.toml" in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no such file"):
        texts.read(tmp_path / "none.toml")

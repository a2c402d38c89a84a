"""Latents of strangers, given to the command that draws from a run."""

import pytest
from style_painter import holds_a_painter

from dermgan_jax.errors import UserError
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.generate import generate
from tests.faults import hostile_files

CASES = [
    pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.is_heavy else [])
    for case in hostile_files.cases(5, 12)
    if case.kind == "npz of latents"
]


@pytest.mark.parametrize("case", CASES)
def test_latents_are_drawn_from_or_refused_by_name(case, tmp_path, monkeypatch):
    holds_a_painter(monkeypatch)
    path, out = case.write(tmp_path), tmp_path / "samples"
    try:
        generate(tmp_path / "run", out, None, Drawing(), path)
    except UserError as error:
        said = str(error)
        assert not out.exists()
    else:
        said = str(path)
        assert len(list(out.glob("*.png"))) == 6
    assert str(path) in said
    assert len(said) < 1000

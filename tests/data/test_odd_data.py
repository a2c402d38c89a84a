"""Hundreds of odd tables and layouts: each is read as expected, or refused with what to do."""

import odd_layouts
import odd_tables
import pytest
from odd_cases import assert_as_expected

FEW, MANY = 32, 260
TABLES, LAYOUTS = odd_tables.cases(MANY), odd_layouts.cases(MANY)


def _parameters(cases):
    return [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] if i >= FEW else [])
        for i, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", _parameters(TABLES))
def test_odd_table(case, make_config, tmp_path, capsys):
    assert_as_expected(case, tmp_path / "own", make_config, capsys)


@pytest.mark.parametrize("case", _parameters(LAYOUTS))
def test_odd_layout(case, make_config, tmp_path, capsys):
    assert_as_expected(case, tmp_path / "own", make_config, capsys)


def test_cases_are_many_and_of_both_sorts():
    for cases in (TABLES, LAYOUTS):
        refused = [case.images is None for case in cases]
        assert len({case.name for case in cases}) == MANY >= 200
        assert 50 < sum(refused) < MANY - 50
        assert 5 < sum(refused[:FEW]) < FEW - 5

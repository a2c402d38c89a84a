"""The page on data names exactly what is read."""

import re
from pathlib import Path

import pytest

from dermgan_jax.data.datasets.split_names import SPLIT_NAMES
from dermgan_jax.data.datasets.table_columns import MISSING, SYNONYMS
from dermgan_jax.data.decode import SUFFIXES

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def marked(name):
    """The words in code between <!-- name --> and <!-- end -->."""
    (part,) = re.findall(rf"<!-- {name} -->(.*?)<!-- end -->", PAGE, re.DOTALL)
    return re.findall(r"`([^`]+)`", part)


def test_suffixes():
    assert sorted(marked("suffixes")) == sorted(SUFFIXES)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_names_of_splits(split):
    assert marked(split) == [name for name, means in SPLIT_NAMES.items() if means == split]


def test_cells_that_say_nothing():
    assert sorted(marked("missing")) == sorted(MISSING - {""})


def test_names_of_columns():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.partition("## Tables")[2], re.MULTILINE)
    found = {role: tuple(re.findall(r"`(\w+)`", names)) for role, names in rows}
    assert found == dict(SYNONYMS)

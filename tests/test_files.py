"""The one layer that opens, lists, replaces and removes paths."""

import importlib.util
import os
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from dermgan_jax import files, listings
from dermgan_jax.errors import UserError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def found(folder):
    return [path.relative_to(folder).as_posix() for path in listings.find_files(folder, {".png"})]


def test_plain_text_is_a_path_of_this_machine():
    assert files.to_path("~/runs") == Path.home() / "runs"
    assert files.to_path("runs/a:b") == Path("runs/a:b")
    assert files.scheme(files.to_path("runs")) == ""


@pytest.mark.parametrize(("path", "extra"), [("gs://bucket/run", "gcs"), ("s3://bucket/a", "s3")])
def test_bucket_without_its_extra_names_it_in_one_sentence(path, extra, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as raised:
        files.to_path(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert f"dermgan-jax[{extra}]" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("ftp://host/run", "begin with ftp:// are not supported; known are gs://, s3://"),
        ("http://host/run", "begin with http:// are not supported"),
        ("gs:/bucket/run", "write gs://BUCKET/PATH"),
        ("gs://", "write gs://BUCKET/PATH"),
        ("gs:///run", "write gs://BUCKET/PATH"),
    ],
)
def test_other_schemes_are_refused(path, message):
    with pytest.raises(UserError, match=message):
        files.to_path(path)


def test_what_has_to_lie_on_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "_require_installed", lambda *_: None)
    assert files.require_local(tmp_path, "the cache") is tmp_path
    with pytest.raises(UserError, match="the cache, so that it has to lie on this machine; gs://b"):
        files.require_local(files.to_path("gs://b/cache"), "the cache")


def test_text_is_replaced_and_nothing_else_is_left(tmp_path):
    for number in range(2):
        files.write_text(tmp_path / "new" / "a.json", str(number))
    assert [(p.name, p.read_text()) for p in (tmp_path / "new").iterdir()] == [("a.json", "1")]


def test_arrays_come_back(tmp_path):
    files.write_arrays(tmp_path / "a.npz", one=np.arange(3))
    with files.open_arrays(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["one"], [0, 1, 2])
    np.save(tmp_path / "a.npy", np.arange(3))
    with pytest.raises(ValueError, match="single array"), files.open_arrays(tmp_path / "a.npy"):
        pass


def test_writer_that_fails_leaves_the_old_file(tmp_path):
    touch(tmp_path, "a.txt")
    with pytest.raises(ZeroDivisionError), files.replacing(tmp_path / "a.txt") as file:  # noqa: PT012
        file.write(b"half of the n")
        raise ZeroDivisionError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.txt", "a.txt")]


def test_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        assert found(tmp_path) == []
    assert path.read_text() == "new"


def test_writers_at_the_same_time_do_not_mix(tmp_path):
    """Of processes with equal numbers too, as they are in containers that share a disk."""
    path, both = tmp_path / "a.txt", threading.Barrier(2)

    def write(letter):
        with files.replacing(path) as file:
            for _ in range(2):
                both.wait(timeout=30)
                file.write(letter * 1000)
                file.flush()

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in (b"a" * 2000, b"b" * 2000)
    assert len(list(tmp_path.iterdir())) == 1


def test_cache_entry_appears_once_it_is_written(tmp_path):
    path = tmp_path / "new" / "a.npy"

    def write(unfinished):
        assert not path.exists()
        assert unfinished.suffix == ".npy"
        np.save(unfinished, np.arange(3))
        return "done"

    assert files.write_once(path, write) == "done"
    assert np.load(path).sum() == 3

    def fail(unfinished):
        unfinished.write_text("half")
        raise OSError(28, "full")

    with pytest.raises(OSError, match="full"):
        files.write_once(tmp_path / "new" / "b.npy", fail)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.npy"]


def test_hidden_files_and_those_of_archives_are_left_out(tmp_path):
    touch(tmp_path, "b.PNG", "a/c.png", "notes.txt", ".b.png", "._b.png")
    touch(tmp_path, ".thumbnails/a.png", "__MACOSX/._b.png", "a/__MACOSX/d.png")
    assert found(tmp_path) == ["a/c.png", "b.PNG"]


def test_linked_folder_is_followed_once(tmp_path, capsys):
    touch(tmp_path, "elsewhere/a.png", "data/own.png")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "z_again").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "round").symlink_to(tmp_path / "data")
    assert found(tmp_path / "data") == ["linked/a.png", "own.png"]
    noted = capsys.readouterr().err
    assert "z_again was looked into already" in noted
    assert "round was looked into already" in noted


def test_existing_files_are_told_from_folders_and_nothing(tmp_path):
    touch(tmp_path, "a.png", "folder/b.png")
    asked = [tmp_path / name for name in ("a.png", "folder", "folder/b.png", "c.png", "no/d.png")]
    assert listings.existing(asked) == {tmp_path / "a.png", tmp_path / "folder" / "b.png"}


def test_folder_is_empty_without_anything_even_hidden(tmp_path):
    assert listings.is_empty(tmp_path / "nowhere")
    assert listings.is_empty(tmp_path)
    touch(tmp_path, ".lock")
    assert not listings.is_empty(tmp_path)


def test_folder_is_removed_with_everything(tmp_path):
    touch(tmp_path, "a/b/c.png")
    files.remove_folder(tmp_path / "a")
    files.remove_folder(tmp_path / "a")
    assert not os.listdir(tmp_path)


def test_name_that_is_no_utf8_can_be_written_down(tmp_path):
    files.write_text(tmp_path / "names.csv", f"{os.fsdecode(bytes([0xE9]))}.png\n")
    assert (tmp_path / "names.csv").read_text() == "\\udce9.png\n"


def test_files_come_in_the_order_of_their_paths(tmp_path):
    touch(tmp_path, "a/z.png", "a.png", "a-b/c.png", "a b.png", "B.png", "a/b/c.png", "é/a.png")
    paths = listings.find_files(tmp_path)
    assert paths == sorted(paths)
    assert len(paths) == 7


def test_files_but_those_of_some_suffixes(tmp_path):
    touch(tmp_path, "a.PNG", "b.txt", "c", "d.", "e/f.csv")
    left = [path.name for path in listings.find_files(tmp_path, but={".png", ".csv"})]
    assert left == ["b.txt", "c", "d."]


@pytest.mark.parametrize("folder", ["/", "/data", ".", "data", "data/../other"])
def test_names_below_a_folder(folder):
    folder = Path(folder)
    for name in ("a.png", "a b/c.png"):
        assert files.name_below(folder / name, folder) == name
    with pytest.raises(ValueError, match="subpath"):
        files.name_below(Path("/elsewhere/data2/a.png"), Path("/elsewhere/data"))


def test_what_killed_commands_left_is_swept_after_a_day(tmp_path, capsys):
    old, new = tmp_path / ".unfinished-1-a.png", tmp_path / ".unfinished-2-a.png"
    download, folder = tmp_path / ".fetch-abc", tmp_path / ".unfinished-3-images"
    for file in (old, new):
        file.write_bytes(b"half")
    for each in (download, folder):
        each.mkdir()
        (each / "x").write_bytes(b"half")
    for each in (old, download, folder):
        os.utime(each, (0, 0))
    files.write_text(tmp_path / "other", "text")
    assert {path.name for path in tmp_path.iterdir()} == {new.name, folder.name, "other"}
    said = capsys.readouterr().err
    assert f"removed {old}," in said
    assert f"removed {download}," in said
    assert f"{folder} is left of a command that was killed: look into it" in said


def test_links_back_to_folders_around_are_not_followed(tmp_path, capsys):
    touch(tmp_path, "data/a/0.png", "data/b/1.png")
    (tmp_path / "data" / "a" / "up").symlink_to("..")
    (tmp_path / "data" / "a" / "top").symlink_to(tmp_path)
    (tmp_path / "data" / "a" / "self").symlink_to("self")
    for folder in (tmp_path / "data", tmp_path / "data" / "a"):
        here = [path for path in found(folder) if not path.endswith("b/1.png")]
        assert here == [path for path in ("a/0.png", "0.png") if (folder / path).is_file()]
        assert len(listings.find_files(folder, {".png"})) == (2 if folder.name == "data" else 1)
    said = capsys.readouterr().err
    assert "a/top leads back to a folder that it lies in" in said
    assert "a/up leads back to a folder that it lies in" in said


def test_pipes_and_sockets_are_left_out_with_a_word(tmp_path, capsys):
    touch(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / ".hidden")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    assert found(tmp_path) == ["a.png"]
    assert listings.listing(tmp_path) == ([], [tmp_path / "a.png"])
    said = capsys.readouterr().err
    assert "pipe.png is no file but a pipe" in said
    assert "device.png is no file but a device" in said
    assert "hidden" not in said


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "a"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match=f"a is no file but a {kind}"):
        files.open_plain(path)


def test_names_that_control_a_terminal_are_written_out(capsys):
    files.tell_once("note: a\x1b[2J\rb\nwarning: c")
    assert capsys.readouterr().err == "note: a\\x1b[2J\\rb\\nwarning: c\n"
    assert str(UserError("a\x1b]0;x\x07 é 名 \u202e\nsecond line")) == (
        "a\\x1b]0;x\\x07 é 名 \\u202e\nsecond line"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("mode", [0o000, 0o100, 0o400, 0o444])
def test_folders_that_may_not_be_read_are_named(tmp_path, mode):
    """By a process of another user, as nothing is forbidden to root."""
    touch(tmp_path, "data/a/0.png", "data/b/c/1.png")
    for folder in (*tmp_path.parents, tmp_path):
        if folder.stat().st_uid == 0 and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "data" / "b").chmod(mode)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = "nothing"
        try:
            os.setuid(65534)
            listings.find_files(tmp_path / "data", {".png"})
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    said = os.read(reading, 10_000).decode()
    assert said.startswith(f"UserError: {tmp_path}/data/b")
    assert said.endswith("cannot be read: Permission denied")

"""A damaged work directory is named in one message, or its report says what is damaged.

With -s: a table of the damages. `-m slow` takes all of them through all commands.
"""

import collections
import shutil
import time

import damaged_workdirs
import peak_memory
import pytest
from command_line import call

SECONDS, MOST = 60, 2048  # MB
TRAIN = "--config=tests/tiny_configs.py:toy"


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A small run with everything that a work directory may have, and samples of it."""
    folder = tmp_path_factory.mktemp("whole")
    prepared = f"--config.data.prepared_dir={folder / 'prepared'}"
    short = ["--config.train.total_kimg=0.064", "--config.eval.snapshot_kimg=0.032"]
    first, second = folder / "first", folder / "run"
    assert call("train", TRAIN, f"--workdir={first}", prepared, *short) == 0
    begun = f"--config.train.init_from={first}"
    assert call("train", TRAIN, f"--workdir={second}", prepared, begun, *short) == 0
    longer = ["--config.train.total_kimg=0.08", "--config.title=Another title", begun]
    assert call("train", TRAIN, f"--workdir={second}", prepared, *longer) == 0
    assert call("plan", f"--measured={second}") == 0
    assert (
        call("generate", f"--workdir={second}", f"--out={second / 'samples_made'}", "--num=8") == 0
    )
    return second


def commands(workdir, out):
    """What is tried on a damaged work directory, by name."""
    fake = f"--fake={workdir / 'samples_made'}"
    return {
        "report": ["report", f"--workdir={workdir}"],
        "generate": ["generate", f"--workdir={workdir}", f"--out={out / 'g'}", "--num=4"],
        "generate again": [
            *("generate", f"--workdir={workdir}", f"--out={workdir / 'samples_made'}", "--num=8"),
        ],
        "plan": ["plan", f"--measured={workdir}"],
        "evaluate": [
            *("evaluate", f"--real={workdir / 'samples_made'}", f"--fake={workdir}", "--num=8"),
            f"--out={out / 'e.json'}",
        ],
        "audit": ["audit", f"--train={workdir}", fake, "--features=pixels", f"--out={out / 'a'}"],
        "filter": [
            *("filter", f"--workdir={workdir}", f"--input={workdir / 'samples_made'}"),
            *("--rule=discriminator", "--keep=0.5", f"--out={out / 'f'}"),
        ],
        "export": ["export", f"--workdir={workdir}", f"--out={out / 'x.pth'}"],
        "train": ["train", f"--workdir={workdir}"],
    }


def test_every_command_does_its_work_on_the_whole_one(workdir, tmp_path):
    """Or else a refusal of a damaged one would show nothing."""
    copy = shutil.copytree(workdir, tmp_path / "run")
    codes = {name: call(*words) for name, words in commands(copy, tmp_path).items()}
    allowed = {"export": (2,), "audit": (0, 3)}  # there is no original of the toy
    assert all(code in allowed.get(name, (0,)) for name, code in codes.items()), codes


def require_a_word(damage, name, workdir, out, capsys):
    """Runs a command on a work directory that was damaged; its exit code, and MB that it took."""
    capsys.readouterr()
    measured, begun = peak_memory.begin(), time.monotonic()
    before = peak_memory.held()[0] if measured else 0
    code = call(*commands(workdir, out)[name])
    more = (peak_memory.held()[1] - before if measured else 0) >> 20
    told = capsys.readouterr()
    assert time.monotonic() - begun < SECONDS
    assert more < MOST, (damage.name, name)
    assert code in (0, 2, 3), (damage.name, name)
    if code == 2:
        assert told.err.count("error: ") >= 1
        assert "Traceback" not in told.err
    if name == "report" and damage.unreadable and _is_of_report(damage):
        said = told.err + told.out
        if code == 0:
            said += (workdir / "report.html").read_text()
        assert damage.file.rpartition("/")[2] in said, damage.name
        words = ("is damaged", "is no file", "written only in part")
        assert code == 2 or any(each in said for each in words), damage.name
    return code, more


def _is_of_report(damage):
    return not damage.file.startswith(("checkpoints", "samples_made", "began_as", "init_from"))


def try_all(found, names, workdir, tmp_path, capsys):
    table = collections.Counter()
    for number, damage in enumerate(found):
        copy = tmp_path / f"{number}" / "run"
        shutil.copytree(workdir, copy)
        damage.apply(copy)
        for name in names:
            code, more = require_a_word(damage, name, copy, tmp_path / f"{number}", capsys)
            place = damage.file.partition("/")[0]
            table[name, place, code] += 1
            table[name, place, "MB"] = max(table[name, place, "MB"], more)
        shutil.rmtree(tmp_path / f"{number}")
    with capsys.disabled():
        _tell(table)
    return table


def _tell(table):
    print(f"\n{'command':16}{'damaged':20}{'cases':>7}{'read':>7}{'refused':>9}{'memory':>9}")
    for name, file in sorted({key[:2] for key in table}):
        read, refused = table[name, file, 0] + table[name, file, 3], table[name, file, 2]
        print(
            f"{name:16}{file:20}{read + refused:7}{read:7}{refused:9}{table[name, file, 'MB']:6} MB"
        )


def test_files_that_are_something_else(workdir, tmp_path, capsys):
    found = [each for each in damaged_workdirs.damages(workdir) if each.unreadable]
    report = [each for each in found if _is_of_report(each)]
    assert len(report) > 50
    table = try_all(report, ["report"], workdir, tmp_path, capsys)
    refused = sum(number for key, number in table.items() if key[-1] == 2)
    assert refused > len(report) * 0.7  # the others are told of in the report


def test_some_fields_of_other_values(workdir, tmp_path, capsys):
    found = [each for each in damaged_workdirs.damages(workdir) if not each.unreadable]
    try_all(found[::90], ["report"], workdir, tmp_path, capsys)
    try_all(found[7::700], ["generate", "plan"], workdir, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(8))
def test_every_damage(share, workdir, tmp_path, capsys):
    found = damaged_workdirs.damages(workdir)
    try_all(found[share::8], ["report"], workdir, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(8))
def test_damages_through_every_command(share, workdir, tmp_path, capsys):
    found = damaged_workdirs.damages(workdir)[share::40]
    try_all(found, list(commands(workdir, tmp_path)), workdir, tmp_path, capsys)

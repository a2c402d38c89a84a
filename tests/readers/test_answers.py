"""The database of answers."""

import concurrent.futures
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.entries import Entry

REPOSITORY = Path(__file__).parents[2]


def entry(number, image="a" * 16, answer="real"):
    return Entry(f"entry-{number:06d}", image, {"real": answer}, 1.5, "2026-01-02T03:04:05.678Z")


@pytest.fixture
def answers(tmp_path):
    opened = Answers(tmp_path / "answers.sqlite")
    yield opened
    opened.close()


def test_entries_come_back_in_the_order_of_arrival(answers):
    given = [entry(2), entry(1, answer="fake"), entry(3, "b" * 16)]
    assert all(answers.add("ann", each) for each in given)
    answers.add("bob", entry(4))
    assert answers.of("ann") == given
    assert answers.entries() == {"ann": given, "bob": [entry(4)]}
    assert answers.of("nobody") == []


def test_the_same_entry_twice_is_stored_once(answers):
    assert answers.add("ann", entry(1))
    assert not answers.add("ann", entry(1))
    assert not answers.add("ann", entry(1), once=True)
    assert answers.of("ann") == [entry(1)]


@pytest.mark.parametrize(("reader", "other"), [("ann", entry(1, answer="fake")), ("bob", entry(1))])
def test_another_entry_with_the_same_id_is_refused(answers, reader, other):
    answers.add("ann", entry(1))
    with pytest.raises(UserError, match="entry-000001"):
        answers.add(reader, other)
    assert answers.entries() == {"ann": [entry(1)]}


def test_final_answers_stay(answers):
    answers.add("ann", entry(1), once=True)
    with pytest.raises(UserError, match="final"):
        answers.add("ann", entry(2, answer="fake"), once=True)
    answers.add("bob", entry(3), once=True)
    assert answers.of("ann") == [entry(1)]


def test_threads_store_everything_once(answers):
    given = [entry(number, f"{number % 7:016x}") for number in range(200)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda each: answers.add("ann", each), [*given, *given]))
    assert sum(results) == len(given)
    assert sorted(answers.of("ann"), key=lambda each: each.id) == given


def test_a_refusal_leaves_others_of_the_same_write_alone(answers):
    answers.add("ann", entry(0))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(answers.add, "ann", entry(number, answer="fake")) for number in range(40)
        ]
    assert isinstance(futures[0].exception(), UserError)
    assert all(future.result() for future in futures[1:])


def test_text_of_any_language_comes_back(answers):
    given = Entry("entry-000001", "a" * 16, {"comment": "Zweifel? é 皮膚 😀\0\n"}, 0.1, "")
    answers.add("Zoë", given)
    assert answers.entries() == {"Zoë": [given]}


def test_what_was_stored_outlives_a_killed_process(tmp_path):
    path = tmp_path / "answers.sqlite"
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dermgan_jax.readers.answers import Answers\n"
        "from dermgan_jax.readers.entries import Entry\n"
        "Answers(Path(sys.argv[1])).add('ann', Entry('entry-000001', 'a', {}, 1.0, ''))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, path], cwd=REPOSITORY)
    opened = Answers(path)
    assert [each.id for each in opened.of("ann")] == ["entry-000001"]
    assert opened._connection.execute("pragma journal_mode").fetchone() == ("wal",)
    assert opened._connection.execute("pragma synchronous").fetchone() == (2,)


def test_two_processes_may_share_it(answers):
    other = Answers(answers.path)
    other.add("ann", entry(1))
    answers.add("ann", entry(2))
    assert other.of("ann") == answers.of("ann") == [entry(1), entry(2)]


def test_something_else_is_refused(tmp_path):
    text = tmp_path / "text.sqlite"
    text.write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(UserError, match=r"text\.sqlite is no database of answers"):
        Answers(text)
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("create table things (name)")
    with pytest.raises(UserError, match="another program"):
        Answers(tmp_path / "other.sqlite")
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(UserError, match="folder"):
        Answers(tmp_path / "folder.sqlite")

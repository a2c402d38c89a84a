import pytest
from test_report import FULL_RUN, event_row, make_workdir, train_row

from dermgan_jax.report import run, run_record, time_spent
from dermgan_jax.runs.workdir import WorkDir


def table(path, rows):
    return time_spent.table(run_record.read(WorkDir(make_workdir(path, rows))))


NEW = [
    event_row(0, "started") | {"spent": {"evaluation": 1.0, "step": 0.5}},
    train_row(1) | {"spent": {"step": 50.0, "evaluation": 9.0}},
    train_row(2) | {"spent": {"step": 29.5, "saving": 8.0}},
    event_row(2, "finished") | {"spent": {"saving": 2.0}},
]


def test_parts_of_all_rows_are_added_up(tmp_path):
    found = table(tmp_path, NEW)
    assert found["rows"] == [
        ("training steps, and whatever is not below", "1 min 20 s", 0.8),
        ("evaluations", "10 s", 0.1),
        ("checkpoints", "10 s", 0.1),
    ]
    assert found["note"] == ""


def test_part_that_an_early_version_trained_is_named(tmp_path):
    rows = [train_row(1), train_row(2), train_row(3) | {"spent": {"step": 2.0}}]
    found = table(tmp_path, rows)
    assert found["rows"] == [("training steps, and whatever is not below", "2.0 s", 1.0)]
    assert found["note"].startswith("The first 0.2 thousand images are not in it")


def test_run_of_an_early_version_tells_evaluations_from_the_rest(tmp_path):
    """2,000 images at 50 per second, and two evaluations of two seconds."""
    found = table(tmp_path, FULL_RUN)
    assert found["rows"] == [
        ("everything else", "36 s", pytest.approx(0.9)),
        ("evaluations", "4.0 s", pytest.approx(0.1)),
    ]
    assert "told no more apart" in found["note"]


def test_without_training_there_is_no_section(tmp_path):
    workdir = make_workdir(tmp_path, [event_row(0, "started")])
    assert "Where time went" not in run.build(workdir).read_text()


def test_page_shows_the_parts(tmp_path):
    page = run.build(make_workdir(tmp_path, NEW)).read_text()
    assert "Where time went" in page
    assert "<th>checkpoints</th>" in page
    assert "80.0 %" in page


def test_trace_that_cannot_be_read_is_a_warning(tmp_path):
    workdir = make_workdir(tmp_path, NEW)
    file = workdir / "profile/plugins/profile/now/host.xplane.pb"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff" * 40)
    assert "cannot be read as a trace" in run.build(workdir).read_text()

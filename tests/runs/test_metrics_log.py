import builtins
import json
import math

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.runs.metrics_log import (
    METRICS_FILE,
    MetricsWriter,
    parse_sample_sheet_name,
    read_rows,
    sample_sheet_name,
)


@pytest.fixture
def no_tensorflow(monkeypatch):
    real_import = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.partition(".")[0] == "tensorflow":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)


def train_row(step, loss=0.5):
    return {
        "kind": "train",
        "step": step,
        "images": 16 * step,
        "stage": "8x8",
        "traced": {"alpha": 0.5},
        "images_per_second": 10.0,
        "metrics": {"d/loss": loss},
    }


def eval_row(step):
    metric = {"value": 21.0, "protocol": "swd:test", "n": 64, "details": {"16x16": 20.0}}
    return {
        "kind": "eval",
        "step": step,
        "images": 16 * step,
        "seconds": 1.0,
        "metrics": {"swd": metric},
    }


def event_row(step, event):
    return {
        "kind": "event",
        "step": step,
        "images": 16 * step,
        "event": event,
        "detail": "",
        "time": 1.0,
    }


@pytest.mark.usefixtures("no_tensorflow")
class TestMetricsFile:
    def test_each_row_is_on_disk_at_once(self, tmp_path):
        with MetricsWriter(tmp_path) as writer:
            writer.write(train_row(1))
            assert read_rows(tmp_path / METRICS_FILE) == [train_row(1)]

    def test_resume_leaves_the_rows_of_an_uninterrupted_run(self, tmp_path):
        with MetricsWriter(tmp_path) as writer:
            for row in [event_row(0, "started"), *map(train_row, (1, 2, 3)), eval_row(3)]:
                writer.write(row)
            writer.write(event_row(3, "stopped"))
        with MetricsWriter(tmp_path, resume_step=2) as writer:
            for row in [event_row(2, "resumed"), *map(train_row, (3, 4))]:
                writer.write(row)
        rows = read_rows(tmp_path / METRICS_FILE)
        assert [row for row in rows if row["kind"] == "train"] == list(map(train_row, (1, 2, 3, 4)))
        assert not [row for row in rows if row["kind"] == "eval"]
        assert [row["event"] for row in rows if row["kind"] == "event"] == [
            "started",
            "stopped",
            "resumed",
        ]

    def test_fresh_run_forgets_the_rows_of_one_without_a_checkpoint(self, tmp_path):
        with MetricsWriter(tmp_path) as writer:
            writer.write(train_row(1))
        with MetricsWriter(tmp_path):
            assert read_rows(tmp_path / METRICS_FILE) == []

    @pytest.mark.parametrize("torn", [b'{"kind": "tra', b"\xc3", b"\x00\x00\x00"])
    def test_torn_last_line(self, tmp_path, torn):
        path = tmp_path / METRICS_FILE
        with MetricsWriter(tmp_path) as writer:
            writer.write(train_row(1))
        path.write_bytes(path.read_bytes() + torn)
        assert read_rows(path) == [train_row(1)]
        with MetricsWriter(tmp_path, resume_step=1) as writer:
            writer.write(train_row(2))
        assert read_rows(path) == [train_row(1), train_row(2)]

    def test_damage_elsewhere_is_named(self, tmp_path):
        path = tmp_path / METRICS_FILE
        path.write_text(f"{json.dumps(train_row(1))}\nnonsense\n{json.dumps(train_row(2))}\n")
        with pytest.raises(UserError, match=r"metrics\.jsonl, line 2"):
            read_rows(path)

    def test_nonfinite_numbers_and_array_scalars_become_valid_json(self, tmp_path):
        row = train_row(np.int64(1), loss=np.float32(0.5))
        row["metrics"] |= {"d/nan": math.nan, "d/inf": np.float32(-math.inf)}
        with MetricsWriter(tmp_path) as writer:
            writer.write(row)

        def refuse(constant):
            raise AssertionError(constant)

        stored = json.loads((tmp_path / METRICS_FILE).read_text(), parse_constant=refuse)
        assert stored["step"] == 1
        assert stored["metrics"] == {"d/loss": 0.5, "d/nan": None, "d/inf": None}

    def test_inactive_writes_nothing(self, tmp_path):
        with MetricsWriter(tmp_path, active=False) as writer:
            writer.write(train_row(1))
            writer.write_image("samples", 1, np.zeros((4, 4, 3), np.uint8))
        assert not list(tmp_path.iterdir())

    def test_one_notice_where_tensorflow_is_missing(self, tmp_path, capsys):
        with MetricsWriter(tmp_path) as writer:
            writer.write(train_row(1))
            writer.write_image("samples", 1, np.zeros((4, 4, 3), np.uint8))
        assert capsys.readouterr().out.count("TensorFlow is not installed") == 1
        assert not (tmp_path / "tensorboard").exists()


def test_tensorboard_events(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    sheet = np.zeros((4, 6, 3), np.uint8)
    with MetricsWriter(tmp_path) as writer:
        for row in (event_row(0, "started"), train_row(7), eval_row(7)):
            writer.write(row)
        writer.write_image("samples", 7, sheet)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert set(tags["tensors"]) == {
        "d/loss",
        "schedule/alpha",
        "images_per_second",
        "eval/swd",
        "eval/swd/16x16",
        "samples",
    }
    (swd,) = events.Tensors("eval/swd")
    assert (swd.step, make_ndarray(swd.tensor_proto)) == (7, 21.0)


def test_sample_sheet_names_sort_by_time_and_can_be_read_back():
    moments = [(0, "4x4"), (999, "4x4"), (12_300, "16x16"), (1_000_000, "128x96")]
    names = [sample_sheet_name(*moment) for moment in moments]
    assert names[2] == "kimg_00012.300_16x16.png"
    assert names == sorted(names)
    assert [parse_sample_sheet_name(name) for name in names] == moments
    assert parse_sample_sheet_name("notes.png") is None

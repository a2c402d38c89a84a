import dataclasses
import io
import json
import math

import numpy as np
import pytest
from PIL import Image

from dermgan_jax.errors import UserError
from dermgan_jax.metrics.measurement import ClassPair, Measurement, MetricValue, by_key
from dermgan_jax.runs.metrics_log import MetricsLog, evaluated, is_finished, read_rows
from dermgan_jax.runs.workdir import WorkDir


@pytest.fixture
def workdir(tmp_path):
    return WorkDir(tmp_path)


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


def swd(value=21.0):
    return Measurement(MetricValue("swd", value, "swd:test", 64, {"16x16": 20.0}, "lower"))


def eval_row(step, measured=None):
    return {
        "kind": "eval",
        "step": step,
        "images": 16 * step,
        "seconds": 1.0,
        "metrics": by_key(measured or swd()),
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


class TestRows:
    def test_each_row_is_on_disk_at_once(self, workdir):
        with MetricsLog(workdir) as log:
            log.write(train_row(1))
            assert read_rows(workdir.metrics) == [train_row(1)]

    def test_resume_leaves_the_rows_of_an_uninterrupted_run(self, workdir):
        with MetricsLog(workdir) as log:
            for row in [event_row(0, "started"), *map(train_row, (1, 2, 3)), eval_row(3)]:
                log.write(row)
            log.write(event_row(3, "stopped"))
        with MetricsLog(workdir, resume_step=2) as log:
            for row in [event_row(2, "resumed"), *map(train_row, (3, 4))]:
                log.write(row)
        rows = read_rows(workdir.metrics)
        assert [row for row in rows if row["kind"] == "train"] == list(map(train_row, (1, 2, 3, 4)))
        assert not [row for row in rows if row["kind"] == "eval"]
        assert [row["event"] for row in rows if row["kind"] == "event"] == [
            "started",
            "stopped",
            "resumed",
        ]

    def test_fresh_run_forgets_the_rows_of_one_without_a_checkpoint(self, workdir):
        with MetricsLog(workdir) as log:
            log.write(train_row(1))
        with MetricsLog(workdir):
            assert read_rows(workdir.metrics) == []

    @pytest.mark.parametrize("torn", [b'{"kind": "tra', b"\xc3", b"\x00\x00\x00"])
    def test_torn_last_line(self, workdir, torn):
        path = workdir.metrics
        with MetricsLog(workdir) as log:
            log.write(train_row(1))
        path.write_bytes(path.read_bytes() + torn)
        assert read_rows(path) == [train_row(1)]
        with MetricsLog(workdir, resume_step=1) as log:
            log.write(train_row(2))
        assert read_rows(path) == [train_row(1), train_row(2)]

    def test_damage_elsewhere_is_named(self, workdir):
        path = workdir.metrics
        path.write_text(f"{json.dumps(train_row(1))}\nnonsense\n{json.dumps(train_row(2))}\n")
        with pytest.raises(UserError, match=r"metrics\.jsonl, line 2"):
            read_rows(path)

    def test_nonfinite_numbers_and_array_scalars_become_valid_json(self, workdir):
        row = train_row(np.int64(1), loss=np.float32(0.5))
        row["metrics"] |= {"d/nan": math.nan, "d/inf": np.float32(-math.inf)}
        with MetricsLog(workdir) as log:
            log.write(row)

        def refuse(constant):
            raise AssertionError(constant)

        stored = json.loads(workdir.metrics.read_text(), parse_constant=refuse)
        assert stored["step"] == 1
        assert stored["metrics"] == {"d/loss": 0.5, "d/nan": None, "d/inf": None}

    def test_measurements_come_back_as_they_were(self, workdir):
        one, bound = swd(), swd(9.0).value
        full = dataclasses.replace(
            one, split="train", real_against_real=bound, class_pairs=(ClassPair(("a", "b"), 5, 3),)
        )
        with MetricsLog(workdir) as log:
            log.write(eval_row(3, full))
        assert evaluated(read_rows(workdir.metrics)) == {3: {"swd": full}}

    def test_value_that_is_no_number_stays_none(self, workdir):
        with MetricsLog(workdir) as log:
            log.write(eval_row(3, swd(math.nan)))
        assert '"value": null' in workdir.metrics.read_text()
        (measured,) = evaluated(read_rows(workdir.metrics)).values()
        assert not measured["swd"].value.is_finite

    def test_yardsticks_of_earlier_versions_are_read(self, workdir):
        old = {"value": 21.0, "protocol": "swd:test", "n": 64, "details": {}, "name": "swd"}
        row = eval_row(3) | {"metrics": {"swd": old, "swd_lower_bound": {**old, "value": 9.0}}}
        workdir.metrics.write_text(json.dumps(row) + "\n")
        (measured,) = evaluated(read_rows(workdir.metrics)).values()
        assert list(measured) == ["swd"]
        assert measured["swd"].real_against_real.value == 9.0

    def test_run_is_finished_once_its_last_event_says_so(self, workdir):
        assert not is_finished(workdir)
        with MetricsLog(workdir) as log:
            log.write(event_row(3, "finished"))
            assert is_finished(workdir)
            log.write(event_row(3, "resumed"))
        assert not is_finished(workdir)

    def test_inactive_writes_nothing(self, workdir):
        with MetricsLog(workdir, active=False) as log:
            log.write(train_row(1))
            log.write_image("samples", 1, np.zeros((4, 4, 3), np.uint8))
        assert not list(workdir.path.iterdir())


def test_tensorboard_events(workdir):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sheet = np.zeros((4, 6, 3), np.uint8)
    with MetricsLog(workdir) as log:
        for row in (event_row(0, "started"), train_row(7), eval_row(7)):
            log.write(row)
        log.write_image("samples", 7, sheet)
    events = EventAccumulator(str(workdir.path / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert tags["tensors"] == []  # which not every reader knows
    assert set(tags["scalars"]) == {
        "d/loss",
        "schedule/alpha",
        "images_per_second",
        "eval/swd",
        "eval/swd/16x16",
    }
    (swd,) = events.Scalars("eval/swd")
    assert (swd.step, swd.value) == (7, 21.0)
    (shown,) = events.Images("samples")
    pixels = np.asarray(Image.open(io.BytesIO(shown.encoded_image_string)))
    np.testing.assert_array_equal(pixels, sheet)

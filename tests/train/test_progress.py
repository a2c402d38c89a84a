import io

import pytest

from dermgan_jax.train.programs import Waiting
from dermgan_jax.train.progress import Progress


class FakeClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock():
    return FakeClock()


def test_plain_line_tells_everything(clock):
    stream = io.StringIO()
    with Progress(10_000, stream=stream, clock=clock) as progress:
        clock.now += 4
        progress.update(
            2_000, "16x16", 0.25, {"d/loss": -1.234, "d/score_real": 9.0, "g/loss": 0.5}
        )
    assert stream.getvalue() == (
        " 20% 2.0/10.0 kimg  16x16  alpha 0.25  500 img/s  ETA 00:16  loss d -1.23 g 0.5\n"
    )


def test_plain_lines_are_limited_but_show_stage_changes_and_the_end(clock):
    stream = io.StringIO()
    with Progress(100_000, stream=stream, clock=clock) as progress:
        for second in range(1, 26):
            clock.now += 1
            progress.update(100 * second, "4x4" if second < 14 else "8x8", None, {})
    kimg = [line.split()[1].split("/")[0] for line in stream.getvalue().splitlines()]
    # 1 s; 10 s later; the change of stage at 14 s; 10 s later; the end
    assert kimg == ["0.1", "1.1", "1.4", "2.4", "2.5"]
    assert "alpha" not in stream.getvalue()


def test_rate_is_that_of_the_last_half_minute_and_of_this_session(clock):
    stream = io.StringIO()
    with Progress(200_000, initial_images=50_000, stream=stream, clock=clock) as progress:
        images = 50_000
        for seconds, rate in ((60, 1000), (60, 10)):
            for _ in range(seconds // 5):
                clock.now += 5
                images += 5 * rate
                progress.update(images, "8x8", 1.0, {})
    lines = stream.getvalue().splitlines()
    assert "1000 img/s" in lines[0]
    assert "10 img/s" in lines[-1]
    assert "ETA 2:29:00" in lines[-1]  # 89,400 images at 10 per second


def test_a_last_batch_beyond_the_end_is_no_more_than_all(clock):
    stream = io.StringIO()
    with Progress(1000, stream=stream, clock=clock) as progress:
        clock.now += 2
        progress.update(1024, "4x4", None, {})
    assert stream.getvalue().startswith("100% 1.0/1.0 kimg  4x4  512 img/s  ETA 00:00")


def test_losses_stay_until_there_are_new_ones(clock):
    stream = io.StringIO()
    with Progress(1000, stream=stream, clock=clock) as progress:
        progress.update(1, "4x4", None, {"d/loss": 2.0})
        clock.now += 60
        progress.update(2, "4x4", None, {})
    assert stream.getvalue().splitlines()[1].endswith("loss d 2")


def test_notes_are_lines_of_their_own(clock):
    for stream in (io.StringIO(), Terminal()):
        with Progress(1000, stream=stream, clock=clock) as progress:
            progress.update(500, "4x4", None, {})
            progress.note("checkpoint at 0.5 kimg")
        assert "checkpoint at 0.5 kimg\n" in stream.getvalue()


def test_terminal_gets_one_bar_with_the_same_information(clock):
    stream = Terminal()
    with Progress(10_000, initial_images=1_000, stream=stream, clock=clock) as progress:
        for images in (2_000, 5_000):
            clock.now += 1
            progress.update(images, "16x16", 0.5, {"g/loss": 0.25})
    assert "\r" in stream.getvalue()
    assert "50%" in stream.getvalue()
    assert "5.0/10.0 kimg 16x16 alpha 0.50" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_inactive_is_silent(clock):
    for stream in (io.StringIO(), Terminal()):
        with Progress(10, active=False, stream=stream, clock=clock) as progress:
            progress.update(5, "4x4", None, {})
            progress.note("hello")
        assert stream.getvalue() == ""


def test_compiling_is_told_but_does_not_count(clock):
    stream = io.StringIO()
    with Progress(100_000, stream=stream, clock=clock) as progress:
        clock.now += 1
        progress.update(100, "8x8", None, {})
        for second in range(25):
            progress.wait(Waiting("path", float(second)))
            clock.now += 1
        progress.wait(None)
        progress.wait(Waiting("r1", 1.0))
        progress.wait(None)
        clock.now += 1
        progress.update(200, "16x16", None, {})
    lines = stream.getvalue().splitlines()
    told = "compiling path, {} s; the program is kept for later runs; Ctrl-C saves and stops"
    assert lines[1:-1] == [told.format(second) for second in (2, 12, 22)]
    assert "100 img/s" in lines[-1]


def test_compiling_is_told_in_the_bar(clock):
    terminal = Terminal()
    with Progress(100, stream=terminal, clock=clock) as progress:
        progress.wait(Waiting("d", 3.0))
    assert "compiling d, 3 s" in terminal.getvalue()


def test_remaining_time_knows_that_later_stages_cost_more(clock):
    stream = io.StringIO()
    costs = lambda images: images + 9 * max(images - 500, 0)  # noqa: E731
    with Progress(1000, stream=stream, clock=clock, work=costs) as progress:
        for images, stage in ((100, "4x4"), (500, "4x4"), (510, "8x8")):
            clock.now += 10
            progress.update(images, stage, None, {})
        for images in (600, 700):
            clock.now += 60
            progress.update(images, "8x8", None, {})
    lines = stream.getvalue().splitlines()
    assert "ETA ~09:00" in lines[0]  # 400 images at 10 a second, 500 at one a second
    assert "10 img/s" in lines[0]
    assert "ETA 03:00" in lines[-1]  # 300 images at 100 a minute: measured, no guess


def test_what_was_done_before_training_does_not_count(clock):
    stream = io.StringIO()
    with Progress(2000, initial_images=1000, stream=stream, clock=clock) as progress:
        clock.now += 150  # the untrained networks are measured
        progress.begin()
        clock.now += 5
        progress.update(1100, "8x8", None, {})
    assert "20 img/s  ETA 00:45" in stream.getvalue()

from dermgan_jax.train.stopwatch import EVALUATION, INPUT, STEP, Stopwatch


class Time:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_every_second_is_counted_once_under_the_innermost_part():
    time = Time()
    stopwatch = Stopwatch(time)
    time.now = 1.0
    with stopwatch.during(EVALUATION):
        time.now = 3.0
        with stopwatch.during(INPUT):
            time.now = 3.5
        time.now = 7.5
    time.now = 8.0
    assert stopwatch.taken() == {STEP: 1.5, EVALUATION: 6.0, INPUT: 0.5}


def test_what_was_taken_is_not_taken_again():
    time = Time()
    stopwatch = Stopwatch(time)
    time.now = 1.0
    stopwatch.taken()
    assert stopwatch.taken() == {}
    with stopwatch.during(INPUT):
        time.now = 1.25
        assert stopwatch.taken() == {INPUT: 0.25}
        time.now = 1.75
    assert stopwatch.taken() == {INPUT: 0.5}


def test_part_ends_with_an_error_too():
    time = Time()
    stopwatch = Stopwatch(time)
    try:
        with stopwatch.during(INPUT):
            time.now = 1.0
            raise KeyError
    except KeyError:
        time.now = 3.0
    assert stopwatch.taken() == {INPUT: 1.0, STEP: 2.0}

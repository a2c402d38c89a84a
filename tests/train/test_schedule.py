import pytest

from dermgan_jax.config import experiment
from dermgan_jax.data.records import DataSpec
from dermgan_jax.models.contract import Stage
from dermgan_jax.runs.state import Clock
from dermgan_jax.train.schedule import all_stages, crossed, plan_call, total_images, work

START = Clock(0, 0, 0)


class Curriculum:
    """A stand-in for a model.

    Stages, in order, are (first image, side, batch size, moments, names of phases …).
    """

    def __init__(self, stages, total_kimg, steps_per_call=1, schedule_interval=1, repeats=1):
        self.stages = stages
        self.repeats = repeats
        self.config = experiment("pgan")
        self.config.train.update(
            {
                "total_kimg": total_kimg,
                "steps_per_call": steps_per_call,
                "schedule_interval": schedule_interval,
            }
        )
        self.data = DataSpec(32, 32, 3, (), num_examples=50)

    def stage(self, images_seen):
        _, side, batch_size, moments, *phases = [s for s in self.stages if s[0] <= images_seen][-1]
        return Stage((side, side), batch_size, {}, moments=moments, phases=tuple(phases) or None)

    def phases_in(self, stage):
        return stage.phases or ("d", "g")

    def iteration_images(self, stage):
        return stage.batch_size * self.repeats


def calls(model, clock=START):
    """(sides of the stages, images seen afterwards) of every call of a run."""
    found = []
    while True:
        stages, clock = plan_call(model, clock)
        if not stages:
            return found
        found.append(([stage.image_size[0] for stage in stages], clock.images_seen))


def test_call_holds_steps_per_call_iterations_and_the_last_what_is_left():
    model = Curriculum([(0, 4, 8, 0)], total_kimg=0.040, steps_per_call=2)
    assert calls(model) == [([4, 4], 16), ([4, 4], 32), ([4], 40)]


def test_run_ends_with_the_iteration_that_reaches_the_total():
    model = Curriculum([(0, 4, 8, 0)], total_kimg=0.020)
    assert calls(model)[-1] == ([4], 24)
    assert plan_call(model, Clock(3, 24, 24)) == ([], Clock(3, 24, 24))


@pytest.mark.parametrize(
    "second",
    [(16, 8, 8, 0), (16, 4, 4, 0), (16, 4, 8, 1), (16, 4, 8, 0, "d")],
    ids=["image size", "batch size", "moments", "phases"],
)
def test_call_ends_where_the_program_or_the_moments_change(second):
    model = Curriculum([(0, 4, 8, 0), second], total_kimg=0.032, steps_per_call=3)
    (first, images), *_ = calls(model)
    assert (len(first), images) == (2, 16)


def test_call_goes_on_while_only_traced_values_change():
    model = Curriculum([(0, 4, 8, 0)], total_kimg=0.032, steps_per_call=4)
    fading = model.stage(0)
    model.stage = lambda images: Stage(fading.image_size, 8, {}, {"alpha": images / 32})
    stages, _ = plan_call(model, START)
    assert [stage.traced["alpha"] for stage in stages] == [0, 0.25, 0.5, 0.75]


def test_curriculum_is_looked_at_every_schedule_interval():
    model = Curriculum([(0, 4, 8, 0), (8, 8, 8, 0)], total_kimg=0.048, schedule_interval=4)
    assert [sides for sides, _ in calls(model)] == [[4]] * 4 + [[8]] * 2


def test_continued_run_plans_the_same_calls():
    model = Curriculum([(0, 4, 8, 0), (24, 8, 4, 0)], total_kimg=0.060, schedule_interval=2)
    _, clock = plan_call(model, START)
    assert calls(model, clock=clock) == calls(model)[1:]


def test_every_repeat_shows_images_of_its_own():
    model = Curriculum([(0, 4, 8, 0)], total_kimg=0.040, repeats=2)
    assert calls(model) == [([4], 16), ([4], 32), ([4], 48)]


@pytest.mark.parametrize(
    ("before", "after", "every_kimg", "expected"),
    [
        (0, 99, 0.1, False),
        (0, 100, 0.1, True),
        (100, 199, 0.1, False),
        (100, 350, 0.1, True),
        (99, 100, 0.1, True),
        (28, 29, 0.029, True),  # 0.029 * 1000 is more than 29
        (0, 10**6, 0.0, False),
        (5, 5, 0.001, False),
        (5, 6, 0.0001, True),
    ],
)
def test_crossed(before, after, every_kimg, expected):
    model = Curriculum([], total_kimg=1.0)
    model.config.eval.every_kimg = every_kimg
    assert crossed(model, before, after, "eval") is expected


def test_epochs_take_the_place_of_thousands_of_images():
    model = Curriculum([], total_kimg=1.0)
    assert total_images(model) == 1000
    model.config.train.total_epochs = 2.5
    assert total_images(model) == 125
    model.config.eval.update({"snapshot_kimg": 0.01, "snapshot_epochs": 2.0})
    assert not crossed(model, 0, 99, "eval", "snapshot")
    assert crossed(model, 99, 100, "eval", "snapshot")


def test_all_stages_are_one_of_each_in_order():
    stages = [(0, 4, 16, 0), (100, 8, 16, 1), (200, 8, 16, 2), (300, 16, 8, 3), (9000, 32, 8, 4)]
    found = all_stages(Curriculum(stages, total_kimg=0.4))
    sizes = [(stage.image_size, stage.batch_size) for stage in found]
    assert sizes == [((4, 4), 16), ((8, 8), 16), ((16, 16), 8)]


def test_work_of_later_stages_is_more():
    growing = work(Curriculum([(0, 4, 8, 0), (1000, 16, 8, 0)], total_kimg=2.0))
    assert growing(0) == 0
    assert growing(1000) == pytest.approx(1000)
    assert growing(2000) == pytest.approx(1000 + 1000 * 2.5**2, rel=0.01)
    phases = work(Curriculum([(0, 8, 8, 0, "g"), (500, 8, 8, 0, "d", "g")], total_kimg=1.0))
    assert phases(1000) == pytest.approx(500 + 2 * 500, rel=0.01)

"""What happens when, as functions of the images seen."""

from dermgan_jax.gans.base import Gan, Stage
from dermgan_jax.train.state import Clock


def plan_call(gan: Gan, clock: Clock, repeats: int) -> tuple[list[Stage], Clock]:
    """The stages of the next call's iterations, one each, and the clock after them.

    A call holds up to `train.steps_per_call` iterations. It ends early where the compiled step or
    the optimiser's moments change, and where training ends.
    """
    train = gan.config.train
    end = round(train.total_kimg * 1000)
    stages: list[Stage] = []
    while len(stages) < train.steps_per_call and clock.images_seen < end:
        stage = gan.stage(clock.scheduled_at)
        if stages and (stage.static, stage.moments) != (stages[0].static, stages[0].moments):
            break
        stages.append(stage)
        clock = clock.advance(stage.batch_size * repeats, train.schedule_interval)
    return stages, clock


def crossed(before: int, after: int, every_kimg: float) -> bool:
    """Whether a multiple of `every_kimg` thousand images lies in (before, after]; 0 is never."""
    if every_kimg <= 0:
        return False
    every = max(round(every_kimg * 1000), 1)
    return after // every > before // every


def all_stages(gan: Gan) -> list[Stage]:
    """One example of each compiled stage that the whole run goes through, in order."""
    end = round(gan.config.train.total_kimg * 1000)
    step = max(end // 1000, 1)
    seen = {gan.stage(images).static: gan.stage(images) for images in range(0, end, step)}
    return list(seen.values())

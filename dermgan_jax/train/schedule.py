"""What happens when, as functions of the images seen."""

from collections.abc import Callable

import numpy as np

from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs.state import Clock

# Time for an image of twice the side. Measured with pgan:phantom on two CPU cores: from 4x4 to
# 32x32 by factors of 1.3 to 5.5 in three runs, whose geometric mean this is.
COST_OF_DOUBLING = 2.5
WORK_POINTS = 1000  # of the run at which its stage is looked up


def plan_call(model: Model, clock: Clock) -> tuple[list[Stage], Clock]:
    """The stages of the next call's iterations, one each, and the clock after them.

    A call holds up to `train.steps_per_call` iterations. It ends early where the compiled step or
    the optimiser's moments change, and where training ends.
    """
    train, end = model.config.train, total_images(model)
    stages: list[Stage] = []
    while len(stages) < train.steps_per_call and clock.images_seen < end:
        stage = model.stage(clock.scheduled_at)
        if stages and (stage.static, stage.moments) != (stages[0].static, stages[0].moments):
            break
        stages.append(stage)
        clock = clock.advance(model.iteration_images(stage), train.schedule_interval)
    return stages, clock


def total_images(model: Model) -> int:
    """Real images that the whole run shows; of two domains, images of each."""
    train = model.config.train
    return _images(train.total_kimg, train.total_epochs, model.data.num_examples)


def crossed(model: Model, before: int, after: int, group: str, what: str = "every") -> bool:
    """Whether something is due after more than `before` and up to `after` images.

    Args:
      model: its configuration says how often, in `group.what_kimg` or, where that is set, in
        `group.what_epochs`; 0 is never.
      before, after: images seen.
      group, what: as in the configuration.
    """
    fields = model.config[group]
    every = _images(fields[f"{what}_kimg"], fields[f"{what}_epochs"], model.data.num_examples)
    return every > 0 and after // every > before // every


def _images(kimg: float, epochs: float, num_examples: int) -> int:
    """Thousands of images, or epochs where set, as a number of images; 0 only for 0."""
    images = epochs * num_examples if epochs else kimg * 1000
    return max(round(images), 1) if images else 0


def all_stages(model: Model) -> list[Stage]:
    """One example of each compiled stage that the whole run goes through, in order."""
    end = total_images(model)
    step = max(end // 1000, 1)
    seen = {model.stage(images).static: model.stage(images) for images in range(0, end, step)}
    return list(seen.values())


def work(model: Model) -> Callable[[int], float]:
    """What the run's first so many images cost, those of its first stage being 1 each.

    An estimate from the sides of images and the number of phases, for the time that remains.
    """
    starts = np.linspace(0, total_images(model), WORK_POINTS + 1)
    costs = np.array([_relative_cost(model, int(start)) for start in starts[:-1]])
    sums = np.concatenate([[0.0], np.cumsum(costs * np.diff(starts) / costs[0])])
    return lambda images: float(np.interp(images, starts, sums))


def _relative_cost(model: Model, images: int) -> float:
    stage = model.stage(images)
    doublings = np.log2(stage.image_size).mean()
    return float(len(model.phases_in(stage)) * COST_OF_DOUBLING**doublings)

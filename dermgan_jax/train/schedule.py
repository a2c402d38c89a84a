"""What happens when, as functions of the images seen."""

from dermgan_jax.models.contract import Model, Stage
from dermgan_jax.runs.state import Clock


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

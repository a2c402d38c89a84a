"""Images per second of training by where the data lie and how many steps one dispatch takes.

    python benchmarks/throughput.py [--config=configs/pgan.py:phantom --seconds=2 --rounds=3]

Run it from the repository's root; fields are set as in training, --config.train.batch_size=16.
There is a row per stage of the curriculum and a column per data.cache and train.steps_per_call.
In parentheses is the ratio to the first column: batches decoded from their files, one step per
call. All columns train by the engine's own `Calls.dispatch`, without logs, evaluation and
checkpoints, and wait for each call. They take turns; the median of the rounds counts, without
compilation and warm-up. The last row is the host's time inside `Feed.take`.

For the fairness of cache=none, phantoms are read from JPEG files like those of HAM10000, 600x450
pixels, which the operating system keeps in memory. Other configurations read their own data.

On CPUs several steps per call are slower by far: XLA runs convolutions in loops and branches
without its fast kernels there (jax-ml/jax issue 12868).

Cost of the default: about a quarter of an hour on two CPU cores, less when run again.
"""

import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

import jax
from absl import app, flags
from ml_collections import ConfigDict, config_flags
from PIL import Image

from dermgan_jax import config as config_schema
from dermgan_jax.cache import cache_dir
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.datasets import phantom
from dermgan_jax.data.pipeline import Feed, open_feed
from dermgan_jax.models.contract import Stage
from dermgan_jax.runs.state import Clock, init_state
from dermgan_jax.train import schedule, sharding
from dermgan_jax.train.calls import Calls
from dermgan_jax.train.recipe import Recipe
from dermgan_jax.train.start import build_model

COLUMNS = tuple(itertools.product(("none", "host", "device"), (1, 8)))
DRAWINGS, COPIES = 40, 10  # drawing takes 50 times as long as decoding
NEVER = 10**9

_CONFIG = config_flags.DEFINE_config_file("config", "configs/pgan.py:phantom", "what to train")
_SECONDS = flags.DEFINE_float("seconds", 2.0, "of training per table entry and round")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "how often each entry is measured", lower_bound=1)


class TimedFeed:
    """A feed that adds up the seconds inside `take`."""

    def __init__(self, feed: Feed):
        self.feed = feed
        self.resident = feed.resident
        self.seconds = 0.0

    def take(self, *args: object) -> dict[str, jax.Array]:
        began = time.perf_counter()
        batches = self.feed.take(*args)
        self.seconds += time.perf_counter() - began
        return batches


class Rival:
    """A run for one column. It stays in whatever stage it is put, for as long as wanted."""

    def __init__(self, config: ConfigDict, cache: str, steps_per_call: int):
        config = config.copy_and_resolve_references()
        config.data.cache = cache
        config.train.update(steps_per_call=steps_per_call, log_every_steps=NEVER)
        self.config = config_schema.validate(config)
        self.data = catalogue(self.config.data)
        model, mesh = build_model(self.config, self.data), sharding.data_mesh()
        self.stages = schedule.all_stages(model)
        self.recipe = Recipe(model, mesh)
        self.clock = Clock(0, 0, 0)
        start = jax.jit(lambda: init_state(model), out_shardings=sharding.replicated(mesh))
        self.state = start()

    def measure(self, stage: Stage, seconds: float) -> tuple[float, float]:
        """(images per second, share of the time inside `Feed.take`) after a warm-up.

        The feed is opened anew, so that none decodes ahead while others are measured.
        """
        feed = TimedFeed(open_feed(self.config, self.data, self.recipe.mesh))
        calls = Calls(self.recipe, feed)
        self._advance(calls, stage, seconds / 2)
        feed.seconds = 0.0
        images, elapsed = self._advance(calls, stage, seconds)
        return images / elapsed, feed.seconds / elapsed

    def _advance(self, calls: Calls, stage: Stage, seconds: float) -> tuple[int, float]:
        """Makes calls for so many seconds, at least one: (images, seconds)."""
        stages = [stage] * self.config.train.steps_per_call
        images = self.recipe.model.iteration_images(stage)
        began, before = time.perf_counter(), self.clock.images_seen
        while True:
            self.state, reports = calls.dispatch(self.state, self.clock, stages)
            for _ in stages:
                self.clock = self.clock.advance(images, self.config.train.schedule_interval)
            jax.block_until_ready(reports)
            if time.perf_counter() - began >= seconds:
                return self.clock.images_seen - before, time.perf_counter() - began


def write_phantoms(folder: Path) -> None:
    """Writes phantoms as JPEG files, in a folder per class."""
    for index in range(DRAWINGS):
        drawn = phantom.draw(phantom.DRAWING_SEED, index, 600)
        class_folder = folder / phantom.CLASSES[drawn.label]
        class_folder.mkdir(parents=True, exist_ok=True)
        for copy in range(COPIES):
            path = class_folder / f"{index:02}_{copy}.jpg"
            Image.fromarray(drawn.image[75:525]).save(path, quality=95)


def print_table(config: ConfigDict, seconds: float, rounds: int) -> None:
    """Measures everything, printing each row when it is known."""
    rivals = [Rival(config, *column) for column in COLUMNS]
    print(f"{'':12}" + "".join(f"{f'{cache}, {steps}':>16}" for cache, steps in COLUMNS))
    shares: list[list[float]] = [[] for _ in COLUMNS]
    for stage in rivals[0].stages:
        rates: list[list[float]] = [[] for _ in COLUMNS]
        for _, (column, rival) in itertools.product(range(rounds), enumerate(rivals)):
            rate, share = rival.measure(stage, seconds)
            rates[column].append(rate)
            shares[column].append(share)
        medians = [statistics.median(values) for values in rates]
        cells = [f"{rate:.0f} ({rate / medians[0]:.2f})" for rate in medians]
        print(f"{stage!s:12}" + "".join(f"{cell:>16}" for cell in cells), flush=True)
    print(f"{'input':12}" + "".join(f"{statistics.mean(row):>16.0%}" for row in shares))


def main(_: list[str]) -> None:
    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))
    config = _CONFIG.value
    with tempfile.TemporaryDirectory() as folder:
        if config.data.dataset == "phantom":
            write_phantoms(Path(folder, "images"))
            config.data.update(dataset="image_folder", dir=f"{folder}/images", num_images=0)
            config.data.prepared_dir = f"{folder}/prepared"
        print("images per second (ratio to the first column); data.cache, train.steps_per_call")
        print_table(config, _SECONDS.value, _ROUNDS.value)
    print(
        f"{jax.device_count()} x {jax.devices()[0].device_kind}, {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[1]:.1f}"
    )


if __name__ == "__main__":
    app.run(main)

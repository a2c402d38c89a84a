"""How a run shows that it is alive: a bar in a terminal, plain lines anywhere else."""

import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TextIO

from tqdm import tqdm

from dermgan_jax.train.programs import Waiting

PLAIN_INTERVAL = 10.0  # seconds between two plain lines of one stage
RATE_WINDOW = 30.0  # seconds that the shown rate is measured over
WORTH_TELLING = 2.0  # seconds of compiling


class Progress:
    """Shows images shown, speed, stage, alpha, remaining time and losses. A context manager.

    Everything goes to `stream`: a live bar if that is a terminal, else whole lines, one at each
    change of stage and otherwise at most one every 10 seconds. Speed is that of the last 30
    seconds, pauses for evaluation included but not for compilation; the remaining time assumes it
    stays, and that later stages cost what `work` says. Where they cost more it is a guess, "~".

    Args:
      total_images: real images to show in the whole run.
      initial_images: of these, how many a continued run has behind it.
      active: False makes every method a no-op, for processes other than the first.
      stream: where to show it; standard output unless given.
      clock: current time in seconds.
      work: of a number of images, what it costs to show the run's first so many, in any unit;
        without it all images cost the same.
    """

    def __init__(
        self,
        total_images: int,
        initial_images: int = 0,
        active: bool = True,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[int], float] = float,
    ):
        self._total = total_images
        self._active = active
        self._stream = stream or sys.stdout
        self._clock, self._work = clock, work
        self._recent = deque([(clock(), initial_images)])
        self._metrics: Mapping[str, float] = {}
        self._shown: tuple[float, str] | None = None  # time and stage of the last plain line
        self._unshown = ""
        self._waited, self._tell_at = 0.0, WORTH_TELLING  # seconds, of compiling
        self._bar = None
        if active and self._stream.isatty():
            self._bar = tqdm(
                total=total_images,
                initial=initial_images,
                file=self._stream,
                bar_format="{percentage:3.0f}% {bar} {desc}",
                dynamic_ncols=True,
                leave=True,
            )

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._unshown:
            print(self._unshown, file=self._stream, flush=True)

    def begin(self) -> None:
        """Training begins: what was done before, such as a first evaluation, does not count."""
        self._recent = deque([(self._clock(), self._recent[-1][1])])

    def update(
        self, images: int, stage: str, alpha: float | None, metrics: Mapping[str, float]
    ) -> None:
        """Moves the display.

        Args:
          images: real images shown so far in the whole run.
          stage: what the curriculum is at, such as "16x16".
          alpha: how far the newest layers are faded in, 0 to 1; None if the GAN has no fades.
          metrics: those named ".../loss" are shown; empty keeps the ones before.
        """
        if not self._active:
            return
        now = self._clock()
        self._metrics = metrics or self._metrics
        self._recent.append((now, images))
        while len(self._recent) > 2 and self._recent[1][0] <= now - RATE_WINDOW:
            self._recent.popleft()
        parts = self._describe(images, stage, alpha)
        if self._bar is not None:
            self._bar.set_description_str(" ".join(parts), refresh=False)
            self._bar.update(min(images, self._total) - self._bar.n)
            return
        line = f"{min(images / max(self._total, 1), 1):4.0%} {'  '.join(parts)}"
        if self._shown and self._shown[1] == stage and now < self._shown[0] + PLAIN_INTERVAL:
            self._unshown = line
            return
        self._shown, self._unshown = (now, stage), ""
        print(line, file=self._stream, flush=True)

    def wait(self, waiting: Waiting | None) -> None:
        """Says which program is being compiled; None: that is over, and its time does not count."""
        if waiting is None:
            self._recent = deque((then + self._waited, images) for then, images in self._recent)
            self._waited, self._tell_at = 0.0, WORTH_TELLING
            return
        self._waited = waiting.seconds
        if not self._active or waiting.seconds < self._tell_at:
            return
        line = (
            f"compiling {waiting.program}, {waiting.seconds:.0f} s; the "
            "program is kept for later runs; Ctrl-C saves and stops"
        )
        if self._bar is not None:
            self._bar.set_description_str(line)
            return
        self._tell_at = waiting.seconds + PLAIN_INTERVAL
        print(line, file=self._stream, flush=True)

    def note(self, text: str) -> None:
        """Shows a message on a line of its own, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        elif self._active:
            print(text, file=self._stream, flush=True)

    def _remaining(self, images: int) -> str:
        (then, before), (now, _) = self._recent[0], self._recent[-1]
        left = max(self._total - images, 0)  # the last batch may reach beyond the end
        shown, done = images - before, self._work(images) - self._work(before)
        if shown <= 0 or done <= 0 or now <= then:
            return "?"
        cost, as_now = self._work(images + left) - self._work(images), left * done / shown
        seconds = tqdm.format_interval(cost * (now - then) / done)
        return f"~{seconds}" if cost > 1.01 * as_now else seconds

    def _describe(self, images: int, stage: str, alpha: float | None) -> list[str]:
        (then, before), (now, _) = self._recent[0], self._recent[-1]
        rate = (images - before) / (now - then) if now > then else 0.0
        remaining = self._remaining(images)
        parts = [f"{images / 1000:.1f}/{self._total / 1000:.1f} kimg", stage]
        if alpha is not None:
            parts.append(f"alpha {alpha:.2f}")
        parts += [f"{rate:.{1 if rate < 10 else 0}f} img/s", f"ETA {remaining}"]
        losses = [
            f"{name.removesuffix('/loss')} {value:.3g}"
            for name, value in self._metrics.items()
            if name.endswith("/loss")
        ]
        return parts + (["loss " + " ".join(losses)] if losses else [])

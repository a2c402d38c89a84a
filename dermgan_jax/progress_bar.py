"""The bar of anything that takes long outside the training loop."""

import sys

from tqdm import tqdm

QUIET_FOR = 2.0  # seconds; the bar of what takes less would only flicker


def progress_bar(total: int, title: str, unit: str = "image") -> tqdm:
    """A bar with speed and remaining time on standard error, gone when done. A context manager.

    Where standard error is no terminal, it is renewed every half minute only.
    """
    return tqdm(
        total=total,
        desc=title,
        unit=unit,
        mininterval=0.5 if sys.stderr.isatty() else 30,
        delay=QUIET_FOR,
        leave=False,
    )

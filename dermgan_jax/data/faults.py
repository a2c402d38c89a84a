"""What is wrong with data: collected as `Fault`s, so that all are reported at once."""

from collections.abc import Sequence
from typing import NamedTuple

from dermgan_jax.data.records import Dataset
from dermgan_jax.errors import UserError, printable

SHOWN_PER_KIND = 20


class Fault(NamedTuple):
    """One thing the user can fix.

    Attributes:
      kind: what faults of this sort are counted under, such as "truncated images".
      message: names the file, column or class, and the remedy.
    """

    kind: str
    message: str


class DataError(UserError):
    """One or more faults of data.

    Attributes:
      faults: all of them.
      dataset: the records that are sound nevertheless, or None if nothing could be listed.
    """

    def __init__(self, faults: Sequence[Fault], dataset: Dataset | None = None):
        super().__init__("\n".join(lines(faults)))
        self.faults = tuple(faults)
        self.dataset = dataset


def lines(faults: Sequence[Fault]) -> list[str]:
    """Messages for the user, a line each: of each kind the first `SHOWN_PER_KIND`, then how many
    there are."""
    by_kind: dict[str, list[str]] = {}
    for fault in dict.fromkeys(faults):  # what a header lacks, decoding finds again
        by_kind.setdefault(fault.kind, []).append(printable(fault.message, but=""))
    shown = []
    for kind, messages in by_kind.items():
        shown += messages[:SHOWN_PER_KIND]
        if len(messages) > SHOWN_PER_KIND:
            rest = len(messages) - SHOWN_PER_KIND
            shown.append(f"... and {rest} more; {kind}: {len(messages)} in all")
    return shown

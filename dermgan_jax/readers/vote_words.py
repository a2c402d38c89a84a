"""What people write for real and fake, and for numbers, in tables of votes.

Whatever is not literally `real` or `fake` is told afterwards, for a word read the wrong way round
would turn a study round.
"""

import math

from dermgan_jax.errors import UserError
from dermgan_jax.readers.design import FAKE, REAL

WORDS = {"real": REAL, "fake": FAKE, "synthetic": FAKE, "generated": FAKE}
DIGITS = {"1": REAL, "0": FAKE}  # as P1: positive is real


class Words:
    """Reads the cells of a table, and remembers what was read as something else.

    Attributes:
      decimal_comma: whether numbers may have one, as where cells are separated by semicolons.
    """

    def __init__(self, *, decimal_comma: bool = False):
        self.decimal_comma = decimal_comma
        self._read_as: dict[str, str] = {}

    def truth(self, where: str, name: str, cell: str, why: str = "") -> str:
        """REAL or FAKE.

        Args:
          where: the file and line.
          name: of the column.
          cell: what it holds.
          why: why it matters, for the message.

        Raises:
          UserError: if it is neither.
        """
        found = WORDS.get(cell.lower()) or DIGITS.get(cell)
        if found is None:
            raise UserError(f"{where}: {name} is {cell!r}; it is {REAL} or {FAKE}{why}")
        if found != cell:
            self._read_as[cell] = found
        return found

    def number(self, where: str, name: str, cell: str) -> float | None:
        """A number from 0 on, None for an empty cell.

        Raises:
          UserError: if it is none.
        """
        if not cell:
            return None
        try:
            value = float(cell.replace(",", ".", 1) if self.decimal_comma else cell)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"{where}: {name} is {cell!r}; it is a number from 0 on")
        return value

    def notes(self) -> list[str]:
        """What was read as what, if anything was."""
        if not self._read_as:
            return []
        listed = ", ".join(f"{cell!r} as {found}" for cell, found in sorted(self._read_as.items()))
        note = f"Read in the table: {listed}."
        if DIGITS.keys() & self._read_as.keys():
            note += (
                " If 1 stands for synthetic there, all is the wrong way round: write real and fake."
            )
        return [note]

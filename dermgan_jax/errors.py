"""Errors a user can act on. `main` prints them as one message, without a stack trace."""

import re

# What moves a terminal's cursor, colours or renames it, or turns the direction of reading.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str, but: str = "\n\t") -> str:
    """Text as it may be shown, where files of strangers may have named it.

    Args:
      text: any.
      but: control characters that stay; others are written as in Python, such as \\x1b.
    """
    return _CONTROLS.sub(lambda found: found[0] if found[0] in but else ascii(found[0])[1:-1], text)


def reason(error: BaseException) -> str:
    """What a library says of a fault, cut short; the name of its error where it says nothing."""
    return f"{error!s:.200}" or type(error).__name__


class UserError(Exception):
    """Something the user can fix: says what is wrong, names the thing, and gives the remedy.

    Ends the program with exit code 2. Its text is `printable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(str(message)))


class GateError(Exception):
    """A check that was asked for said no. Ends the program with exit code 3."""

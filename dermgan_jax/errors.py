"""Errors a user can act on. `main` prints them as one message, without a stack trace."""


class UserError(Exception):
    """Something the user can fix: says what is wrong, names the thing, and gives the remedy.

    Ends the program with exit code 2.
    """


class GateError(Exception):
    """A check that was asked for said no. Ends the program with exit code 3."""

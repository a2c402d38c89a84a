"""What a command of the command line is."""

import argparse
import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
      name: as typed.
      summary: one line.
      example: lines that a user can type, after "dermgan".
      add_flags: adds the command's own flags.
      run: does it, given the flags' values and, as `config`, the configuration of --config (a
        ConfigDict, not validated) or None; returns an exit code, None for 0.
      takes_config: whether --config and --config.GROUP.FIELD=VALUE are flags of it.
      several_processes: whether it may run as one of several processes.
      hints: what to use instead of flags that other commands have: name -> a clause.
    """

    name: str
    summary: str
    example: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    takes_config: bool = False
    several_processes: bool = False
    hints: dict[str, str] = dataclasses.field(default_factory=dict)

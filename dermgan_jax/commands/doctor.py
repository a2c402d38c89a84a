"""dermgan doctor: is this machine ready?"""

import argparse

from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    del parser


def _run(args: argparse.Namespace) -> None:
    del args
    from dermgan_jax.commands.machine import examine

    print(examine())


COMMAND = Command(
    "doctor",
    "says whether this machine is ready: versions, devices, memory, a compiled step",
    "doctor",
    _add_flags,
    _run,
    several_processes=True,
)

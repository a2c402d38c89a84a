"""dermgan completion: a script that completes commands and flags in a shell."""

import argparse

import shtab

from dermgan_jax.commands import flags, parser
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    parser.add_argument(
        "--shell", choices=shtab.SUPPORTED_SHELLS, default="bash", help="default bash"
    )


def _run(args: argparse.Namespace) -> None:
    whole = argparse.ArgumentParser(prog="dermgan")
    subparsers = whole.add_subparsers()
    for name, command in parser.commands().items():
        one = subparsers.add_parser(name, help=command.summary)
        if command.takes_config:
            one.add_argument("--config", help="NAME[:VARIANT]")
        command.add_flags(one)
    print(shtab.complete(whole, args.shell))


COMMAND = Command(
    "completion",
    "prints a script that completes commands and flags in a shell",
    "completion --shell=bash > ~/.local/share/bash-completion/completions/dermgan",
    _add_flags,
    _run,
)

"""From the words of a command line to a command and its arguments."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from dermgan_jax import __version__, registry
from dermgan_jax.commands import configuration
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError

DEFAULT = "train"
HELP = ("--help", "-h", "-help")
_LONG = re.compile(r"^-(?=\w\w)")  # one dash before a long name is read as two
_REQUIRED = re.compile(r"the following arguments are required: (.*)")


class Parser(argparse.ArgumentParser):
    """Knows its flags by name, and says what is wrong in the way of the rest of the program."""

    def __init__(self, **options: Any):
        self.flags: set[str] = set()
        super().__init__(**options)

    def add_argument(self, *names: str, **options: Any) -> argparse.Action:
        self.flags |= {name.lstrip("-") for name in names}
        if options.get("required"):
            options["help"] = f"{options['help']} (needed)"
        return super().add_argument(*names, **options)

    def error(self, message: str) -> NoReturn:
        if match := _REQUIRED.match(message):
            message = f"it needs {match[1]}"
        raise UserError(f"{self.prog}: {message.removeprefix('argument ')}; see {self.prog} --help")


def commands() -> dict[str, Command]:
    """Every command by its name."""
    return {name: registry.load("command", name) for name in registry.names("command")}


def overview() -> str:
    """The help of the program: a line for each command."""
    width = max(map(len, registry.names("command")))
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in commands().items()]
    return "\n".join(
        [
            "usage: dermgan COMMAND --flag=VALUE …",
            "",
            "Generative models of medical images: training, evaluation, reports.",
            "Research software, not a medical device.",
            "",
            *lines,
            "",
            "`dermgan COMMAND --help` tells a command's flags. Flags without a command are for "
            f"{DEFAULT};",
            "--mode=COMMAND names a command too.",
            "Exit codes: 0 done; 1 our fault; 2 something you can fix; 3 a check said no.",
        ]
    )


def parser_of(command: Command) -> Parser:
    """The parser of a command's own flags; the configuration's are read apart."""
    examples = "\n".join(f"  dermgan {line}" for line in command.example.splitlines())
    parser = Parser(
        prog=f"dermgan {command.name}",
        usage=f"dermgan {command.name} --flag=VALUE …",
        description=command.summary[0].upper() + command.summary[1:] + ".",
        epilog=f"example:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if command.takes_config:
        parser.add_argument("--config", metavar="NAME[:VARIANT]", help=configuration.HELP)
    command.add_flags(parser)
    return parser


def choose(words: Sequence[str]) -> tuple[Command | None, list[str]]:
    """The command that the words name, and the other words; None if they ask for the overview.

    Raises:
      UserError: if there is no such command, or two are named.
    """
    named, others = [], list(words)
    if others and not others[0].startswith("-"):
        named.append(others.pop(0))
    for at, word in reversed(list(enumerate(others))):
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("-") and name == "mode":
            if not equals and at + 1 >= len(others):
                raise UserError("--mode needs the name of a command")
            named.append(value if equals else others.pop(at + 1))
            del others[at]
    if not named and (not others or any(word in HELP for word in others)):
        return None, others
    if len(set(named)) > 1:
        raise UserError(f"{' and '.join(dict.fromkeys(named))} are two commands: name one")
    return registry.load("command", named[0] if named else DEFAULT), others


def parse(command: Command, words: Sequence[str]) -> argparse.Namespace:
    """The values of a command's flags, and its configuration as `config`.

    Raises:
      UserError: for a flag that is not the command's own, a value of the wrong type, or a flag that
        is missing.
    """
    own, of_config = _apart([_LONG.sub("--", word) for word in words])
    _require_once([*own, *of_config])
    if of_config and not command.takes_config:
        raise UserError(_foreign(command, "config"))
    parser = parser_of(command)
    for word in own:
        if word.startswith("-") and word not in HELP:
            name = word.lstrip("-").partition("=")[0]
            if name not in parser.flags:
                raise UserError(_foreign(command, name))
    args, left_over = parser.parse_known_args(own)
    if left_over:
        raise UserError(
            f"what is {left_over[0]!r}? Every argument is --name=value; see {parser.prog} --help"
        )
    args.config = configuration.parse(of_config) if command.takes_config else None
    return args


def _require_once(words: Sequence[str]) -> None:
    """Refuses a flag that is given twice, of which argparse would take the last."""
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    for name in given:
        if given.count(name) > 1:
            raise UserError(f"{name} is given {given.count(name)} times: give it once")


def _apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command's own words, and those of the configuration."""
    own: list[str] = []
    of_config: list[str] = []
    takes_next = False
    for word in words:
        if configuration.is_word(word) or (takes_next and not word.startswith("-")):
            takes_next = configuration.is_word(word) and "=" not in word
            of_config.append(word)
        else:
            takes_next = False
            own.append(word)
    return own, of_config


def _foreign(command: Command, flag: str) -> str:
    """What is wrong with a flag that a command does not have."""
    owners = [name for name, other in commands().items() if flag in parser_of(other).flags]
    if flag in command.hints:
        return f"dermgan {command.name} has no --{flag}: {command.hints[flag]}"
    if owners:
        return f"dermgan {command.name} has no --{flag}; it is a flag of {', '.join(owners)}"
    own = tuple(sorted(parser_of(command).flags - {"h"}))
    return f"dermgan {command.name} has no --{flag}{_did_you_mean(flag, own)}"


def _did_you_mean(flag: str, known: tuple[str, ...]) -> str:
    return registry.did_you_mean(f"--{flag}", tuple(f"--{name}" for name in known))


def version() -> str:
    """The program's name and version."""
    return f"dermgan_jax {__version__}"

"""The command line: `dermgan COMMAND --flag=VALUE …`, or `python -m dermgan_jax.main`.

Chooses a command, parses its flags, runs it, and maps what happens to an exit code: 0 done; 1 our
fault; 2 something the user can fix, in one message; 3 a gate said no.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence

from absl import logging

from dermgan_jax import launcher
from dermgan_jax.cache import cache_dir
from dermgan_jax.commands import parser
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import GateError, UserError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def set_up(command: Command) -> None:
    """Joins the other processes, and has compiled programs kept for the next run.

    Raises:
      UserError: if the command may not run as one of several processes and is.
    """
    if launcher.several() and not command.several_processes:
        raise UserError(
            f"dermgan {command.name} is run by a single process, and this is one of several: start "
            "it without the launcher"
        )
    # Orbax logs the stack traces of errors that we turn into messages.
    logging.use_absl_handler()
    logging.set_verbosity(logging.FATAL)
    # TensorFlow feeds data here; what it says of its own arithmetic would only confuse.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_dir() / "xla"))
    if launcher.group() or launcher.shows_group():
        from dermgan_jax import hosts

        hosts.join()


def dispatch(words: Sequence[str]) -> int:
    """Runs the command that the words name; see the exceptions that `main` maps."""
    if words and words[0] in ("--version", "version"):
        print(parser.version())
        return 0
    command, others = parser.choose(words)
    if command is None:
        print(parser.overview())
        return 0
    if any(word in parser.HELP for word in others):
        parser.parser_of(command).print_help()
        return 0
    args = parser.parse(command, others)
    set_up(command)
    return command.run(args) or 0


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command line, by default that of the process, and returns its exit code."""
    try:
        return dispatch(sys.argv[1:] if words is None else words)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f" while writing {error.filename}" if error.filename else ""
        print(f"error: the disk is full{where}: free some space and run again", file=sys.stderr)
        return 2
    except GateError as error:
        print(f"no: {error}", file=sys.stderr)
        return 3


def run() -> None:
    """Entry point of the console script."""
    try:
        code = main()
    except Exception:
        if not launcher.several():
            raise
        traceback.print_exc()
        code = 1
    if code and launcher.several():
        from dermgan_jax import hosts

        hosts.leave(code)
    sys.exit(code)


if __name__ == "__main__":
    run()

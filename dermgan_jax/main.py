"""The command line: `dermgan COMMAND --flag=VALUE …`, or `python -m dermgan_jax.main`.

Chooses a command, parses its flags, runs it, and maps what happens to an exit code: 0 done; 1 our
fault; 2 something the user can fix, in one message; 3 a gate said no; 130 Ctrl-C; 141
nobody reads the output.
"""

import errno
import inspect
import io
import os
import pathlib
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TextIO

from absl import logging

from dermgan_jax import cache, files, interruption, launcher
from dermgan_jax.commands import parser
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import GateError, UserError, printable

_ANOTHER = "name another path"
# What the operating system says of a path -> what to do about it.
UNUSABLE = {
    errno.EACCES: "ask for permission, or name a path that you may use",
    errno.EPERM: "ask for permission, or name a path that you may use",
    errno.EROFS: "that disk can only be read; name a path on another one",
    errno.EEXIST: _ANOTHER,
    errno.EISDIR: _ANOTHER,
    errno.ENOTDIR: _ANOTHER,
    errno.ELOOP: _ANOTHER,
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EIO: "the disk fails; ask whoever looks after it, and run again on another one",
    errno.ESTALE: "the disk of a network is gone; run again when it is back",
    errno.ETIMEDOUT: "the disk of a network does not answer; run again when it does",
    errno.EMFILE: "too many files are open at once; ulimit -n 65536 allows more",
    errno.ENFILE: "too many files are open on this machine; run again when there are fewer",
}
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
    if os.path.expanduser("~") == "~":  # a user without a home: Keras would make a folder "~" here
        os.environ.setdefault("KERAS_HOME", str(cache.cache_dir() / "keras"))
    _keep_compiled_programs()
    if launcher.group() or launcher.shows_group():
        from dermgan_jax import hosts

        hosts.join()


def _keep_compiled_programs() -> None:
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    cache.cache_dir()  # which refuses a bucket
    try:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(cache.usable_folder("xla"))
    except UserError as error:
        print(f"note: compiled programs are not kept: {error}", file=sys.stderr)


def _without_late_reads(told: "sys.UnraisableHookArgs") -> None:
    """Shows what nobody could catch, but for reads of a checkpoint that go on after one failed."""
    is_of_orbax = (
        inspect.iscoroutine(told.object)
        and "orbax" in pathlib.Path(told.object.cr_code.co_filename).parts
    )
    if not is_of_orbax and str(told.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(told)


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
        print(parser.parser_of(command).format_help(), end="")
        return 0
    args = parser.parse(command, others)
    set_up(command)
    return command.run(args) or 0


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command line, by default that of the process, and returns its exit code."""
    try:
        code = dispatch(sys.argv[1:] if words is None else words)
        sys.stdout.flush()
        return code
    except GateError as error:
        print(f"no: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output, such as `head`, has gone
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (flushed by the interpreter at its end)
        return 128 + signal.SIGPIPE
    except Exception as error:  # what `_remedy` does not know is raised again
        said = _remedy(error)
        if said is None:
            raise
        print(f"error: {printable(said)}", file=sys.stderr)
        return 2


def _remedy(error: Exception) -> str | None:
    """What to tell a user who can mend an error; None of an error that is ours."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}"
    if files.is_of_a_bucket(error):
        return (
            f"the bucket cannot be used: {type(error).__name__}: {error}\nCheck its name, the "
            "network and your credentials"
        )
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        where = f" while writing {error.filename}" if error.filename else ""
        return f"the disk is full{where}: free some space and run again"
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.ENOENT and str(error.strerror).startswith("No usable temporary"):
        return f"{error.strerror}: name a folder that can be written in the variable TMPDIR"
    if error.errno in UNUSABLE and isinstance(error.filename, str | bytes | os.PathLike):
        name = os.fsdecode(error.filename)
        return f"{name}: {error.strerror}{cache.remedy_for(name) or f': {UNUSABLE[error.errno]}'}"
    return None


class PrintableOutput(io.TextIOWrapper):
    """Standard output on which names that strangers gave to classes move no terminal's cursor."""

    @classmethod
    def in_place_of(cls, stream: TextIO) -> "PrintableOutput":
        """Takes over the file of a stream, which cannot be written to any more."""
        encoding, buffered = stream.encoding, stream.line_buffering
        return cls(stream.detach(), encoding, "backslashreplace", line_buffering=buffered)

    def write(self, text: str) -> int:
        """Writes text as `printable`."""
        return super().write(printable(text, but="\n\t\r"))


def run() -> None:
    """Entry point of the console script."""
    sys.unraisablehook = _without_late_reads
    if not launcher.several():
        interruption.end_at_once()
    sys.stderr.reconfigure(errors="backslashreplace")  # a file's name may not be printable
    sys.stdout = PrintableOutput.in_place_of(sys.stdout)
    try:
        code = main()
    except Exception:
        if not launcher.several():
            raise
        # Left to the interpreter, an error would only be seen once all the others have ended.
        traceback.print_exc()
        code = 1
    if code and launcher.several():
        from dermgan_jax import hosts

        hosts.leave(code)
    programs = sys.modules.get("dermgan_jax.train.programs")
    if programs is not None and programs.still_compiling():
        sys.stdout.flush()
        os._exit(code)  # the interpreter would wait for the compiler, or fall over it
    sys.exit(code)


if __name__ == "__main__":
    run()

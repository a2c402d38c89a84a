"""Runs command lines one after the other in one process, as whoever starts it.

python FILE < '[["train", "--workdir=…"], …]' prints one JSON line for each: its exit code, or the
name of the error that nobody turned into a message, and what it said.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import tiny_configs  # noqa: F401 (registers the toy)

from dermgan_jax import main


def read_only(folder):
    """Takes the right to write away from a folder and all below it."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.chmod(os.path.join(place, name), 0o444)
        os.chmod(place, 0o555)


if __name__ == "__main__":
    for command in json.load(sys.stdin):
        if command[0] == "read only":
            read_only(command[1])
            continue
        if command[0] == "set":
            os.environ[command[1]] = command[2]
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = main.main(command)
            except BaseException as error:
                code = repr(error)
        print("\n" + json.dumps([code, said.getvalue()]), flush=True)

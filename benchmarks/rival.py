"""The other program of a benchmark, in a process of its own, which computes when asked."""

import json
import subprocess
from pathlib import Path


class Rival:
    """A script beside this file that answers every line of its input with one of JSON.

    Args:
      python: the interpreter, whose environment has what the script needs.
      script: its file name.
      arguments: of the script.
    """

    def __init__(self, python: str, script: str, *arguments: object):
        command = [python, str(Path(__file__).with_name(script)), *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def measure(self) -> dict[str, float]:
        """The script's answer to one more line; see there for what it says."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("the rival has ended: see its message above")
        return json.loads(answer)

    def close(self) -> None:
        """Lets the script end."""
        self.process.stdin.close()
        self.process.wait()

"""The command line, where the operating system refuses every file of a checkpoint over 2,000 bytes.

A program of its own: TensorStore's threads go on writing after a save has failed, and only the end
of the process ends them, as it does for users.
"""

import resource
import sys

from dermgan_jax import main
from dermgan_jax.runs.checkpoint import Checkpoints

ROOM = 2_000  # bytes

save = Checkpoints.save


def save_on_full_disk(self, *arguments):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        save(self, *arguments)
        self.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


if __name__ == "__main__":
    Checkpoints.save = save_on_full_disk
    sys.exit(main.main())

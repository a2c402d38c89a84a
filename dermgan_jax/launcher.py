"""What the environment says of processes that were started together; JAX is not imported."""

import os

GROUP_VARIABLES = ("DERMGAN_COORDINATOR", "DERMGAN_NUM_PROCESSES", "DERMGAN_PROCESS_ID")


def shows_group() -> bool:
    """Whether Slurm, Open MPI or Cloud TPU say that there are several processes."""
    environ = os.environ
    return (
        environ.get("DERMGAN_DISTRIBUTED") == "1"
        or int(environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1
        or int(environ.get("OMPI_COMM_WORLD_SIZE", "1")) > 1
        or "," in environ.get("TPU_WORKER_HOSTNAMES", "")
    )


def several() -> bool:
    """Whether this process was started as one of several, by whichever means."""
    count = os.environ.get(GROUP_VARIABLES[1], "")
    return (count.isdigit() and int(count) > 1) or shows_group()

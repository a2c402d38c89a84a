"""What the environment says of processes that were started together; JAX is not imported."""

import os

# host:port of the first process, how many there are, and which one this is.
GROUP_VARIABLES = ("DERMGAN_COORDINATOR", "DERMGAN_NUM_PROCESSES", "DERMGAN_PROCESS_ID")


def group() -> dict[str, str]:
    """Those of `GROUP_VARIABLES` that are set."""
    return {name: os.environ[name] for name in GROUP_VARIABLES if os.environ.get(name)}


def shows_group() -> bool:
    """Whether Slurm, Open MPI or Cloud TPU say that there are several processes."""
    environ = os.environ
    return (
        environ.get("DERMGAN_DISTRIBUTED") == "1"
        or int(environ.get("SLURM_STEP_NUM_TASKS") or 1) > 1
        or int(environ.get("OMPI_COMM_WORLD_SIZE") or 1) > 1
        or "," in environ.get("TPU_WORKER_HOSTNAMES", "")
    )


def several() -> bool:
    """Whether this process was started as one of several, by whichever means."""
    return group().get("DERMGAN_NUM_PROCESSES", "1") != "1" or shows_group()

"""Kills a training again and again until it has finished, and starts over.

  kills.py FOLDER NUM SEED

A process that has imported everything forks each training, so that a kill costs a second. Half of
the kills are aimed: they come while a checkpoint is being written, at its first file, or when its
folder takes its name. Prints a line of JSON with the kills by aim, and the runs that finished.
"""

import json
import os
import pathlib
import random
import signal
import sys
import time

import tiny_configs

import dermgan_jax.train.loop  # noqa: F401 (before the forks)
from dermgan_jax import main

del tiny_configs  # which registers the toy
AIMS = ("at any time", "a checkpoint's first file", "while it is written", "it takes its name")
COMMAND = ("train", "--config=tests/tiny_configs.py:toy", "--config.checkpoint.every_kimg=0.016")


def train(workdir: pathlib.Path, log: pathlib.Path) -> int:
    """Forks a training; returns the child's number."""
    child = os.fork()
    if child:
        return child
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    code = main.main([*COMMAND, f"--workdir={workdir}"])
    os._exit(code)


def has_ended(child: int) -> int | None:
    """The exit code, or None while it runs."""
    found, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def kill(child: int, workdir: pathlib.Path, aim: str, rng: random.Random) -> int | None:
    """Waits for the moment and kills; the exit code if the training was faster."""
    checkpoints, passed = workdir / "checkpoints", rng.randrange(4)
    before, unfinished = len(names(checkpoints)), ""
    moment = time.monotonic() + rng.uniform(1.0, 6.0)
    while (code := has_ended(child)) is None:
        found = names(checkpoints)
        partial = next((name for name in found if "tmp" in name), "")
        if aim == AIMS[0]:
            now = time.monotonic() >= moment
        elif aim == AIMS[3]:
            now = unfinished and unfinished.partition(".")[0] in found
            unfinished = unfinished or (partial if len(found) > before + passed else "")
        else:
            now = partial and len(found) > before + passed
        if now:
            time.sleep(rng.uniform(0, 0.02) if aim == AIMS[2] else 0.0)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return None
        time.sleep(0.0005 if aim != AIMS[0] else 0.01)
    return code


def names(folder: pathlib.Path) -> list[str]:
    return os.listdir(folder) if folder.is_dir() else []


def kill_all(folder: pathlib.Path, num: int, seed: int) -> dict:
    """Trains below `folder` under so many kills."""
    rng, finished, kills = random.Random(seed), [], dict.fromkeys(AIMS, 0)
    workdir = folder / "run0"
    while sum(kills.values()) < num or workdir.exists():
        log = folder / f"{workdir.name}.log"
        child = train(workdir, log)
        enough = sum(kills.values()) >= num
        aim = AIMS[0] if kills[AIMS[0]] <= sum(kills.values()) / 2 else rng.choice(AIMS[1:])
        code = (
            os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if enough
            else (kill(child, workdir, aim, rng))
        )
        if code is None:
            kills[aim] += 1
            continue
        if code:
            sys.exit(f"{workdir} ended with {code}:\n{log.read_text()[-2000:]}")
        finished.append(str(workdir))
        workdir = folder / f"run{len(finished)}"
    return {"kills": kills, "finished": finished}


if __name__ == "__main__":
    where, number, seed = sys.argv[1:]
    print(json.dumps(kill_all(pathlib.Path(where), int(number), int(seed))))

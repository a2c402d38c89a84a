"""Studies that are served to a browser, and what a reader does there."""

import contextlib
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import tiny_reader_study
from playwright.sync_api import expect

from dermgan_jax import files
from dermgan_jax.readers import self_test, server
from dermgan_jax.readers.answers import Answers

REPOSITORY = Path(__file__).parents[1]


def command(folder, port):
    """The words of `dermgan readers_serve`."""
    program = [sys.executable, "-m", "dermgan_jax.main", "readers_serve"]
    return [*program, f"--workdir={folder.path}", f"--port={port}"]


def make_study(path, **others):
    """A tiny study that passed its self-test."""
    folder = tiny_reader_study.write_tiny_study(path, tiny_reader_study.tiny_design(**others))
    passed = {"released": True, "faults": [], "digest": self_test.digest(folder)}
    files.write_text(folder.self_test, json.dumps(passed))
    return folder


@contextlib.contextmanager
def served(folder):
    """The address of a server in this process."""
    opened = server.open_server(folder, "127.0.0.1", 0)
    threading.Thread(target=opened.run, daemon=True).start()
    yield f"http://127.0.0.1:{opened.effective_port}/r/token-of-"
    opened.trigger.pull_trigger(opened.close)


class Process:
    """`dermgan readers_serve` as a process of its own."""

    def __init__(self, folder, port=0):
        self.process = subprocess.Popen(
            command(folder, port), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        self.links = {}
        for line in self.process.stdout:
            if line.startswith("  "):
                name, link = line.split()[:2]
                self.links[name] = link
            if line.startswith("answers go to"):
                break
        self.port = int(self.links["ann"].split(":")[2].partition("/")[0])

    def end(self, how=signal.SIGINT):
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


def at_image(page, number, total=8):
    """Waits until the image with that number is shown."""
    expect(page.locator("#progress")).to_have_text(f"{number} of {total}")
    expect(page.locator("#image")).to_be_visible()


def begin(page):
    """Leaves the start screen."""
    expect(page.locator("#begin")).to_be_visible()
    page.keyboard.press("Enter")


def begin_next(page):
    """Leaves a pause."""
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_visible()


def answer(page, number, key, total=8):
    """Answers the image with that number and goes on."""
    at_image(page, number, total)
    page.keyboard.press(key)
    page.keyboard.press("Enter")


def stored(folder, name="ann"):
    """What the database holds of a reader."""
    opened = Answers(folder.answers)
    found = opened.of(name)
    opened.close()
    return found


def order_of(folder, name="ann"):
    """A reader's images in order."""
    return [item.image for item in folder.read_orders()[name]]

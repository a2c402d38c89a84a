"""A bucket on this machine, and what programs need to find it."""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

BUCKET = "tests"


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@contextlib.contextmanager
def bucket():
    """Environment variables with which gs://tests/ is a bucket of an emulator, empty at first."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("gcs_emulator.py"), str(port), BUCKET],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address)
        yield {
            "STORAGE_EMULATOR_HOST": address,  # gcsfs
            "TENSORSTORE_GCS_HTTP_URL": address,  # Orbax
            "GOOGLE_AUTH_TOKEN_FOR_TESTING": "none",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
        }
    finally:
        process.kill()
        process.wait()


def _wait(address):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"{address}/storage/v1/b/{BUCKET}")
            return
        time.sleep(0.1)
    raise AssertionError("the emulator does not answer")


def names(environment, prefix=""):
    """Of all objects in the bucket that begin so."""
    address = f"{environment['STORAGE_EMULATOR_HOST']}/storage/v1/b/{BUCKET}/o?prefix={prefix}"
    with urllib.request.urlopen(address) as answer:
        return [item["name"] for item in json.load(answer).get("items", [])]


def download(environment, prefix, folder):
    """Copies every object below a prefix into a folder."""
    for name in names(environment, f"{prefix}/"):
        quoted = urllib.request.quote(name, safe="")
        address = f"{environment['STORAGE_EMULATOR_HOST']}/storage/v1/b/{BUCKET}/o/{quoted}"
        target = folder / name.removeprefix(f"{prefix}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(f"{address}?alt=media") as answer:
            target.write_bytes(answer.read())

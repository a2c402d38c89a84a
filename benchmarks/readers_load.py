"""Answers per second of a reader study's server, with many readers at once.

    python benchmarks/readers_load.py [--readers=20 --images=80 --size=64]

A study is served by `dermgan readers_serve`, a process of its own, on this machine. Each reader is
a client that does what the page does: it asks for the study, then for one image after the other,
and posts an answer to each without a moment's thought. In the end every answer must be stored
exactly once. A post's time includes that the answer is on the disk.
"""

import argparse
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import numpy as np

from dermgan_jax import files
from dermgan_jax.readers import encoding, order, self_test
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import FAKE, REAL, Block, Design, Reader, question
from dermgan_jax.readers.folder import KeyRow, StudyFolder

PERCENTILES = (50, 95, 99)


def make_study(path: pathlib.Path, readers: int, images: int, size: int) -> StudyFolder:
    """A study of random images whose self-test counts as passed."""
    real = images // 2
    design = Design(
        study="0123456789abcdef",
        title="Load",
        preset="turing",
        seed=0,
        readers=tuple(Reader(f"reader{number}") for number in range(readers)),
        questions=(question("real"),),
        blocks=(Block(real, images - real),),
        classes=(),
        same_images=True,
        revisable=True,
        time_limit=None,
        size=(size, size, 3),
        told=False,
        phantom=True,
        texts={},
    )
    truths = [REAL] * real + [FAKE] * (images - real)
    ids = order.new_ids([truth == REAL for truth in truths], 0)
    key = [KeyRow(name, truth, "", truth, "") for name, truth in zip(ids, truths, strict=True)]
    pixels = np.random.default_rng(0).integers(0, 256, (images, size, size, 3), np.uint8)
    folder = StudyFolder(path)
    encoding.write_images(folder, dict(zip(ids, pixels, strict=True)))
    folder.write_key(key)
    folder.write_orders(order.orders(design, key))
    folder.write_links(design, {reader.name: uuid.uuid4().hex for reader in design.readers})
    folder.write_design(design)
    passed = {"released": True, "faults": [], "digest": self_test.digest(folder)}
    files.write_text(folder.self_test, json.dumps(passed))
    return folder


class Client(threading.Thread):
    """A reader who answers all images as fast as the server lets them."""

    def __init__(self, port: int, token: str, start: threading.Barrier):
        super().__init__()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.token, self.begin = token, start
        self.sent: dict[str, str] = {}
        self.seconds: list[float] = []

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The reply to a request; any but "200 OK" is an error."""
        headers = {"Content-Type": "application/json"} if body else {}
        self.connection.request(method, f"/r/{self.token}/{path}", body, headers)
        reply = self.connection.getresponse()
        content = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"{method} {path}: {reply.status} {content[:200]!r}")
        return content

    def run(self) -> None:
        """Answers all images."""
        items = json.loads(self.ask("GET", "study"))["items"]
        self.begin.wait()
        for image, _ in items:
            self.ask("GET", f"images/{image}.png")
            entry = {
                "id": uuid.uuid4().hex,
                "image": image,
                "answers": {"real": REAL},
                "seconds": 1.5,
                "at": "2026-01-01T00:00:00.000Z",
            }
            start = time.perf_counter()
            self.ask("POST", "answers", json.dumps(entry).encode())
            self.seconds.append(time.perf_counter() - start)
            self.sent[entry["id"]] = image


def measure(folder: StudyFolder, port: int) -> None:
    """Lets all readers answer, checks what is stored, and prints the figures.

    Raises:
      SystemExit: if an answer is missing, doubled or changed.
    """
    tokens = folder.read_tokens()
    start = threading.Barrier(len(tokens) + 1)
    clients = {reader: Client(port, token, start) for reader, token in tokens.items()}
    for client in clients.values():
        client.start()
    start.wait()
    began = time.perf_counter()
    for client in clients.values():
        client.join()
    seconds = time.perf_counter() - began
    stored = Answers(folder.answers).entries()
    for reader, client in clients.items():
        rows = [(entry.id, entry.image) for entry in stored.get(reader, [])]
        if len(rows) != len(folder.read_orders()[reader]) or rows != list(client.sent.items()):
            sys.exit(f"{reader}: {len(client.sent)} answers were sent, {len(rows)} are stored")
    times = np.concatenate([client.seconds for client in clients.values()]) * 1000
    print(f"{len(times)} answers of {len(clients)} readers: each is stored once")
    print(f"{len(times) / seconds:.0f} answers/s, with an image before each")
    values = (f"p{each} {np.percentile(times, each):.0f} ms" for each in PERCENTILES)
    print(f"time until an answer is stored: {', '.join(values)}")


def main() -> None:
    """Serves a study, lets clients answer it, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=20, help="clients at once")
    parser.add_argument("--images", type=int, default=80, help="of each reader")
    parser.add_argument("--size", type=int, default=64, help="side of an image in pixels")
    parser.add_argument("--folder", default=None, help="where the study is made; default: /tmp")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as place:
        folder = make_study(
            pathlib.Path(place), arguments.readers, arguments.images, arguments.size
        )
        command = [sys.executable, "-m", "dermgan_jax.main", "readers_serve", "--port=0"]
        server = subprocess.Popen(
            [*command, f"--workdir={folder.path}"], stdout=subprocess.PIPE, text=True
        )
        try:
            link = next(line for line in server.stdout if "http://" in line).split()[1]
            measure(folder, int(link.split(":")[2].partition("/")[0]))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()

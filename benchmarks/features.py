"""Images per second of FID features, and how much of it is decoding, resizing and the network.

    python benchmarks/features.py --images=FOLDER --weights=FOLDER --rival_python=PYTHON
        [--rival=torch-fidelity --num=256 --batch=16 --rounds=3 --cores=1]
        [--against=FOLDER]

PYTHON is an interpreter of an environment of its own with PyTorch and the rival, pytorch-fid or
torch-fidelity, so that neither is needed here; without it only ours is measured. Both get the same
files, weights, batch size and cores: ours decodes in threads, they in processes. They take turns,
one waiting while the other computes; the median of the rounds counts, without compilation and one
warm-up round. CPU time is that of all threads and processes. Where other programs run, threads that
wait for each other spend it too, theirs by OpenMP more than ours: --cores=1, which ties both to one
core, is the fair measurement then. The rows below "of it" are the three parts one after the other;
together they may take longer than the whole, in which the next batch is decoded while the devices
compute.

With --against nothing is timed: FID between the two folders is printed, pytorch-fid's by its own
function that takes folders, and ours.
"""

import argparse
import dataclasses
import functools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import flax
import jax
import numpy as np
from rival import Rival

from dermgan_jax.cache import cache_dir
from dermgan_jax.data.image_sets import ImageSet, open_images
from dermgan_jax.features import (
    inception,
    inception_extractor,
    inception_weights,
    torch_layout,
    weights,
)
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.metrics import frechet

PROTOCOLS = {"pytorch-fid": "fid", "torch-fidelity": "fid:tf"}
NAMES = ("inception", "inception_logits")  # either file will do


@dataclasses.dataclass
class Row:
    """Seconds and CPU seconds per image of one line of the table, a pair for each round."""

    name: str
    measured: list[tuple[float, float]] = dataclasses.field(default_factory=list)

    def medians(self) -> tuple[float, float]:
        return tuple(map(statistics.median, zip(*self.measured, strict=True)))


def start_rival(python: str, package: str, folder: Path, paths: list[Path], batch: int) -> Rival:
    """The rival, with features of these files to compute; they go to `folder`/features.npy."""
    files = folder / "files.txt"
    files.write_text("\n".join(str(path.resolve()) for path in paths))
    tensors, result = folder / "tensors.npz", folder / "features.npy"
    return Rival(python, "rival_features.py", package, tensors, files, batch, result)


def timed(function: Callable[[], object]) -> tuple[float, float, object]:
    """(seconds, CPU seconds, result)."""
    began, cpu_began = time.perf_counter(), time.process_time()
    result = function()
    return time.perf_counter() - began, time.process_time() - cpu_began, result


def torch_tensors(variables: dict) -> dict[str, np.ndarray]:
    """Inception's variables by the names and axes of pytorch-fid; zeros for a missing last layer.

    No layer's name has a "." in it, so that `torch_layout.to_flax` can be undone.
    """
    tensors = {}
    for path, leaf in flax.traverse_util.flatten_dict(variables).items():
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(leaf.ndim, range(leaf.ndim))
        name = ".".join([*path[1:-1], torch_layout.LEAF_NAMES[path[-1]]])
        tensors[name] = np.ascontiguousarray(leaf.transpose(axes))
        if path[-1] == "var":
            tensors[".".join([*path[1:-1], "num_batches_tracked"])] = np.zeros((), np.int64)
    tensors.setdefault("fc.weight", np.zeros((inception.CLASSES, 2048), np.float32))
    return tensors | {"fc.bias": np.zeros(inception.CLASSES, np.float32)}


def parts(protocol: str, network: inception.InceptionV3, variables: dict, batch: int) -> Callable:
    """A function of an image set: decoding, resizing and the network of it, each `timed`.

    They are jitted as `features.base.batched` does it on one device; a last part of a batch is left
    out.
    """
    resize = jax.jit(functools.partial(inception.preprocess, protocol=protocol))
    forward = jax.jit(network.apply)
    variables = jax.device_put(variables)

    def measure(images: ImageSet) -> list[tuple[float, float]]:
        sums = np.zeros((3, 2))
        for start in range(0, len(images) - batch + 1, batch):
            *decoding, pixels = timed(lambda start=start: images[start : start + batch])
            *resizing, inputs = timed(
                lambda pixels=pixels: jax.block_until_ready(resize(jax.device_put(pixels)))
            )
            with jax.default_matmul_precision("highest"):
                *computing, _ = timed(
                    lambda inputs=inputs: jax.block_until_ready(forward(variables, inputs))
                )
            sums += [decoding, resizing, computing]
        return [tuple(pair) for pair in sums / (len(images) // batch * batch)]

    return measure


def read_inception(folder: Path | None) -> tuple[inception.InceptionV3, dict]:
    """The network and its variables."""
    file = next((name for name in NAMES if weights.available(name, folder)), NAMES[0])
    return inception_weights.from_torch(read_tensors(weights.find(file, folder)))


def compare_fids(arguments: argparse.Namespace, folder: Path) -> None:
    """Prints FID between all images of two folders, theirs (if there is an interpreter) and ours.

    The folders must have no subfolders, which pytorch-fid leaves out and ours reads.
    """
    sides = [arguments.images.resolve(), arguments.against.resolve()]
    if arguments.rival_python:
        np.savez(folder / "tensors.npz", **torch_tensors(read_inception(arguments.weights)[1]))
        script = Path(__file__).with_name("rival_features.py")
        command = [arguments.rival_python, script, "fid", folder / "tensors.npz", *sides]
        subprocess.run([*command, str(arguments.batch)], check=True)
    extractor = inception_extractor.load("fid", arguments.weights, batch_size=arguments.batch)
    images = [open_images(side) for side in sides]
    moments = [
        frechet.moments(extractor.extract(side, lambda num: None)["pool3"]) for side in images
    ]
    nums = " and ".join(str(len(side)) for side in images)
    print(f"FID of dermgan_jax {frechet.distance(*moments).value:.6f}, {nums} images")


def race(arguments: argparse.Namespace, folder: Path) -> None:
    """Measures everything and prints the table."""
    protocol, batch = PROTOCOLS[arguments.rival], arguments.batch
    network, variables = read_inception(arguments.weights)
    images = open_images(arguments.images, limit=arguments.num)
    extractor = inception_extractor.load(protocol, arguments.weights, batch_size=batch)
    measure_parts = parts(protocol, network, variables, batch)
    rival = None
    if arguments.rival_python:
        np.savez(folder / "tensors.npz", **torch_tensors(variables))
        rival = start_rival(arguments.rival_python, arguments.rival, folder, images.paths, batch)

    ours, theirs = Row("dermgan_jax"), Row(arguments.rival)
    of_it = [Row("  of it decode"), Row("  resize"), Row("  network")]
    settings = {}
    for number in range(arguments.rounds + 1):
        seconds, cpu, features = timed(lambda: extractor.extract(images, lambda num: None))
        shares = measure_parts(images)
        if rival:
            settings = rival.measure()
        if number == 0:
            continue
        ours.measured.append((seconds / len(images), cpu / len(images)))
        for row, pair in zip(of_it, shares, strict=True):
            row.measured.append(pair)
        if rival:
            pair = settings["seconds"] / len(images), settings["cpu_seconds"] / len(images)
            theirs.measured.append(pair)
    if rival:
        rival.close()
    print_table([ours, theirs, *of_it] if rival else [ours, *of_it])
    height, width = images.shape[1:3]
    print(
        f"{len(images)} files of {width}x{height}, batches of {batch}, protocol {protocol}; "
        f"{len(jax.devices())} x {jax.devices()[0].device_kind}, "
        f"{len(os.sched_getaffinity(0))} of {os.cpu_count()} cores, "
        f"load average {os.getloadavg()[0]:.1f} (of 5 minutes: {os.getloadavg()[1]:.1f})"
    )
    if rival:
        print(
            f"{arguments.rival}: {settings['workers']} processes decode, "
            f"{settings['threads']} threads compute"
        )
        expected = np.load(folder / "features.npy")
        gaps = np.abs(features["pool3"] - expected)
        relative = np.linalg.norm(gaps, axis=1) / np.linalg.norm(expected, axis=1)
        print(
            f"pool3: largest difference {gaps.max():.1e} of {expected.max():.2f} "
            f"({gaps.max() / expected.max():.1e}), largest relative one of an image "
            f"{relative.max():.1e}"
        )


def print_table(rows: list[Row]) -> None:
    """A line per row; the ratio is that of images per second, ours to theirs."""
    print(f"{'':16}{'images/s':>10}{'ms/image':>10}{'CPU ms/image':>14}{'of the first':>14}")
    first = rows[0].medians()[0]
    for row in rows:
        seconds, cpu = row.medians()
        print(
            f"{row.name:16}{1 / seconds:10.1f}{seconds * 1e3:10.1f}{cpu * 1e3:14.1f}"
            f"{seconds / first:13.2f}×"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of equally large images")
    parser.add_argument("--weights", type=Path, help="folder of the pretrained weights")
    parser.add_argument("--rival_python", help="interpreter that has PyTorch and the rival")
    parser.add_argument("--rival", choices=sorted(PROTOCOLS), default="pytorch-fid")
    parser.add_argument("--num", type=int, default=256, help="images at most")
    parser.add_argument("--batch", type=int, default=16, help="images at a time, both")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, help="use only so many, both")
    parser.add_argument("--against", type=Path, help="print FID to this folder, time nothing")
    arguments = parser.parse_args()
    if arguments.cores:  # before JAX starts its threads; the rival inherits it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))
    with tempfile.TemporaryDirectory() as folder:
        run = compare_fids if arguments.against else race
        run(arguments, Path(folder))


if __name__ == "__main__":
    main()

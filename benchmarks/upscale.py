"""Images per second and memory of Real-ESRGAN's x4plus network: enlarging, and its gradients.

    python benchmarks/upscale.py [--source=realesrgan-x4plus.bin] [--rival_python=PYTHON]
        [--side=64 --num=2 --rounds=3 --cores=2] [--step]

PYTHON is an interpreter of an environment of its own with PyTorch, so that it is not needed here;
without it only ours is measured. Both get the same weights, random ones unless --source names a
file that `dermgan import --arch=esrgan` takes, and the same images, one at a time. They take turns,
one waiting while the other computes; the median of the rounds counts, without compilation and one
warm-up round, after which the results are compared. CPU time is that of all threads: where other
programs run, it tells more than the time on the clock. Memory is the most that each process ever
had, that of compilation included. With --step the gradients of L1, which a step by pixels needs,
are computed instead, of all images as one batch.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import flax
import jax
import jax.numpy as jnp
import numpy as np
from rival import Rival

from dermgan_jax import files
from dermgan_jax.interop import superres_names
from dermgan_jax.interop.import_esrgan import from_torch, read_generator
from dermgan_jax.nets.rrdbnet import RrdbNet


def network(source: str | None, side: int) -> tuple[RrdbNet, dict]:
    """The x4plus network and its variables."""
    net = RrdbNet()
    if source is not None:
        tensors = read_generator(files.to_path(source))
        return net, from_torch(superres_names.rrdbnet(net.num_blocks), tensors)
    images = jax.ShapeDtypeStruct((1, side, side, 3), np.float32)
    shapes = jax.eval_shape(net.init, jax.random.key(0), images)
    rng = np.random.default_rng(0)

    def drawn(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        return rng.normal(0, 0.02, leaf.shape).astype(np.float32)

    return net, jax.tree.map(drawn, shapes)


def torch_tensors(net: RrdbNet, variables: dict) -> dict[str, np.ndarray]:
    """The variables under their names in PyTorch."""
    flat = flax.traverse_util.flatten_dict(variables)
    return {
        name.torch: superres_names.to_torch(name, flat[name.path])
        for name in superres_names.rrdbnet(net.num_blocks)
    }


def enlarged(net: RrdbNet) -> Callable[[dict, np.ndarray], np.ndarray]:
    """(variables, images) -> enlarged images, one at a time."""
    apply = jax.jit(net.apply)
    return lambda variables, images: np.concatenate(
        [np.asarray(apply(variables, image[None])) for image in images]
    )


def gradient(net: RrdbNet) -> Callable[[dict, np.ndarray], np.ndarray]:
    """(variables, images) -> the gradient of L1 against black images, by the first kernel.

    Those by all parameters are computed.
    """
    by_all = jax.jit(
        jax.grad(lambda variables, images: jnp.abs(net.apply(variables, images)).mean())
    )

    def compute(variables: dict, images: np.ndarray) -> np.ndarray:
        found = jax.block_until_ready(by_all(variables, images))
        return np.asarray(found["params"]["conv_first"]["kernel"])

    return compute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", help="file of the x4plus network")
    parser.add_argument("--rival_python", help="interpreter that has PyTorch")
    parser.add_argument("--side", type=int, default=64, help="of the images, pixels")
    parser.add_argument("--num", type=int, default=2, help="images in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", action="store_true", help="gradients instead of enlarging")
    parser.add_argument("--cores", type=int, default=0, help="0: all")
    arguments = parser.parse_args()
    if arguments.cores:  # before JAX starts its threads; the rival inherits it
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    net, variables = network(arguments.source, arguments.side)
    shape = (arguments.num, arguments.side, arguments.side, 3)
    images = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("tensors.npz", "images.npy", "result.npy")]
        np.savez(paths[0], **torch_tensors(net, variables))
        np.save(paths[1], images)
        rival = None
        if arguments.rival_python:
            script = "rival_upscale.py"
            options = (arguments.cores, int(arguments.step))
            rival = Rival(arguments.rival_python, script, *paths, *options)
        compute = (gradient if arguments.step else enlarged)(net)
        variables = jax.device_put(variables)
        rounds = {"ours": [], "PyTorch": []}
        for turn in range(arguments.rounds + 1):
            began, cpu_began = time.perf_counter(), time.process_time()
            found = compute(variables, images)
            spent = time.perf_counter() - began, time.process_time() - cpu_began
            answer = rival.measure() if rival else None
            if turn == 0:
                if rival:
                    apart = np.abs(found - np.load(paths[2])).max()
                    print(f"largest difference of results: {apart:.1e}")
                continue
            rounds["ours"].append(tuple(part / len(images) for part in spent))
            if answer:
                rounds["PyTorch"].append((answer["seconds"], answer["cpu_seconds"]))
        peak = {"ours": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
        if rival:
            peak["PyTorch"] = answer["megabytes"]
            rival.close()
    for name, measured in rounds.items():
        if measured:
            seconds, cpu = map(statistics.median, zip(*measured, strict=True))
            print(
                f"{name:8} {1 / seconds:6.2f} images/s  {cpu:6.2f} CPU seconds per image  "
                f"{peak[name]:6.0f} MB"
            )


if __name__ == "__main__":
    main()

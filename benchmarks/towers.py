"""Images per second and memory of the image towers behind feature spaces, with random weights.

    python benchmarks/towers.py [--towers=dinov2_s14,dinov2_b14,dinov2_l14,clip_l14_336,rad_dino]
        [--num=16 --rounds=3 --batch=4]

Images of 256×256 are prepared as the spaces prepare them and go through the network, on all devices
of this process; the best of the rounds counts, without compilation. CPU time is that of all threads
and grows less where other programs run. Memory is the largest that the process had, of which the
weights are a part.
"""

import argparse
import resource
import time

import jax
import numpy as np

from dermgan_jax.features import (
    clip_extractor,
    clip_vision,
    dinov2,
    dinov2_extractor,
    rad_dino_extractor,
)
from dermgan_jax.features.extractor import batched

DINOV2 = dinov2_extractor.preprocess
TOWERS = {
    "dinov2_s14": (dinov2.DinoV2S14, DINOV2),
    "dinov2_b14": (dinov2.DinoV2B14, DINOV2),
    "dinov2_l14": (dinov2.DinoV2L14, DINOV2),
    "clip_l14_336": (clip_vision.ClipVision, clip_extractor.preprocess),
    "rad_dino": (dinov2.DinoV2B14, rad_dino_extractor.preprocess),
}


def extract_of(name: str, batch: int | None):
    """`extract` of the tower, and the bytes of its weights."""
    make, preprocess = TOWERS[name]
    tower = make()
    images = jax.ShapeDtypeStruct((1, tower.image_size, tower.image_size, 3), np.float32)
    shapes = jax.eval_shape(tower.init, jax.random.key(0), images)
    stream = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: stream.uniform(-0.03, 0.03, leaf.shape).astype(np.float32), shapes
    )
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(variables))
    return batched(preprocess, dinov2_extractor.network_of(tower), variables, batch), size


def measure(name: str, num: int, rounds: int, batch: int | None) -> str:
    """One row of the table."""
    extract, size = extract_of(name, batch)
    images = np.random.default_rng(1).integers(0, 256, (num, 256, 256, 3), dtype=np.uint8)
    start = time.perf_counter()
    extract(images[: batch or num])
    first, spent, on_cpus = time.perf_counter() - start, [], []
    for _ in range(rounds):
        start, start_on_cpus = time.perf_counter(), time.process_time()
        extract(images)
        spent.append(time.perf_counter() - start)
        on_cpus.append(time.process_time() - start_on_cpus)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{name}: {num / min(spent):.2f} images/s (slowest round {num / max(spent):.2f}), "
        f"{min(on_cpus) / num:.3g} s of CPUs an image, "
        f"first batch {first:.0f} s, weights {size / 2**20:,.0f} MiB, at most {most:,.0f} MiB"
    )


def main() -> None:
    """Measures the towers that are named, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--towers", default=",".join(TOWERS))
    parser.add_argument("--num", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    args = parser.parse_args()
    for name in args.towers.split(","):
        print(measure(name, args.num, args.rounds, args.batch), flush=True)


if __name__ == "__main__":
    main()

"""Images per second of SWD, ours against a plain NumPy/SciPy transcription of the original.

    python benchmarks/swd.py [--num=512 --resolution=64]

The transcription follows metrics/sliced_wasserstein.py of tkarras/progressive_growing_of_gans line
by line. Both get the same random images and take turns; the best of three rounds counts, without
compilation.
"""

import argparse
import time

import jax
import numpy as np
import scipy.ndimage

from dermgan_jax.metrics import swd

ROUNDS = 3
FILTER = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256


def reference_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Laplacian pyramid of (N, C, H, W)."""
    bands = [images.astype(np.float32)]
    for _ in range(1, levels):
        fine = bands[-1]
        coarse = scipy.ndimage.convolve(fine, FILTER[None, None], mode="mirror")[:, :, ::2, ::2]
        stuffed = np.zeros_like(fine)
        stuffed[:, :, ::2, ::2] = coarse
        bands[-1] = fine - scipy.ndimage.convolve(stuffed, FILTER[None, None] * 4, mode="mirror")
        bands.append(coarse)
    return bands


def reference_descriptors(band: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Normalised descriptors (N·128, C·49) of (N, C, H, W)."""
    num, channels, height, width = band.shape
    total = num * 128
    patch, channel, x, y = np.ogrid[0:total, 0:channels, -3:4, -3:4]
    x = x + random.randint(3, width - 3, size=(total, 1, 1, 1))
    y = y + random.randint(3, height - 3, size=(total, 1, 1, 1))
    index = ((patch // 128 * channels + channel) * height + y) * width + x
    found = band.ravel()[index]
    found -= np.mean(found, axis=(0, 2, 3), keepdims=True)
    found /= np.std(found, axis=(0, 2, 3), keepdims=True)
    return found.reshape(total, -1)


def reference_distance(a: np.ndarray, b: np.ndarray, random: np.random.RandomState) -> float:
    """Mean of four repeats with 128 directions each."""
    results = []
    for _ in range(4):
        directions = random.randn(a.shape[1], 128)
        directions /= np.sqrt(np.sum(np.square(directions), axis=0, keepdims=True))
        directions = directions.astype(np.float32)
        projected_a = np.sort(np.matmul(a, directions), axis=0)
        projected_b = np.sort(np.matmul(b, directions), axis=0)
        results.append(np.mean(np.abs(projected_a - projected_b)))
    return float(np.mean(results))


def reference_swd(real: np.ndarray, fake: np.ndarray, seed: int) -> float:
    """SWD × 1000 of uint8 (N, C, H, W), mean over levels."""
    random = np.random.RandomState(seed)
    levels = int(np.log2(real.shape[-1])) - 3
    real_bands, fake_bands = reference_pyramid(real, levels), reference_pyramid(fake, levels)
    return 1e3 * float(
        np.mean(
            [
                reference_distance(
                    reference_descriptors(r, random), reference_descriptors(f, random), random
                )
                for r, f in zip(real_bands, fake_bands, strict=True)
            ]
        )
    )


def main() -> None:
    """Prints both speeds, their ratio and both values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=512, help="images on each side")
    parser.add_argument("--resolution", type=int, default=64, help="side in pixels")
    arguments = parser.parse_args()
    random = np.random.RandomState(0)
    shape = (arguments.num, arguments.resolution, arguments.resolution, 3)
    real = random.randint(0, 256, shape).astype(np.uint8)
    fake = (random.randint(0, 256, shape) // 2).astype(np.uint8)
    fake = np.maximum(fake, np.arange(arguments.resolution, dtype=np.uint8)[:, None])

    def ours() -> float:
        return swd.compute(real, fake, seed=0, mirror=False).value

    def reference() -> float:
        return reference_swd(real.transpose(0, 3, 1, 2), fake.transpose(0, 3, 1, 2), seed=0)

    ours()
    rivals = {"NumPy/SciPy": reference, "dermgan_jax": ours}
    best = dict.fromkeys(rivals, float("inf"))
    values = {}
    for _ in range(ROUNDS):
        for name, function in rivals.items():
            start = time.perf_counter()
            values[name] = function()
            best[name] = min(best[name], time.perf_counter() - start)
    for name, seconds in best.items():
        print(f"{name:12s} {2 * arguments.num / seconds:8.1f} images/s   SWD {values[name]:.2f}")
    ratio = best["NumPy/SciPy"] / best["dermgan_jax"]
    print(f"dermgan_jax on {jax.default_backend()} is {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()

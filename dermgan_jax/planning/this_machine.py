"""This machine's CPU as an accelerator: its peaks are measured, once per process."""

import functools
import os
import pathlib
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from dermgan_jax.planning.accelerators import CPU, Chip

SIDE = 1536  # of the matrices that are multiplied
COPIED, CACHED = 256 << 20, 4 << 20  # bytes that are changed in memory, and in a cache
CACHE = 16 << 20  # bytes, where the system does not tell
CACHES, UNITS = "/sys/devices/system/cpu/cpu0/cache", {"K": 1 << 10, "M": 1 << 20}
TIMES = 5


@functools.cache
def this_machine() -> Chip:
    """All cores: products of float32 matrices, and changes of arrays in place, at their best."""
    matrix = jnp.ones((SIDE, SIDE), jnp.float32)
    multiply = jax.jit(jnp.matmul)
    flops = 2.0 * SIDE**3 / _best(lambda: multiply(matrix, matrix))
    bandwidth, cached = _changed(COPIED), _changed(CACHED)
    memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    # XLA's code for CPUs has no faster arithmetic for bfloat16.
    return Chip(
        *(CPU, CPU, {"float32": flops, "bfloat16": flops}, memory, bandwidth),
        link=bandwidth,
        launch=2e-6,
        cache=_cache(),
        cache_speed=max(cached / bandwidth, 1.0),
    )


def _changed(size: int) -> float:
    """Bytes per second, read and written, while an array of so many is changed in place."""
    change = jax.jit(lambda x: x * 1.5 + 1e-9, donate_argnums=0)
    array, calls = jnp.zeros(size // 4, jnp.float32), COPIED // size

    def several() -> jax.Array:
        nonlocal array
        for _ in range(calls):
            array = change(array)
        return array

    return 2.0 * size * calls / _best(several)


def _cache() -> float:
    """Bytes of the largest cache."""
    told = [file.read_text().strip() for file in pathlib.Path(CACHES).glob("index*/size")]
    sizes = [int(text[:-1]) * UNITS[text[-1]] for text in told if text[-1:] in UNITS]
    return float(max(sizes, default=CACHE))


def _best(function: Callable[[], jax.Array]) -> float:
    """Seconds of the fastest of several runs, after one that compiles."""
    function().block_until_ready()
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        function().block_until_ready()
        seconds.append(time.perf_counter() - began)
    return min(seconds)

"""This machine's CPU as an accelerator: its peaks are measured, once per process."""

import functools
import os
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from dermgan_jax.planning.accelerators import CPU, Chip

SIDE = 1536  # of the matrices that are multiplied
COPIED = 256 << 20  # bytes that are copied
TIMES = 5


@functools.cache
def this_machine() -> Chip:
    """All cores: products of float32 matrices, and copies of what no cache holds, at their best."""
    matrix = jnp.ones((SIDE, SIDE), jnp.float32)
    array = jnp.zeros(COPIED // 4, jnp.float32)
    flops = 2.0 * SIDE**3 / _best(jax.jit(jnp.matmul), matrix, matrix)
    bandwidth = 2.0 * COPIED / _best(jax.jit(lambda x: x + 1), array)
    memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    # XLA's code for CPUs has no faster arithmetic for bfloat16.
    peak = {"float32": flops, "bfloat16": flops}
    return Chip(CPU, CPU, peak, memory, bandwidth, link=bandwidth, launch=2e-6)


def _best(function: Callable, *arguments: jax.Array) -> float:
    """Seconds of the fastest of several runs, after one that compiles."""
    function(*arguments).block_until_ready()
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        function(*arguments).block_until_ready()
        seconds.append(time.perf_counter() - began)
    return min(seconds)

"""Is this machine ready? Versions, devices, memory, one compiled step, and what is missing."""

import importlib.util
import os
import shutil
import time

import jax
import jax.numpy as jnp

from dermgan_jax.cache import usable_folder
from dermgan_jax.features import weights
from dermgan_jax.features.published_weights import FILES
from dermgan_jax.runs.provenance import environment

OPTIONAL = {
    "tensorflow": "data.cache=none, TFDS builders and TensorBoard events",
    "tensorflow_datasets": "the TFDS builders",
}


def examine() -> str:
    """A readable account of the machine, one fact a line."""
    lines = [f"{name}: {value}" for name, value in environment().items()]
    lines += [_device_line(device) for device in jax.local_devices()]
    lines.append(f"host: {os.cpu_count()} cores, {_host_memory()}")
    folder = usable_folder("")
    free = shutil.disk_usage(folder).free / 2**30
    lines.append(f"prepared data and compiled programs: {folder} ({free:.0f} GiB free)")
    step, finite = _compiled_step()
    lines.append(step)
    missing = [
        f"missing: {module} (needed for {use})"
        for module, use in OPTIONAL.items()
        if importlib.util.find_spec(module) is None
    ]
    missing += [] if shutil.which("ffmpeg") else ["missing: ffmpeg (for MP4 beside GIF files)"]
    here = [name for name in FILES if weights.available(name)]
    lines.append(f"pretrained weights: {', '.join(here) or 'none'}; see dermgan weights")
    lines += missing
    ready = "ready" if finite else "NOT READY: the step gave numbers that are not finite"
    lines.append(f"this machine is {ready}" + (", but for what is missing" if missing else ""))
    return "\n".join(lines)


def _device_line(device: jax.Device) -> str:
    stats = device.memory_stats() or {}
    limit = stats.get("bytes_limit")
    memory = f", {limit / 2**30:.1f} GiB" if limit else ""
    return f"device {device.id}: {device.device_kind}{memory}"


def _host_memory() -> str:
    if not hasattr(os, "sysconf"):
        return "memory unknown"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB of memory"


def _compiled_step() -> tuple[str, bool]:
    """Compiles and runs the gradient of a small convolution: a line, and whether it is finite."""

    def loss(kernel: jax.Array, images: jax.Array) -> jax.Array:
        out = jax.lax.conv_general_dilated(
            images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.mean(out**2)

    began = time.monotonic()
    key = jax.random.key(0)
    kernel = jax.random.normal(key, (3, 3, 8, 8))
    gradient = jax.jit(jax.grad(loss))(kernel, jax.random.normal(key, (4, 16, 16, 8)))
    finite = bool(jnp.all(jnp.isfinite(gradient)))
    seconds = time.monotonic() - began
    line = f"one compiled step: {'finite' if finite else 'NOT FINITE'}, {seconds:.1f} s"
    return line, finite

"""What an image file tells without being looked at: its length, times, chunks, tables, metadata."""

import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from dermgan_jax.files import Path

PNG = b"\x89PNG\r\n\x1a\n"
NOT_A_PNG = "not a PNG"


def measure(paths: Sequence[Path]) -> tuple[list[str], np.ndarray]:
    """Traces of files, by which a detector could tell them apart.

    Args:
      paths: of N image files.

    Returns:
      K names and float64 (N, K). A trace that a file lacks is 0.
    """
    found = [dict(_traces(path)) for path in paths]
    names = sorted({name for each in found for name in each})
    return names, np.array([[each.get(name, 0.0) for name in names] for each in found], float)


def _traces(path: Path) -> Iterator[tuple[str, float]]:
    data = path.read_bytes()
    facts = path.stat()
    yield "length", len(data)
    yield "time", facts.st_mtime_ns / 1e9
    yield "suffix", zlib.crc32(path.suffix.encode())
    if data.startswith(PNG):
        yield from _chunks(data)
    else:
        yield NOT_A_PNG, 1
    with Image.open(path) as image:
        yield "width", image.width
        yield "height", image.height
        yield "mode", zlib.crc32(image.mode.encode())
        for key, value in sorted(image.info.items(), key=lambda pair: str(pair[0])):
            yield f"metadata {key}", len(str(value))
        for number, table in getattr(image, "quantization", {}).items():
            yield f"quantisation table {number}", sum(table)


def _chunks(data: bytes) -> Iterator[tuple[str, float]]:
    """Number, lengths and order of a PNG's chunks, and the depth that its header names."""
    at, order, lengths = len(PNG), [], {}
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8].decode("latin-1")
        order.append(kind)
        lengths[kind] = lengths.get(kind, 0) + length
        if kind == "IHDR":
            yield from zip(("depth", "colour type"), data[at + 16 : at + 18], strict=True)
            yield "interlaced", data[at + 20]
        at += 12 + length
        if kind == "IEND":
            break
    yield "chunks", len(order)
    yield "order of chunks", zlib.crc32(",".join(order).encode())
    yield "bytes after the end", len(data) - at
    for kind, length in lengths.items():
        yield f"length of {kind}", length

"""Tensors from the bytes of a .safetensors file."""

import json
import math
import struct
from typing import Any

import ml_dtypes
import numpy as np

from dermgan_jax.formats.safe_pickle import MOST_DIMENSIONS, as_numpy

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
LARGEST_HEADER = 1 << 24  # bytes of JSON, which becomes many times as large in memory


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """Every tensor by name; bfloat16 as float32, which holds the same values.

    Raises:
      ValueError: or another one of `safe_pickle.MALFORMED`, if the file is damaged, names a tensor
        twice, or gives the same bytes to two.
    """
    (length,) = struct.unpack("<Q", data[:8])
    start = 8 + length
    if length > LARGEST_HEADER or start > len(data):
        raise ValueError(f"its header is said to have {length} bytes")
    header = json.loads(data[8:start], object_pairs_hook=_once)
    header.pop("__metadata__", None)
    _require_apart(header)
    return {name: as_numpy(_tensor(name, entry, data, start)) for name, entry in header.items()}


def _tensor(name: str, entry: dict[str, Any], data: bytes, start: int) -> np.ndarray:
    dtype, shape = np.dtype(DTYPES[entry["dtype"]]), entry["shape"]
    begin, end = (start + offset for offset in entry["data_offsets"])
    if not start <= begin <= end <= len(data):
        raise ValueError(f"tensor {name:.99} reaches beyond the file")
    if len(shape) > MOST_DIMENSIONS or not all(0 <= side <= len(data) for side in shape):
        raise ValueError(f"tensor {name:.99} has an impossible shape")
    if math.prod(shape) * dtype.itemsize != end - begin:
        raise ValueError(f"tensor {name:.99} is not of the size that its shape tells")
    if begin == end:
        return np.zeros(shape, dtype)
    return np.frombuffer(data, dtype, math.prod(shape), begin).reshape(shape)


def _require_apart(header: dict[str, Any]) -> None:
    last, owner = 0, ""
    places = [(*entry["data_offsets"], name) for name, entry in header.items()]
    for begin, end, name in sorted(places):
        if begin < last:
            raise ValueError(f"tensors {owner:.99} and {name:.99} overlap")
        if end > last:
            last, owner = end, name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in its header")
    return found

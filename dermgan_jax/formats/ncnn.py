"""Convolutions from the files of ncnn, Tencent's program for inference: a .param and a .bin.

`.param` is text: a magic number, counts, then a layer a line. `.bin` holds the weights of the
layers in that order and nothing that says whose they are. Nothing is ever executed.
"""

import struct
from typing import NamedTuple

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import opened

MAGIC = "7767517"
HALF, SINGLE = 0x01306B47, 0  # what a weight begins with: 16-bit numbers follow, or 32-bit ones
# Layers of an enlarging network that have no weights.
WITHOUT_WEIGHTS = frozenset(
    {"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle", "ReLU", "Reorg"}
)


class Convolution(NamedTuple):
    """One convolution of a network.

    Attributes:
      name: of the layer.
      weight: float32 (outputs, inputs, rows, columns).
      bias: float32 (outputs,).
    """

    name: str
    weight: np.ndarray
    bias: np.ndarray


def files_of(source: Path) -> tuple[Path, Path]:
    """The .param and the .bin file of a network, one of which is named.

    Raises:
      UserError: if the other is not beside it.
    """
    pair = source.with_suffix(".param"), source.with_suffix(".bin")
    for path in pair:
        if not path.is_file():
            raise UserError(
                f"{path} is missing: ncnn keeps a network in a .param and a .bin file of one name"
            )
    return pair


def read_convolutions(source: Path) -> list[Convolution]:
    """Every convolution of a network in its order; the network has no other weights.

    Args:
      source: its .param or its .bin file; the other lies beside it.

    Raises:
      UserError: if a file is missing or damaged, or there are other layers with weights.
    """
    param, binary = files_of(source)
    layers = _layers(param)
    with opened(binary, "ncnn .bin file") as file:
        data = file.read()
        found, place = [], 0
        for name, options in layers:
            convolution, place = _convolution(name, options, data, place)
            found.append(convolution)
        if place != len(data):
            raise ValueError(f"{len(data) - place} bytes are left over after {len(found)} layers")
    return found


def _layers(param: Path) -> list[tuple[str, dict[str, int]]]:
    """(name, options) of each convolution."""
    with opened(param, "ncnn .param file") as file:
        lines = [line.split() for line in file.read().decode().splitlines() if line.strip()]
        if not lines or lines[0] != [MAGIC]:
            raise ValueError(f"it does not begin with {MAGIC}")
        if len(lines) - 2 != int(lines[1][0]):
            raise ValueError(f"{len(lines) - 2} layers in place of {lines[1][0]}")
        found = []
        for kind, name, inputs, outputs, *rest in lines[2:]:
            if kind == "Convolution":
                options = dict(item.split("=", 1) for item in rest[int(inputs) + int(outputs) :])
                found.append((name, {key: int(options.get(key, 0)) for key in "0156"}))
            elif kind not in WITHOUT_WEIGHTS:
                raise UserError(
                    f"{param} has a layer of kind {kind}, which none of the networks has that are "
                    "read from ncnn's files"
                )
        return found


def _convolution(
    name: str, options: dict[str, int], data: bytes, place: int
) -> tuple[Convolution, int]:
    """A convolution whose numbers begin at `place`, and where they end."""
    outputs, side, num = options["0"], options["1"], options["6"]
    inputs, rest = divmod(num, max(outputs * side * side, 1))
    if options["5"] != 1 or rest or min(outputs, side, inputs) <= 0:
        raise ValueError(f"layer {name} is not a convolution with a bias of known size")
    (tag,) = struct.unpack_from("<I", data, place)
    if tag not in (HALF, SINGLE):
        raise ValueError(f"the weights of layer {name} are neither 16-bit nor 32-bit numbers")
    dtype = np.dtype("<f2" if tag == HALF else "<f4")
    weight = np.frombuffer(data, dtype, num, place + 4).astype(np.float32)
    place += 4 + -(-num * dtype.itemsize // 4) * 4
    bias = np.frombuffer(data, "<f4", outputs, place).astype(np.float32)
    shape = (outputs, inputs, side, side)
    return Convolution(name, weight.reshape(shape), bias), place + 4 * outputs

"""ncnn's pairs of files, written here as its own program writes them."""

import struct

import numpy as np
import pytest

from dermgan_jax.errors import UserError
from dermgan_jax.formats import ncnn


def write(folder, convolutions, half=True, others=()):
    """A network of convolutions (weight, bias); returns its .param file."""
    lines, data = ["Input input 0 1 data"], b""
    for i, (weight, bias) in enumerate(convolutions):
        outputs, _, side, _ = weight.shape
        options = f"0={outputs} 1={side} 4=1 5=1 6={weight.size} 9=2 -23310=1,2.0e-01"
        lines.append(f"Convolution Conv_{i} 1 1 blob{i} blob{i + 1} {options}")
        data += struct.pack("<I", ncnn.HALF if half else ncnn.SINGLE)
        numbers = weight.astype("<f2" if half else "<f4").tobytes()
        data += numbers + b"\0" * (-len(numbers) % 4) + bias.astype("<f4").tobytes()
    lines += others
    param = folder / "net.param"
    param.write_text("\n".join([ncnn.MAGIC, f"{len(lines)} 9", *lines]) + "\n")
    (folder / "net.bin").write_bytes(data)
    return param


@pytest.fixture
def convolutions():
    rng = np.random.default_rng(0)
    shapes = [(4, 3, 3, 3), (1, 4, 3, 3), (3, 1, 1, 1)]  # the last: six bytes, and two of padding
    return [
        (
            rng.normal(size=shape).astype(np.float16).astype(np.float32),
            rng.normal(size=shape[0]).astype(np.float32),
        )
        for shape in shapes
    ]


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("suffix", [".param", ".bin"])
def test_convolutions_come_back(tmp_path, convolutions, half, suffix):
    param = write(tmp_path, convolutions, half)
    found = ncnn.read_convolutions(param.with_suffix(suffix))
    assert [one.name for one in found] == ["Conv_0", "Conv_1", "Conv_2"]
    for one, (weight, bias) in zip(found, convolutions, strict=True):
        np.testing.assert_array_equal(one.weight, weight)
        np.testing.assert_array_equal(one.bias, bias)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "net.bin").unlink(), "net.bin is missing"),
        (lambda folder: (folder / "net.param").unlink(), "net.param is missing"),
        (
            lambda folder: (folder / "net.bin").write_bytes((folder / "net.bin").read_bytes()[:-3]),
            "not a complete ncnn .bin file",
        ),
        (
            lambda folder: (folder / "net.bin").write_bytes((folder / "net.bin").read_bytes() * 2),
            "bytes are left over",
        ),
        (
            lambda folder: (folder / "net.bin").write_bytes(b"\x38\x4b\x0d\0" * 200),
            "neither 16-bit nor 32-bit",
        ),
        (lambda folder: (folder / "net.param").write_text("hello\n"), "does not begin with"),
        (lambda folder: (folder / "net.param").write_bytes(b"\xff\xfe\0"), "not a complete"),
    ],
)
def test_damage_is_one_message(tmp_path, convolutions, spoil, message):
    param = write(tmp_path, convolutions)
    spoil(tmp_path)
    with pytest.raises(UserError, match=message):
        ncnn.read_convolutions(param)


def test_other_layers_with_weights_are_refused(tmp_path, convolutions):
    param = write(tmp_path, convolutions, others=["PReLU PReLU_9 1 1 a b 0=4"])
    with pytest.raises(UserError, match="layer of kind PReLU"):
        ncnn.read_convolutions(param)

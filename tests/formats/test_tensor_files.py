"""Weights are read as they were written, and nothing in a file is ever executed."""

import io
import json
import os
import pickle
import struct
import subprocess
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import torch_pickles

from dermgan_jax.errors import UserError
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.reading_limits import LARGEST

GOLDEN = Path(__file__).parents[1] / "golden" / "torch_files"

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
FLAT = np.arange(20, dtype=np.float32)
CONTENT = {
    "epoch": 7,
    "net": {
        "weight": torch_pickles.tensor(WEIGHT),
        "count": torch_pickles.tensor(np.array(5)),
        "mask": torch_pickles.tensor(np.array([True, False])),
        "half": torch_pickles.tensor(np.array([0.5, -2.0], np.float16)),
        "brain": torch_pickles.tensor(np.array([1.5, 256.0], ml_dtypes.bfloat16)),
        "empty": torch_pickles.tensor(np.zeros((0, 3), np.float32)),
    },
    "views": [
        torch_pickles.Tensor(FLAT, 2, (3, 4), (1, 3)),
        torch_pickles.Tensor(FLAT, 19, (1,), (1,)),
    ],
}
EXPECTED = {
    "net.weight": WEIGHT,
    "net.count": np.array(5),
    "net.mask": np.array([True, False]),
    "net.half": np.array([0.5, -2.0], np.float16),
    "net.brain": np.array([1.5, 256.0], np.float32),
    "net.empty": np.zeros((0, 3), np.float32),
    "views.0": FLAT[2:14].reshape(4, 3).T,
    "views.1": FLAT[19:],
}


def save_safetensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> None:
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, array) in tensors.items():
        start, data = len(data), data + array.tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(array.shape),
            "data_offsets": [start, len(data)],
        }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def save_every_kind(folder: Path) -> list[Path]:
    """One small file per format."""
    paths = [folder / name for name in ("a.pth", "b.pth", "c.safetensors", "d.npz", "e.ckpt")]
    torch_pickles.save_zip(paths[0], CONTENT)
    torch_pickles.save_old(paths[1], CONTENT)
    save_safetensors(paths[2], {"weight": ("F32", WEIGHT)})
    np.savez(paths[3], weight=WEIGHT)
    paths[4].write_bytes(pickle.dumps({"weight": WEIGHT}, protocol=4))
    return paths


def assert_tensors(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("save", [torch_pickles.save_zip, torch_pickles.save_old])
def test_torch_formats(tmp_path, save):
    save(tmp_path / "model.pth", CONTENT)
    assert_tensors(read_tensors(tmp_path / "model.pth"), EXPECTED)


def test_a_file_that_pytorch_wrote():
    with np.load(GOLDEN / "pixel_batch.npz") as expected:
        assert_tensors(read_tensors(GOLDEN / "pixel_batch.pth"), dict(expected))


def test_tensors_that_pickle_wrote_rather_than_pytorch(tmp_path):
    path = tmp_path / "model.pkl"
    storage = torch_pickles.Embedded(torch_pickles.old_format(FLAT))
    tensors = {"view": torch_pickles.Tensor(storage, 2, (3, 4), (1, 3))}
    torch_pickles.save_embedded(path, tensors)
    assert_tensors(read_tensors(path), {"view": EXPECTED["views.0"]})

    target = tmp_path / "written_by_the_attack"
    attack = pickle.dumps(Call(os.system, f"touch {target}"), protocol=2)
    tensors = {"view": torch_pickles.Tensor(torch_pickles.Embedded(attack), 0, (1,), (1,))}
    torch_pickles.save_embedded(path, tensors)
    with pytest.raises(UserError, match=r"\.system"):
        read_tensors(path)
    assert not target.exists()


def test_torchscript_is_read_as_its_attributes(tmp_path):
    class Block:
        def __init__(self, **attributes):
            vars(self).update(attributes)

    module = torch_pickles.fake_module("__torch__", Block=Block)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(torch_pickles.MODULES, "__torch__", module)
        net = Block(training=False, conv=Block(weight=torch_pickles.tensor(WEIGHT), stride=2))
        torch_pickles.save_zip(tmp_path / "script.pt", net, **{"constants.pkl": b""})
        torch_pickles.save_zip(tmp_path / "no_script.pt", net)
    assert_tensors(read_tensors(tmp_path / "script.pt"), {"conv.weight": WEIGHT})
    with pytest.raises(UserError, match=r"__torch__\.Block"):
        read_tensors(tmp_path / "no_script.pt")


def test_safetensors(tmp_path):
    brain = np.array([[1.5], [-2.0]], ml_dtypes.bfloat16)
    path = tmp_path / "model.safetensors"
    save_safetensors(path, {"w": ("F32", WEIGHT), "b": ("BF16", brain), "n": ("I64", np.array(3))})
    expected = {"w": WEIGHT, "b": brain.astype(np.float32), "n": np.array(3)}
    assert_tensors(read_tensors(path), expected)


def test_npz(tmp_path):
    np.savez_compressed(tmp_path / "model.npz", weight=WEIGHT, count=np.array(5))
    found = read_tensors(tmp_path / "model.npz")
    assert_tensors(found, {"weight": WEIGHT, "count": np.array(5)})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_numpy_arrays(tmp_path, protocol):
    arrays = {
        "c": WEIGHT,
        "fortran": np.asfortranarray(WEIGHT[0]),
        "big_endian": np.array([1, 256], ">i4"),
        "bytes": np.array([0, 255], np.uint8),
        "flags": np.array([True, False]),
        "scalar": np.float64(0.25),
    }
    path = tmp_path / "model.ckpt"
    path.write_bytes(pickle.dumps({"params": arrays, "steps": 9}, protocol=protocol))
    expected = {f"params.{name}": np.asarray(array) for name, array in arrays.items()}
    expected["params.big_endian"] = np.array([1, 256], np.int32)
    assert_tensors(read_tensors(path), expected)


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


ATTACKS = {
    "os.system": (r"(posix|nt)\.system", lambda target: Call(os.system, f"touch {target}")),
    "open": (r"(io|_io)\.open", lambda target: Call(open, str(target), "w")),
    "eval": (r"builtins\.eval|__builtin__\.eval", lambda t: Call(eval, f"open({str(t)!r}, 'w')")),
    "subprocess": (
        r"(subprocess|commands)\.call",
        lambda target: Call(subprocess.call, ["touch", target]),
    ),
    "np.load": (r"numpy.*load", lambda target: Call(np.load, str(target), None, True)),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("form", ["raw", "zip", "old"])
def test_code_in_a_pickle_is_refused_and_not_run(tmp_path, attack, form):
    name, make = ATTACKS[attack]
    path, target = tmp_path / "model.pth", tmp_path / "written_by_the_attack"
    content = {"weight": torch_pickles.tensor(WEIGHT), "attack": make(target)}
    if form == "raw":
        path.write_bytes(pickle.dumps(make(target), protocol=2))
    elif form == "zip":
        torch_pickles.save_zip(path, content)
    else:
        torch_pickles.save_old(path, content)
    with pytest.raises(UserError, match=name):
        read_tensors(path)
    assert not target.exists()


def test_an_attack_in_any_pickle_of_the_old_format_is_refused(tmp_path):
    path, target = tmp_path / "model.pth", tmp_path / "written_by_the_attack"
    attack = pickle.dumps(Call(os.system, f"touch {target}"), protocol=2)
    harmless = [pickle.dumps(part, protocol=2) for part in (torch_pickles.MAGIC, 1001)]
    for parts in ([harmless[0], attack], [*harmless, attack]):
        path.write_bytes(b"".join(parts))
        with pytest.raises(UserError, match=r"\.system"):
            read_tensors(path)
        assert not target.exists()


def test_arrays_of_objects_are_refused(tmp_path):
    objects = np.array([{}, []], dtype=object)
    (tmp_path / "model.ckpt").write_bytes(pickle.dumps(objects, protocol=4))
    np.savez(tmp_path / "model.npz", objects=objects)
    for name in ("model.ckpt", "model.npz"):
        with pytest.raises(UserError, match=name):
            read_tensors(tmp_path / name)


@pytest.mark.parametrize(
    "layout", [(0, (21,), (1,)), (18, (3,), (1,)), (0, (3, 3), (9, 9)), (-1, (1,), (1,))]
)
def test_a_tensor_outside_its_storage_is_refused(tmp_path, layout):
    torch_pickles.save_zip(tmp_path / "model.pth", torch_pickles.Tensor(FLAT, *layout))
    with pytest.raises(UserError, match=r"model\.pth.*storage|negative"):
        read_tensors(tmp_path / "model.pth")


def test_expanded_tensors_cannot_ask_for_any_amount_of_memory(tmp_path):
    huge = torch_pickles.Tensor(FLAT, 0, (1 << 40,), (0,))
    torch_pickles.save_zip(tmp_path / "model.pth", huge)
    with pytest.raises(UserError, match="beyond its storage"):
        read_tensors(tmp_path / "model.pth")


def test_truncated_files_are_named_in_one_message(tmp_path):
    for path in save_every_kind(tmp_path):
        whole = path.read_bytes()
        assert read_tensors(path)
        for length in range(0, len(whole), max(1, len(whole) // 60)):
            path.write_bytes(whole[:length])
            with pytest.raises(UserError, match=path.name):
                read_tensors(path)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" + bytes(40), b"", b"hello", b"\x80"])
def test_foreign_files(tmp_path, content):
    (tmp_path / "image.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"image\.pth"):
        read_tensors(tmp_path / "image.pth")


def test_missing_files_folders_and_files_without_tensors(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        read_tensors(tmp_path / "nowhere.pth")
    with pytest.raises(UserError, match="directory"):
        read_tensors(tmp_path)
    torch_pickles.save_zip(tmp_path / "empty.pth", {"epoch": 3})
    with pytest.raises(UserError, match="holds no tensors"):
        read_tensors(tmp_path / "empty.pth")
    with zipfile.ZipFile(tmp_path / "documents.zip", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(UserError, match=r"documents\.zip"):
        read_tensors(tmp_path / "documents.zip")


def test_big_endian_files_are_refused(tmp_path):
    torch_pickles.save_zip(tmp_path / "model.pth", CONTENT, byteorder=b"big")
    with pytest.raises(UserError, match="big-endian"):
        read_tensors(tmp_path / "model.pth")


def test_a_pickle_cannot_change_how_the_next_is_read(tmp_path):
    path = tmp_path / "model.ckpt"
    # BUILD with a pair of states sets attributes of whatever the pickle has named.
    parts = [
        pickle.PROTO + b"\x02",
        pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n",
        pickle.NONE + pickle.EMPTY_DICT,
        pickle.BINUNICODE + struct.pack("<I", 8) + b"__self__",
        pickle.NONE + pickle.SETITEM + pickle.TUPLE2 + pickle.BUILD + pickle.STOP,
    ]
    path.write_bytes(b"".join(parts))
    with pytest.raises(UserError, match="asks to change"):
        read_tensors(path)
    path.write_bytes(pickle.dumps({"weight": WEIGHT}, protocol=2))
    assert_tensors(read_tensors(path), {"weight": WEIGHT})


def test_files_are_told_apart_by_content_not_by_name(tmp_path):
    stream = io.BytesIO()
    np.savez(stream, weight=WEIGHT)
    (tmp_path / "model.safetensors").write_bytes(stream.getvalue())
    assert_tensors(read_tensors(tmp_path / "model.safetensors"), {"weight": WEIGHT})


def test_what_a_file_may_unpack_to_is_named_and_can_be_raised(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    np.savez_compressed(path, weight=np.zeros(300_000, np.float32))
    monkeypatch.setenv(LARGEST, "0.001")
    with pytest.raises(UserError, match=rf"model\.npz unpacks to more than .* set \${LARGEST} to"):
        read_tensors(path)
    monkeypatch.setenv(LARGEST, "0.002")
    assert read_tensors(path)["weight"].shape == (300_000,)
    for nonsense in ("0", "-1", "nan", "inf", "much"):
        monkeypatch.setenv(LARGEST, nonsense)
        with pytest.raises(UserError, match=rf"\${LARGEST} is '{nonsense}'"):
            read_tensors(path)


def test_a_large_file_may_always_unpack_to_its_own_size(tmp_path, monkeypatch):
    monkeypatch.setenv(LARGEST, "0.0001")
    for path in (tmp_path / "model.pth", tmp_path / "old.pth"):
        save = torch_pickles.save_old if path.stem == "old" else torch_pickles.save_zip
        save(path, {"weight": torch_pickles.tensor(np.ones(300_000, np.float32))})
        assert read_tensors(path)["weight"].shape == (300_000,)


def test_tensors_that_share_bytes_are_refused(tmp_path):
    header = {
        name: {"dtype": "F32", "shape": [2], "data_offsets": [start, start + 8]}
        for name, start in (("a", 0), ("b", 4))
    }
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(12))
    with pytest.raises(UserError, match="tensors a and b overlap"):
        read_tensors(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x02Nr\x00\x00\x00\x10.", "numbers its value 268435456 of at most 2"),
        (b"\x80\x02}" + b")" + b"\x86".join([b"2"] * 9) + b"\x86Ns.", "very many values"),
        (b"\x80\x02" + b"]" * 150 + b"a" * 149 + b".", "containers 100 deep"),
    ],
)
def test_pickles_that_cost_much_are_refused(tmp_path, content, message):
    (tmp_path / "model.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_tensors(tmp_path / "model.ckpt")


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "model.pth")
    with pytest.raises(UserError, match=r"model\.pth is no file but a pipe"):
        read_tensors(tmp_path / "model.pth")

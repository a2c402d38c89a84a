"""Files that a stranger may hand over: damaged ones, and those made to fill memory or never end.

Each case is a name, a kind, and bytes by file name; the first is the one that is opened.
"""

import io
import json
import pickle
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests import nvidia_pickles
from tests.faults import hostile_pickles
from tests.formats import torch_pickles

WEIGHT = np.arange(600, dtype=np.float32).reshape(20, 30)
CONTENT = {"epoch": 7, "net": {"weight": torch_pickles.tensor(WEIGHT)}}
HEAVY = re.compile("million|thousand|paths|deep|high stack|long names|columns|tensors of")
NPY = b"\x93NUMPY\x01\x00"


class HostileFile(NamedTuple):
    """One case.

    Attributes:
      kind: of file, as a suffix or word.
      name: what is wrong with it.
      files: content by file name; the first is opened.
    """

    kind: str
    name: str
    files: dict[str, bytes]

    @property
    def is_heavy(self) -> bool:
        """Whether refusing it takes long, compared with others."""
        return max(map(len, self.files.values())) > 100_000 or bool(HEAVY.search(self.name))

    def write(self, folder: Path) -> Path:
        """Writes the files; returns the one to open."""
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / next(iter(self.files))


def cases(seed: int, damaged: int) -> Iterator[HostileFile]:
    """Every handmade case, and so many damaged ones of each kind.

    Args:
      seed: of what is damaged, and how.
      damaged: files of each kind.
    """
    yield from _handmade()
    rng = np.random.default_rng(seed)
    for kind, (name, content) in sound().items():
        for number in range(damaged):
            change = DAMAGES[number % len(DAMAGES)]
            yield HostileFile(kind, f"{change.__name__} {number}", {name: change(rng, content)})


def sound() -> dict[str, tuple[str, bytes]]:
    """A sound file of each kind: kind -> name and content."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 8, 8, 3), np.uint8)
    table = "path,label\n" + "".join(f"image_{i}.png,nevus\n" for i in range(40))
    return {
        "pth": ("net.pth", _saved(lambda path: torch_pickles.save_zip(path, CONTENT))),
        "old pth": ("net.pth", torch_pickles.old_format(CONTENT)),
        "pkl of networks": (
            "net.pkl",
            _saved(lambda path: nvidia_pickles.save(path, {"G_ema": _network()})),
        ),
        "pkl of arrays": ("net.ckpt", pickle.dumps({"weight": WEIGHT}, protocol=4)),
        "safetensors": ("net.safetensors", safetensors({"w": WEIGHT})),
        "npz of tensors": ("net.npz", npz(weight=WEIGHT)),
        "npz of images": ("images.npz", npz(images=images, labels=np.arange(6) % 2)),
        "npz, compressed": ("images.npz", npz(np.savez_compressed, images=images)),
        "npz of latents": ("latents.npz", npz(z=rng.normal(size=(6, 3)))),
        "csv": ("table.csv", table.encode()),
    }


def _network() -> nvidia_pickles.Module:
    return nvidia_pickles.network({"b4.conv.weight": WEIGHT, "b4.conv.bias": WEIGHT[0]})


# Damages: of sound bytes.


def _cut(rng, content: bytes) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _flipped(rng, content: bytes) -> bytes:
    changed = np.frombuffer(content, np.uint8).copy()
    places = rng.integers(len(changed), size=int(rng.integers(1, 9)))
    changed[places] ^= rng.integers(1, 256, len(places), np.uint8)
    return changed.tobytes()


def _flipped_at_an_end(rng, content: bytes) -> bytes:
    end = min(300, len(content))
    if rng.integers(2):
        return _flipped(rng, content[:end]) + content[end:]
    return content[:-end] + _flipped(rng, content[-end:])


def _zeros(rng, content: bytes) -> bytes:
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 400))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def _twice(rng, content: bytes) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + content


def _inserted(rng, content: bytes) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + rng.bytes(int(rng.integers(1, 40))) + content[start:]


DAMAGES: tuple[Callable, ...] = (_cut, _flipped, _flipped_at_an_end, _zeros, _twice, _inserted)


# Handmade.


def _handmade() -> Iterator[HostileFile]:
    for name, content in hostile_pickles.all_pickles():
        yield HostileFile("pickle", name, {"net.pkl": content})
    for name, content in _zips():
        yield HostileFile("pth", name, {"net.pth": content})
    for name, content in _safetensors():
        yield HostileFile("safetensors", name, {"net.safetensors": content})
    for name, content in _npzs("images.npy"):
        yield HostileFile("npz of images", name, {"images.npz": content})
    for name, content in _npzs("z.npy"):
        yield HostileFile("npz of latents", name, {"latents.npz": content})
    for name, files in _ncnn():
        yield HostileFile("ncnn", name, files)
    for name, content in _tables():
        yield HostileFile("csv", name, {"table.csv": content})


def _zips() -> Iterator[tuple[str, bytes]]:
    for name in ("lists of 2**30 paths", "memo of 2**28", "calls os.system"):
        content = dict(hostile_pickles.all_pickles())[name]
        yield f"a pickle of {name}", archive({"m/data.pkl": content})
    bomb = deflated(bytes(1 << 20), 1300)
    yield "a pickle of 1.3 GB", archive({"m/data.pkl": bomb}, raw=1300 << 20)
    yield "a pickle that says it has 100 bytes", archive({"m/data.pkl": bomb}, raw=100)
    sound_pickle = torch_pickles._pickled({"a": torch_pickles.tensor(WEIGHT)})[0]
    for said in (100, WEIGHT.nbytes, 1300 << 20):
        members = {"m/data.pkl": deflated(sound_pickle, 1), "m/data/0": bomb}
        sizes = {"m/data.pkl": len(sound_pickle), "m/data/0": said}
        yield f"a storage of 1.3 GB that says {said}", archive(members, raw=sizes)
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"compressed by {method}", archive({"m/data.pkl": sound_pickle}, method=method)
    yield (
        "encrypted",
        encrypted(archive({"m/data.pkl": sound_pickle, "m/data/0": WEIGHT.tobytes()})),
    )
    yield "no storage", archive({"m/data.pkl": sound_pickle})
    for end in (b"little", b"big", b"", b"x" * 100):
        yield f"byteorder {end[:9]!r}", archive({"m/data.pkl": sound_pickle, "m/byteorder": end})
    flat = np.zeros(4_000_000, np.float32)
    shared = {str(i): torch_pickles.Tensor(flat, 0, flat.shape, (1,)) for i in range(400)}
    yield "400 tensors of one storage", _saved(lambda path: torch_pickles.save_zip(path, shared))
    for layout in (
        (0, (1 << 40,), (0,)),
        (0, (3, 3), (1 << 62, 1)),
        (-5, (3,), (1,)),
        (0, (), (1,)),
    ):
        view = torch_pickles.Tensor(WEIGHT.reshape(-1), *layout)
        yield (
            f"a view {layout}",
            _saved(lambda path, v=view: torch_pickles.save_zip(path, {"a": v})),
        )


def _safetensors() -> Iterator[tuple[str, bytes]]:
    def entry(begin: int, end: int, shape: object = (), dtype: object = "F32") -> dict:
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    for length in (0, 1, 1 << 20, 1 << 30, 1 << 63, (1 << 64) - 1):
        yield f"a header of {length}", struct.pack("<Q", length) + b"{" + bytes(40)
    whole = {str(i): entry(0, 4 << 20, [1 << 20]) for i in range(500)}
    yield "500 overlapping tensors", raw_safetensors(whole, bytes(4 << 20))
    yield (
        "two overlapping tensors",
        raw_safetensors({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12)),
    )
    odd = {
        "backwards": entry(8, 4, [1]), "negative": entry(-4, 0, [1]),
        "beyond": entry(0, 400, [100]),
        "shape of -1": entry(0, 8, [-1]), "two of -1": entry(0, 8, [-1, -2]),
        "large shape": entry(0, 8, [1 << 62, 1 << 62]), "false shape": entry(0, 8, [3]),
        "fractions": entry(0, 8, [2.0]), "a text as shape": entry(0, 8, "2"),
        "huge numbers": entry(0, 8, [10**4000] * 300), "dimensions": entry(0, 0, [0] * 1000),
        "unknown kind": entry(0, 8, [2], "F1"), "kind 3": entry(0, 8, [2], 3),
        "a list": [], "a text": "x", "nothing": None, "without fields": {},
        "text as place": {"dtype": "F32", "shape": [1], "data_offsets": "04"},
    }  # fmt: skip
    for name, told in odd.items():
        yield name, raw_safetensors({"a": told}, bytes(12))
    deep = b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    yield "nested", struct.pack("<Q", len(deep)) + deep
    twice = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":' + b"{}}"
    yield "a name twice", struct.pack("<Q", len(twice)) + twice + b"\0"
    many = b'{"a":[' + b"{}," * 6_000_000 + b"{}]}"
    yield "a header of 18 MB", struct.pack("<Q", len(many)) + many
    for text in (b"{", b"{}", b'{"a"}', b'{"a": NaN}', b'{"\xff": 1}', b'{"__metadata__": {}}'):
        yield f"header {text!r}", struct.pack("<Q", len(text)) + text


def _npzs(key: str) -> Iterator[tuple[str, bytes]]:
    shapes = (
        *("(1000000000000, 8, 8, 3)", "(1000000, 1000000, 1000000, 3)", "(-1, 8, 8, 3)"),
        *("(6, 8, 8, 3.0)", "(6, 8, 8)", "()", "(10000000000000, 0, 0, 3)", "(True, 8, 8, 3)"),
        *("(9" + "9" * 3000 + ", 8, 8, 3)", "[6, 8, 8, 3]", "None", "(6, 8, 8, 3"),
    )
    for shape in shapes:
        yield f"shape {shape:.30}", archive({key: npy("|u1", shape, bytes(1152))})
    for descr in (
        "|O",
        "<U9",
        "|V0",
        "<U0",
        "|S8",
        "<c16",
        "<M8[D]",
        "f9",
        "|u1, |u1",
        "<f2",
        ">f8",
    ):
        size = np.dtype(descr).itemsize * 1152 if descr[1:2] in "USVcMf" and descr != "f9" else 1152
        yield f"kind {descr}", archive({key: npy(descr, "(6, 8, 8, 3)", bytes(size))})
    header = "__import__('os').system('touch executed')"
    yield "code as header", archive({key: _npy(header.encode(), b"")})
    yield "deep header", archive({key: _npy(b"(" * 9000, b"")})
    yield "long header", archive({key: _npy(b" " * 60_000, b"")})
    for version in (b"\x02\x00", b"\x03\x00", b"\x09\x00", b"\x00\x00"):
        yield f"version {version!r}", archive({key: b"\x93NUMPY" + version + bytes(100)})
    for content in (b"", b"\x93", b"\x93NUMPY", NPY, NPY + b"\xff\xff", b"hello", bytes(200)):
        yield f"array {content!r:.20}", archive({key: content})
    blank = npy("|u1", f"(1300, {1 << 10}, {1 << 10}, 1)", b"")
    content = deflated(bytes(1 << 20), 1300, before=blank)
    sizes = {key: len(blank) + (1300 << 20)}
    yield "1.3 GB of black", archive({key: content}, raw=sizes)
    yield "1.3 GB of black that say 100", archive({key: content}, raw={key: 100})
    member = npy("|u1", "(6, 8, 8, 3)", bytes(1152))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"compressed by {method}", archive({key: member}, method=method)
    yield "compressed by 99", archive({key: member}).replace(b"\0\0\x21\0", b"\x63\0\x21\0")
    yield "encrypted", encrypted(archive({key: member}))
    yield "a single array", npy("|u1", "(6, 8, 8, 3)", bytes(1152))
    yield "no arrays", archive({"readme.txt": b"hello"})
    yield "nothing", archive({})
    yield "other keys", archive({"x.npy": member, "\x1b[2J.npy": member})
    for told in ("nan", "[1, 2, 3]", "'x'", "(0, 255)"):
        bounds = npz(range=np.array(eval(told, {"nan": np.nan})))
        both = zipfile.ZipFile(io.BytesIO(bounds)).read("range.npy")
        yield f"range {told}", archive({key: member, "range.npy": both})


def _ncnn() -> Iterator[tuple[str, dict[str, bytes]]]:
    layer = "Convolution c 1 1 a b 0=3 1=1 4=1 5=1 6=9"
    numbers = struct.pack("<I", 0) + bytes(4 * 9 + 4 * 3)
    params = {
        "negative outputs": layer.replace("0=3", "0=-3"),
        "negative side": layer.replace("1=1", "1=-1"),
        "no outputs": layer.replace("0=3", "0=0"), "huge": layer.replace("6=9", f"6={9 * 10**15}"),
        "huge side": layer.replace("1=1", f"1={10**30}"), "no number": layer.replace("6=9", "6=x"),
        "negative weights": layer.replace("6=9", "6=-9"), "no option": layer.replace("0=3", "0"),
        "no blobs": "Convolution c 9 9 a", "short": "Convolution", "other kind": "Python c 1 1 a b",
        "counts": "Convolution c x y", "digits": layer.replace("6=9", "6=" + "9" * 5000),
    }  # fmt: skip
    for name, text in params.items():
        yield name, {"net.param": f"7767517\n1 1\n{text}\n".encode(), "net.bin": numbers}
    for head in (b"", b"7767517", b"7767517\n", b"7767517\nx y\n", b"7767517\n-1 1\n", b"\xff\xfe"):
        yield f"param {head!r}", {"net.param": head, "net.bin": numbers}
    sound_param = f"7767517\n1 1\n{layer}\n".encode()
    for content in (b"", b"\0", numbers[:-1], numbers + b"\0", b"\xff" * 52, bytes(3)):
        yield f"bin of {len(content)}", {"net.param": sound_param, "net.bin": content}
    yield "without the other", {"net.param": sound_param}
    yield "as it should be", {"net.param": sound_param, "net.bin": numbers}


def _tables() -> Iterator[tuple[str, bytes]]:
    rows = b"path,label\na.png,nevus\n"
    yield "zeros", rows + bytes(100)
    yield "a zero byte", b"path,la\0bel\na.png,nevus\n"
    yield "latin-1", rows + "Müller,ä\n".encode("latin-1")
    yield "UTF-16", rows.decode().encode("utf-16")
    yield "UTF-32", rows.decode().encode("utf-32")
    yield "surrogates", rows + b"\xed\xa0\x80,x\n"
    yield "an open quotation mark", rows + b'"a,b\n' * 3
    yield "a cell of 20 MB", rows + b"x" * 20_000_000 + b",y\n"
    yield "a line of 20 MB of quotation marks", rows + b'"' * 20_000_001
    yield "500,000 columns", b"path" + b",a" * 500_000 + b"\n"
    yield "500,000 different columns", b",".join(b"c%d" % i for i in range(500_000)) + b"\n"
    yield "old ends of lines", rows.replace(b"\n", b"\r")
    yield "escapes", b"path,\x1b[31mlabel\n\x1b]0;title\x07.png,x\n"
    yield "nothing", b""
    yield "blank", b"\n" * 1000
    yield "a mark alone", b"\xef\xbb\xbf"
    yield "marks", b"\xef\xbb\xbf" * 3 + rows
    yield "a workbook", archive({"xl/workbook.xml": b"<x/>"})
    yield "an image", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "nothing of a name", b",,,\n,,,\n"
    yield "ragged", rows + b"a,b,c,d\n"


# Making files.


def _saved(save: Callable[[Path], None]) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "file")
        return (Path(folder) / "file").read_bytes()


def _torch_zip(content: object) -> bytes:
    return _saved(lambda path: torch_pickles.save_zip(path, content))


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """A sound file of float32 tensors."""
    header, data = {}, b""
    for name, array in tensors.items():
        places = [len(data), len(data) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": places}
        data += array.tobytes()
    return raw_safetensors(header, data)


def raw_safetensors(header: dict, data: bytes) -> bytes:
    sys.set_int_max_str_digits(0)
    try:
        text = json.dumps(header).encode()
    finally:
        sys.set_int_max_str_digits(4300)
    return struct.pack("<Q", len(text)) + text + data


def npz(save: Callable = np.savez, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def npy(descr: str, shape: str, data: bytes) -> bytes:
    """An .npy whose header says what it is told to say."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return _npy(text.encode(), data)


def _npy(header: bytes, data: bytes) -> bytes:
    return NPY + struct.pack("<H", len(header)) + header + data


def deflated(block: bytes, times: int, before: bytes = b"") -> bytes:
    """Deflated bytes of a block that is repeated; each stands for itself, so that it is quick."""
    packer = zlib.compressobj(6, wbits=-15)
    first = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + one * times + packer.flush()


def archive(
    members: dict[str, bytes], raw: int | dict[str, int] | None = None, method: int = 0
) -> bytes:
    """A zip file.

    Args:
      members: content by name.
      raw: they are deflated already, and say that they unpack to so many bytes.
      method: of compression otherwise.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(zipfile.ZipInfo(name), content, None if raw is not None else method)
    if raw is None:
        return file.getvalue()
    found = bytearray(file.getvalue())
    for name in members:
        size = raw if isinstance(raw, int) else raw[name]
        for magic, method_at, size_at, name_at in (
            (b"PK\x03\x04", 8, 22, 30),
            (b"PK\x01\x02", 10, 24, 46),
        ):
            place = -1
            while (place := found.find(magic, place + 1)) >= 0:
                if found[place + name_at :].startswith(name.encode()):
                    found[place + method_at : place + method_at + 2] = struct.pack("<H", 8)
                    found[place + size_at : place + size_at + 4] = struct.pack("<I", size)
    return bytes(found)


def encrypted(content: bytes) -> bytes:
    """A zip file whose members say that they are encrypted."""
    found = bytearray(content)
    for magic, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := found.find(magic, place + 1)) >= 0:
            found[place + flags_at] |= 1
    return bytes(found)

"""Pickles that nobody should have to load, as bytes: programs in the opcodes of `pickle`."""

import pickle as p
import struct
from collections.abc import Iterator


def text(value: str) -> bytes:
    return p.BINUNICODE + struct.pack("<I", len(value)) + value.encode()


def name(module: str, member: str) -> bytes:
    return p.GLOBAL + f"{module}\n{member}\n".encode()


def pickled(*parts: bytes) -> bytes:
    return p.PROTO + b"\x02" + b"".join(parts) + p.STOP


def _put(number: int) -> bytes:
    return p.LONG_BINPUT + struct.pack("<I", number)


def _get(number: int) -> bytes:
    return p.LONG_BINGET + struct.pack("<I", number)


def paths(first: bytes, pair: bytes, levels: int = 30) -> bytes:
    """A container of two that hold the same two, and so on: 2**levels ways to the end."""
    steps = [first + _put(0)]
    for level in range(levels):
        steps.append(p.POP + _pair(level, pair) + _put(level + 1))
    return b"".join(steps)


def _pair(level: int, pair: bytes) -> bytes:
    if pair == p.TUPLE2:
        return _get(level) * 2 + p.TUPLE2
    return p.EMPTY_LIST + p.MARK + _get(level) * 2 + p.APPENDS


TUPLES = paths(p.EMPTY_TUPLE, p.TUPLE2)
LISTS = paths(p.EMPTY_LIST, p.APPENDS)
# From the outermost list inwards, so that each is small when it is put into the one around it.
INWARDS = (
    p.EMPTY_LIST
    + _put(0)
    + b"".join(
        _get(level) + p.EMPTY_LIST + _put(level + 1) + p.APPEND + _get(level + 1) + p.APPEND + p.POP
        for level in range(40)
    )
)
CODE = (
    *(("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "exec")),
    *(("subprocess", "Popen"), ("builtins", "getattr"), ("operator", "attrgetter")),
    *(("numpy", "load"), ("importlib", "import_module"), ("torch", "load"), ("runpy", "run_path")),
    *(("keras.src.saving", "load_model"), ("keras.layers", "Lambda"), ("marshal", "loads")),
    *(("builtins", "open"), ("shutil", "rmtree"), ("types", "CodeType"), ("pickle", "loads")),
    *(("torch.jit", "load"), ("dermgan_jax.files", "remove_folder"), ("__main__", "x" * 5000)),
    *(("numpy.f2py.crackfortran", "myeval"), ("torch._utils", "\x1b[31m"), ("", "")),
)
LOADERS = (
    *(("torch._utils", "_rebuild_tensor_v2"), ("torch", "Size"), ("collections", "OrderedDict")),
    *(("numpy", "dtype"), ("_codecs", "encode"), ("numpy.core.multiarray", "_reconstruct")),
    *(("torch.storage", "_load_from_bytes"), ("torch", "FloatStorage"), ("numpy", "ndarray")),
)


def all_pickles() -> Iterator[tuple[str, bytes]]:
    """(what it does, the pickle)."""
    yield from _of_memory()
    yield from _of_time()
    for module, member in CODE:
        call = name(module, member) + text("touch executed") + p.TUPLE1 + p.REDUCE
        yield f"calls {module}.{member:.20}", pickled(call)
        yield (
            f"calls {module}.{member:.20} within",
            pickled(p.EMPTY_DICT, text("a"), call, p.SETITEM),
        )
        yield (
            f"calls {module}.{member:.20} otherwise",
            p.PROTO + b"\4" + text(module) + text(member) + p.STACK_GLOBAL + p.STOP,
        )
    for module, member in LOADERS:
        for key in ("__wrapped__", "__self__", "__call__", "items", "__class__"):
            state = p.NONE + p.EMPTY_DICT + text(key) + p.NONE + p.SETITEM + p.TUPLE2
            yield f"changes {member}.{key}", pickled(name(module, member), state, p.BUILD)
    yield from _of_sorts()


def _of_memory() -> Iterator[tuple[str, bytes]]:
    yield "memo of 2**28", b"\x80\x02Nr\x00\x00\x00\x10."
    yield "memo of 2**32", b"\x80\x02Nr\xff\xff\xff\xff."
    yield "memo in digits", b"\x80\x02Np99999999999999999\n."
    yield "bytes of 2**62", pickled(p.BINBYTES8 + struct.pack("<Q", 1 << 62))
    yield "bytes of 2**32", pickled(p.BINBYTES + b"\xff" * 4)
    yield "array of bytes of 2**62", pickled(p.BYTEARRAY8 + struct.pack("<Q", 1 << 62))
    yield "text of 2**62", pickled(p.BINUNICODE8 + struct.pack("<Q", 1 << 62))
    yield "frame of 2**62", b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b"N."
    yield "number of 2**31 bytes", pickled(p.LONG4 + b"\xff\xff\xff\x7f")
    yield "three million sets", p.PROTO + b"\x04" + p.EMPTY_SET * 3_000_000 + p.STOP
    yield "three million dictionaries", pickled(p.EMPTY_DICT * 3_000_000)
    yield "three million marks", pickled(p.MARK * 3_000_000)
    filled = p.EMPTY_LIST + p.MARK + p.NONE * 100_000 + p.APPENDS + p.TUPLE1 + _put(0)
    copies = (name("torch", "Size") + _get(0) + p.REDUCE) * 1000
    yield "a thousand copies of a list", pickled(filled, copies)
    long = text("x" * 10_000_000) + text("latin1") + p.TUPLE2 + _put(0)
    yield (
        "a thousand copies of a text",
        pickled(long, (name("_codecs", "encode") + _get(0) + p.REDUCE) * 1000),
    )
    pairs = p.EMPTY_LIST + p.MARK + (text("a") + p.NONE + p.TUPLE2) * 100_000 + p.APPENDS
    yield (
        "a thousand copies of pairs",
        pickled(
            pairs + p.TUPLE1 + _put(0),
            (name("collections", "OrderedDict") + _get(0) + p.REDUCE) * 1000,
        ),
    )
    shared = text("k" * 1_000_000) + _put(0) + p.POP
    array = (
        name("numpy.core.numeric", "_frombuffer") + p.MARK + p.BINBYTES + struct.pack("<I", 8)
        + bytes(8) + name("numpy", "dtype") + text("f8") + p.TUPLE1 + p.REDUCE
        + p.BININT1 + b"\1" + p.TUPLE1 + text("C") + p.TUPLE + p.REDUCE + _put(1) + p.POP
    )  # fmt: skip
    nested = (p.EMPTY_DICT + _get(0)) * 90 + _get(1) + p.SETITEM * 90
    many = p.EMPTY_LIST + p.MARK + (nested + p.BINPUT + b"\5") + p.BINGET + b"\5"
    yield "long names", pickled(shared, array, many, (p.BINGET + b"\5") * 5000, p.APPENDS)


def _of_time() -> Iterator[tuple[str, bytes]]:
    yield "lists of 2**30 paths", pickled(LISTS)
    yield "lists of 2**40 paths, inwards", pickled(INWARDS, _get(0))
    yield "tuples of 2**30 paths", pickled(TUPLES)
    yield "a key of 2**30 paths", pickled(p.EMPTY_DICT, TUPLES, p.NONE, p.SETITEM)
    yield "keys of 2**30 paths", pickled(p.MARK, TUPLES, p.NONE, p.DICT)
    yield "keys of 2**30 paths later", pickled(p.EMPTY_DICT, p.MARK, TUPLES, p.NONE, p.SETITEMS)
    yield "a set of 2**30 paths", p.PROTO + b"\4" + p.MARK + TUPLES + p.FROZENSET + p.STOP
    yield "a set of 2**30 paths later", p.PROTO + b"\4" + p.EMPTY_SET + p.MARK + TUPLES + b"\x90."
    called = p.EMPTY_LIST + TUPLES + p.APPEND + p.TUPLE1 + p.REDUCE
    yield "a called set of 2**30 paths", pickled(name("builtins", "set"), called)
    size = name("torch", "Size") + called
    yield "a size of 2**30 paths as a key", pickled(p.EMPTY_DICT, size, p.NONE, p.SETITEM)
    pair = p.EMPTY_LIST + TUPLES + p.NONE + p.TUPLE2 + p.APPEND + p.TUPLE1 + p.REDUCE
    yield "pairs of 2**30 paths", pickled(name("collections", "OrderedDict"), pair)
    yield "pairs of 2**30 paths of another", pickled(name("dnnlib.util", "EasyDict"), pair)
    storage = p.MARK + text("storage") + name("torch", "FloatStorage") + TUPLES + text("cpu")
    yield "a storage called by 2**30 paths", pickled(storage + p.NONE + p.TUPLE + p.BINPERSID)
    kind = p.MARK + LISTS + name("torch", "FloatStorage") + text("0") + text("cpu")
    yield "a kind of 2**30 paths", pickled(kind + p.NONE + p.TUPLE + p.BINPERSID)
    yield (
        "an encoding of 2**30 paths",
        pickled(name("_codecs", "encode"), text("a"), LISTS, p.TUPLE2, p.REDUCE),
    )
    yield "itself", pickled(p.EMPTY_LIST, _put(0), _get(0), p.APPEND)
    yield "itself in a dictionary", pickled(p.EMPTY_DICT, _put(0), text("a"), _get(0), p.SETITEM)
    yield "100,000 lists deep", pickled(p.EMPTY_LIST * 100_000, p.APPEND * 99_999)
    yield "100,000 tuples deep", pickled(p.EMPTY_TUPLE, p.TUPLE1 * 100_000)
    deep = p.EMPTY_TUPLE + p.TUPLE1 * 100_000
    yield "a key 100,000 tuples deep", pickled(p.EMPTY_DICT, deep, p.NONE, p.SETITEM)
    yield "a number of a million digits", pickled(b"I" + b"9" * 1_000_000 + b"\n")
    yield (
        "many marks under a high stack",
        pickled(p.NONE * 300_000, (p.MARK + p.TUPLE + p.POP) * 200_000),
    )


def _of_sorts() -> Iterator[tuple[str, bytes]]:
    yield "no proto", b"N."
    yield "no stop", p.PROTO + b"\2" + p.NONE
    yield "nothing", p.PROTO + b"\2"
    yield "an empty stack", pickled()
    yield "a mark alone", pickled(p.MARK)
    yield "takes too much", pickled(p.TUPLE3)
    yield "an unknown opcode", pickled(b"\xff")
    yield "an unknown protocol", p.PROTO + b"\x63" + p.NONE + p.STOP
    yield "an extension", pickled(p.EXT1 + b"\1")
    yield "a buffer from outside", p.PROTO + b"\5" + p.NEXT_BUFFER + p.STOP
    yield "an instance", pickled(p.MARK + p.INST + b"os\nsystem\n")
    yield "an object", pickled(p.MARK + name("collections", "OrderedDict") + p.OBJ)
    yield "made of a text", pickled(name("numpy", "ndarray"), p.EMPTY_TUPLE, p.NEWOBJ)
    yield "called without anything", pickled(name("torch", "Size"), p.EMPTY_TUPLE, p.REDUCE)
    for size in (b"\xff\xff\xff\x7f", b"\0\0\0\x80"):
        view = p.EMPTY_TUPLE + p.BININT + size + p.TUPLE1 + p.BININT + size + p.TUPLE1
        call = name("torch._utils", "_rebuild_tensor_v2") + p.MARK + p.NONE + p.BININT1 + b"\0"
        yield f"a tensor of nothing {size[0]}", pickled(call + view + p.TUPLE + p.REDUCE)
    for code in ("O8", "U1", "f9", "V8", "f8; x", "|O", ""):
        dtype = name("numpy", "dtype") + text(code) + p.TUPLE1 + p.REDUCE
        yield f"numbers of kind {code!r}", pickled(dtype)

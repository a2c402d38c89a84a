"""Image files as people have them: of all modes, damaged, called otherwise, made to fill memory."""

import io
import pathlib
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from tests import dicom_files

HEIGHT, WIDTH = 24, 40
ORIENTATION = 0x0112
JUNK = (b"iCCP", b"gAMA", b"pHYs", b"tRNS", b"eXIf", b"zTXt", b"iTXt", b"acTL", b"fcTL")
# What becomes of the rows and columns by each EXIF orientation.
TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}


class OddImage(NamedTuple):
    """One case.

    Attributes:
      kind: of file.
      name: what is odd about it.
      suffix: of its name.
      content: of the file.
      pixels: what has to be read, uint8 (H, W, 3), if anything is; None: whatever.
      tolerance: by which levels may differ.
      is_refused: nothing may be read.
    """

    kind: str
    name: str
    suffix: str
    content: bytes
    pixels: np.ndarray | None = None
    tolerance: int = 0
    is_refused: bool = False


def picture() -> np.ndarray:
    """Smooth colours, so that what compresses with loss still nearly gives them: uint8."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    channels = (rows * 10, columns * 6, 255 - rows * 4 - columns * 3)
    return np.stack(channels, -1).astype(np.uint8)


def cases(seed: int, damaged: int) -> Iterator[OddImage]:
    """Sound files of all sorts, handmade ones, and so many damaged ones of each sound one."""
    whole = list(sound())
    yield from whole
    yield from _misnamed(whole)
    yield from _without_parts()
    yield from _huge()
    yield from _of_tiff()
    yield from _odd_dicom()
    rng = np.random.default_rng(seed)
    for one in whole:
        for number in range(damaged):
            yield _damaged(rng, one, number)


# Sound ones.


def _saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def sound() -> Iterator[OddImage]:
    """Files that are read, or refused for what they are, with what has to come of them."""
    rgb = picture()
    image = Image.fromarray(rgb)
    grey = np.asarray(image.convert("L"))
    thrice = np.repeat(grey[..., None], 3, -1)
    black = np.where(grey[..., None] > 127, np.uint8(255), np.uint8(0)).repeat(3, -1)
    few = image.quantize(16)
    of_few = np.asarray(few.convert("RGB"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    faint = image.copy()
    faint.putalpha(128)
    opaque = image.copy()
    opaque.putalpha(255)
    on_white = np.asarray(Image.alpha_composite(Image.new("RGBA", image.size, "white"), faint))
    for kind in ("PNG", "TIFF", "BMP"):
        suffix = f".{kind.lower()}"
        yield OddImage(kind, "colour", suffix, _saved(image, kind), rgb)
        yield OddImage(kind, "grey", suffix, _saved(image.convert("L"), kind), thrice)
        bits = Image.fromarray(grey > 127)
        yield OddImage(kind, "black and white", suffix, _saved(bits, kind), black)
        yield OddImage(kind, "palette", suffix, _saved(few, kind), of_few)
    for kind in ("PNG", "TIFF"):
        suffix = f".{kind.lower()}"
        yield OddImage(kind, "opaque", suffix, _saved(opaque, kind), rgb)
        yield OddImage(kind, "faint", suffix, _saved(faint, kind), on_white[..., :3])
        yield OddImage(kind, "16 bits", suffix, _saved(deep, kind), thrice)
        icc = _saved(image, kind, icc_profile=b"junk" * 99)
        yield OddImage(kind, "a profile of junk", suffix, icc, rgb)
    yield OddImage("PNG", "text", ".png", _chunk_added(_saved(image, "PNG"), b"tEXt", b"a\0b"), rgb)
    for how in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        packed = _saved(image, "TIFF", compression=how)
        yield OddImage("TIFF", how, ".tif", packed, rgb)
    ink = np.asarray(image.convert("CMYK").convert("RGB"))
    yield OddImage("TIFF", "ink", ".tif", _saved(image.convert("CMYK"), "TIFF"), ink)
    floats = _saved(Image.fromarray(grey.astype(np.float32)), "TIFF")
    deeper = _saved(Image.fromarray(grey.astype(np.int32) << 16), "TIFF")
    yield OddImage("TIFF", "32 bits", ".tif", deeper, is_refused=True)
    yield OddImage("TIFF", "floats", ".tif", floats, is_refused=True)
    several = _saved(image, "TIFF", save_all=True, append_images=[image, image])
    yield OddImage("TIFF", "film", ".tif", several, is_refused=True)
    moving = [image, Image.fromarray(rgb[::-1])]
    for kind, suffix in (("PNG", ".png"), ("WEBP", ".webp"), ("GIF", ".png")):
        content = _saved(image, kind, save_all=True, append_images=moving[1:])
        yield OddImage(kind, "moving", suffix, content, is_refused=True)
    yield OddImage("GIF", "called PNG", ".png", _saved(few, "GIF"), of_few)
    yield OddImage("WEBP", "lossless", ".webp", _saved(image, "WEBP", lossless=True), rgb)
    yield OddImage("WEBP", "lossy", ".webp", _saved(image, "WEBP", quality=95), rgb, 24)
    yield OddImage("JPEG", "colour", ".jpg", _saved(image, "JPEG", quality=95), rgb, 24)
    progressive = _saved(image, "JPEG", quality=95, progressive=True)
    yield OddImage("JPEG", "progressive", ".jpeg", progressive, rgb, 24)
    yield OddImage("JPEG", "grey", ".jfif", _saved(image.convert("L"), "JPEG"), thrice, 24)
    printed = _saved(image.convert("CMYK"), "JPEG", quality=95)
    yield OddImage("JPEG", "ink", ".jpg", printed, ink, 24)
    junk = _saved(image, "JPEG", quality=95, icc_profile=b"junk" * 99)
    yield OddImage("JPEG", "a profile of junk", ".jpg", junk, rgb, 24)
    for number, turn in TURNS.items():
        exif = Image.Exif()
        exif[ORIENTATION] = number
        turned = _saved(image, "JPEG", quality=95, exif=exif)
        yield OddImage("JPEG", f"orientation {number}", ".jpg", turned, turn(rgb), 24)
    exif = Image.Exif()
    exif[ORIENTATION] = 99
    turned = _saved(image, "JPEG", quality=95, exif=exif)
    yield OddImage("JPEG", "orientation 99", ".jpg", turned, rgb, 24)
    yield from _of_dicom(grey, thrice)


def _of_dicom(grey: np.ndarray, thrice: np.ndarray) -> Iterator[OddImage]:
    yield OddImage("DICOM", "grey", ".dcm", dicom(grey), thrice)
    yield OddImage("DICOM", "colour", ".dcm", dicom(picture()), picture())
    deflated = dicom(grey, syntax=DeflatedExplicitVRLittleEndian)
    yield OddImage("DICOM", "deflated", ".dcm", deflated, thrice)
    film = dicom(np.concatenate([grey, grey]), Rows=HEIGHT, NumberOfFrames=2)
    yield OddImage("DICOM", "film", ".dcm", film, is_refused=True)


def dicom(values: np.ndarray, **tags) -> bytes:
    """A DICOM file of these pixels."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "file.dcm"
        return dicom_files.write_dicom(path, values, **tags).read_bytes()


def _odd_dicom() -> Iterator[OddImage]:
    grey = picture()[..., 0]
    for key, values in {
        "Rows": (0, 1, 65_535), "Columns": (0, 1, 65_535), "BitsAllocated": (0, 1, 7, 32, 64),
        "BitsStored": (0, 7, 16, 99), "HighBit": (0, 99), "SamplesPerPixel": (0, 2, 3, 99),
        "PhotometricInterpretation": ("", "RGB", "YBR_FULL", "PALETTE COLOR", "x\x1b[2J"),
        "NumberOfFrames": (0, -1, 2, 10**8), "PixelRepresentation": (1, 9),
        "RescaleSlope": (0, 1e300, "nan"), "WindowWidth": (0, -5, 1e300),
    }.items():  # fmt: skip
        for value in values:
            more = {"WindowCenter": 9} if key == "WindowWidth" else {}
            more |= {"RescaleIntercept": 0} if key == "RescaleSlope" else {}
            content = dicom(grey, **{key: value}, **more)
            yield OddImage("DICOM", f"{key} {value!r}", ".dcm", content)
    both = dicom(grey, Rows=65_535, Columns=65_535)
    yield OddImage("DICOM", "says 65535", ".dcm", both, is_refused=True)
    sound = dicom(grey, syntax=DeflatedExplicitVRLittleEndian)
    start = len(sound) - len(_deflated_part(sound))
    bomb = zlib.compressobj(9, wbits=-15)
    zeros = bomb.compress(bytes(1 << 24)) + bomb.flush(zlib.Z_FULL_FLUSH)
    again = bomb.compress(bytes(1 << 24)) + bomb.flush(zlib.Z_FULL_FLUSH)
    content = sound[:start] + zeros + again * 90 + bomb.flush()
    yield OddImage("DICOM", "1.5 GB deflated", ".dcm", content, is_refused=True)
    for syntax in (JPEGBaseline8Bit, RLELossless):
        content = dicom(grey, syntax=syntax)
        yield OddImage("DICOM", f"compressed: {syntax.name}", ".dcm", content, is_refused=True)


def _deflated_part(content: bytes) -> bytes:
    """What follows the first group of a DICOM file."""
    (length,) = struct.unpack_from("<I", content, 132 + 8)
    return content[132 + 12 + length :]


def _misnamed(whole: list[OddImage]) -> Iterator[OddImage]:
    """Each under the suffix of another, whose content it is not."""
    for one in whole:
        if one.kind == "DICOM":
            yield one._replace(name="DICOM called PNG", suffix=".png", is_refused=True)
        else:
            for suffix in (".jpg", ".png", ".tif", ".bmp", ".webp"):
                if suffix != one.suffix:
                    yield one._replace(name=f"{one.name}, called {suffix}", suffix=suffix)
    sound_png = whole[0].content
    yield OddImage("DICOM", "PNG called DICOM", ".dcm", sound_png, is_refused=True)
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    for name, content in {
        "PostScript": eps, "SVG": svg, "text": b"hello", "nothing": b"", "zeros": bytes(5000),
        "HTML": b"<html>404</html>", "PDF": b"%PDF-1.4\n%%EOF", "zip": b"PK\3\4" + bytes(50),
        "a pointer of git-lfs": b"version https://git-lfs.github.com/spec/v1\n",
        "AppleDouble": b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(100),
    }.items():  # fmt: skip
        for suffix in (".jpg", ".png", ".tif", ".dcm"):
            yield OddImage("other", f"{name} called {suffix}", suffix, content, is_refused=True)


# Of PNG: chunks.


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        place += 12 + length


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks, their checksums right."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, data in chunks:
        check = zlib.crc32(name + data)
        parts += [struct.pack(">I", len(data)), name, data, struct.pack(">I", check)]
    return b"".join(parts)


def _chunk_added(content: bytes, name: bytes, data: bytes) -> bytes:
    head, *others = _chunks(content)
    return png([head, (name, data), *others])


def _without_parts() -> Iterator[OddImage]:
    rgb = Image.fromarray(picture())
    long = b"x\0\0" + zlib.compress(bytes(50_000_000), 9)
    for title, content in (
        ("colour", _saved(rgb, "PNG")),
        ("palette", _saved(rgb.quantize(16), "PNG")),
    ):
        chunks = list(_chunks(content))
        for name in {name for name, _ in chunks}:
            left = [chunk for chunk in chunks if chunk[0] != name]
            yield OddImage("PNG", f"{title} without {name.decode()}", ".png", png(left))
            twice = [each for chunk in chunks for each in [chunk] * (1 + (chunk[0] == name))]
            yield OddImage("PNG", f"{title} with {name.decode()} twice", ".png", png(twice))
            empty = [(n, b"" if n == name else data) for n, data in chunks]
            yield OddImage("PNG", f"{title} with {name.decode()} empty", ".png", png(empty))
        for junk in JUNK:
            for data in (b"", b"junk", long):
                odd = _chunk_added(content, junk, data)
                yield OddImage("PNG", f"{title} with {junk.decode()} of junk", ".png", odd)
    head = bytearray(next(_chunks(_saved(rgb, "PNG")))[1])
    rest = list(_chunks(_saved(rgb, "PNG")))[1:]
    fields = ((8, (0, 1, 2, 4, 16, 3, 255)), (9, (0, 1, 3, 4, 6, 9)), (10, (1,)), (12, (1, 7)))
    for place, values in fields:
        for value in values:
            changed = bytes([*head[:place], value, *head[place + 1 :]])
            content = png([(b"IHDR", changed), *rest])
            yield OddImage("PNG", f"header {place} is {value}", ".png", content)


# Too large.


def _huge() -> Iterator[OddImage]:
    image = Image.fromarray(picture())
    chunks = list(_chunks(_saved(image, "PNG")))
    for side in (13_377, 50_000, 1 << 30):
        head = struct.pack(">II", side, side) + chunks[0][1][8:]
        content = png([(b"IHDR", head), *chunks[1:]])
        yield OddImage("PNG", f"says {side}", ".png", content, is_refused=True)
    white = zlib.compressobj(1)
    rows = b"".join(white.compress(bytes(1 + 13_377 // 8) * 64) for _ in range(13_377 // 64 + 1))
    head = struct.pack(">II5B", 13_377, 13_377, 1, 0, 0, 0, 0)
    bomb = png([(b"IHDR", head), (b"IDAT", rows + white.flush()), (b"IEND", b"")])
    yield OddImage("PNG", "black, 13377 square", ".png", bomb, is_refused=True)
    for kind, suffix, place, form, sides in (
        ("BMP", ".bmp", 18, "<ii", (50_000, -50_000, 1 << 30)),
        ("GIF", ".png", 6, "<HH", (65_535,)),
    ):
        for side in sides:
            content = bytearray(_saved(image.quantize(16), kind))
            struct.pack_into(form, content, place, abs(side), side)
            yield OddImage(kind, f"says {side}", suffix, bytes(content), is_refused=True)
    passes = _saved(image, "JPEG", progressive=True)
    last = passes[passes.rindex(b"\xff\xda") : -2]
    content = passes[:-2] + last * 5000 + passes[-2:]
    yield OddImage("JPEG", "5,000 passes", ".jpg", content, is_refused=True)
    jpeg = bytearray(_saved(image, "JPEG"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, 65_500, 65_500)
    yield OddImage("JPEG", "says 65500", ".jpg", bytes(jpeg), is_refused=True)


# Of TIFF: tags.


def _of_tiff() -> Iterator[OddImage]:
    content = _saved(Image.fromarray(picture()), "TIFF")
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for number in range(count):
        place = start + 2 + 12 * number
        (tag,) = struct.unpack_from("<H", content, place)
        for kind in (0, 1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 99):
            yield _changed_tiff(content, f"tag {tag} of type {kind}", "<H", place + 2, kind)
        for length in (0, 2, 1 << 31, (1 << 32) - 1):
            yield _changed_tiff(content, f"tag {tag} of {length}", "<I", place + 4, length)
        for value in (0, 1, 3, 9, 255, 65_535, 1 << 30, (1 << 32) - 1):
            yield _changed_tiff(content, f"tag {tag} is {value}", "<I", place + 8, value)
        yield _changed_tiff(content, f"no tag {tag}", "<H", place, 60_000 + number)
    after = start + 2 + 12 * count
    for target in (start, 8, 1 << 30):
        yield _changed_tiff(content, f"next at {target}", "<I", after, target)


def _changed_tiff(content: bytes, name: str, form: str, place: int, value: int) -> OddImage:
    changed = bytearray(content)
    struct.pack_into(form, changed, place, value)
    return OddImage("TIFF", name, ".tif", bytes(changed))


# Damaged.


def _damaged(rng: np.random.Generator, one: OddImage, number: int) -> OddImage:
    content, size = one.content, len(one.content)
    which = ("cut", "flipped", "flipped in its head", "zeros", "inserted", "swapped")[number % 6]
    start = int(rng.integers(size))
    if which == "cut":
        # What is left of it is refused, or else whole; of several images one may be left.
        refused = one.is_refused and one.name not in ("moving", "film")
        name = f"{one.name}, cut at {start}"
        return one._replace(name=name, content=content[:start], is_refused=refused)
    changed = bytearray(content)
    if which.startswith("flipped"):
        end = min(size, 200) if "head" in which else size
        for place in rng.integers(end, size=int(rng.integers(1, 5))):
            changed[place] ^= int(rng.integers(1, 256))
    elif which == "zeros":
        length = min(size - start, int(rng.integers(1, 200)))
        changed[start : start + length] = bytes(length)
    elif which == "inserted":
        changed[start:start] = rng.bytes(int(rng.integers(1, 30)))
    else:
        changed = changed[start:] + changed[:start]
    name = f"{one.name}, {which} {number}"
    return OddImage(one.kind, name, one.suffix, bytes(changed))

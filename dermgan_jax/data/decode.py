"""Image files to arrays. Every part of the program decodes images here and nowhere else."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dermgan_jax import files, listings
from dermgan_jax.data import dicom, frames
from dermgan_jax.data.decode_limits import (
    BYTES_PER_PIXEL,
    ROOM,
    Room,
    most_pixels,
    require_moderate,
    too_large,
)
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.errors import UserError, reason
from dermgan_jax.files import Path

DECODER_VERSION = 1  # raise it whenever the same file would give other pixels
GREY_MODES = frozenset({"1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
# Differences between R, G and B that count as colour, and the share of pixels that must have them.
# Below are grey images whose JPEG has rounded its chroma, or that carry a small coloured mark.
COLOUR_DIFFERENCE = 16
COLOURED_SHARE = 0.01
FEW_BITS = 12  # cameras and X-ray detectors store so many in 16, which look black
ALL_BITS = 16
DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
SUFFIXES = DICOM_SUFFIXES | frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp"}
)
DEEP_SUFFIXES = frozenset({".png", ".tif", ".tiff"})  # whose samples may have 16 bits
# Formats of images, or of films, that are not read.
OTHER_SUFFIXES = frozenset(
    {
        *(".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".svs", ".ndpi", ".ppm", ".pgm"),
        *(".nef", ".cr2", ".arw", ".dng", ".raw", ".psd", ".nii", ".mp4", ".mov", ".avi"),
    }
)
# What may be in a file, whatever it is called. Pillow knows formats that start other programs.
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
MOST_IMAGES = 10_000  # in a TIFF; finding out how many there are takes its time
MOST_SCANS = 200  # in a JPEG; encoders write ten or so
# Two, as whoever decodes may have to wait until all 16-bit files have been looked at.
_DECODING, _LOOKING = Room(ROOM), Room(ROOM)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # we have a limit


def find_images(folder: Path) -> list[Path]:
    """Images anywhere below a folder, see `listings.find_files`; of formats not read it tells."""
    found = listings.find_files(folder, SUFFIXES | OTHER_SUFFIXES)
    others = [path for path in found if path.suffix.lower() in OTHER_SUFFIXES]
    if others:
        formats = ", ".join(sorted({path.suffix.lower() for path in others}))
        files.tell_once(
            f"note: {len(others)} files below {folder} are left out, such as {others[0].name}: "
            f"{formats} is not read; convert them to PNG"
        )
    return [path for path in found if path.suffix.lower() in SUFFIXES]


class FewBitsError(DataError):
    """A file of 16-bit samples that seems to use 12 bits at most.

    Attributes:
      path: of the file.
      largest: of its samples.
    """

    def __init__(self, path: Path, largest: int):
        self.path, self.largest = path, largest
        message = (
            f"{path} has 16-bit samples, of which the largest is {largest}: it would come out "
            f"black; if {FEW_BITS} bits are used, as often, set data.bit_depth={FEW_BITS}, if all "
            f"are and this picture is dark, {ALL_BITS}"
        )
        super().__init__([Fault("12-bit images", message)])


def read_image(path: Path, channels: int, bit_depth: int = 0, frame: str = "") -> np.ndarray:
    """Decodes an image file of any colour mode.

    The EXIF orientation is applied. Transparent pixels become white, CMYK and palettes become RGB,
    of 16-bit grey values the eight highest used bits are kept. `require_usable` tells which of
    these conversions a training set should not rely on. DICOM: see `dicom.read`. Files of a set are
    read by a `set_reader.SetReader`, which finds their depth.

    Args:
      path: a file of any format Pillow reads, of one image, or a DICOM file.
      channels: 3 for sRGB, 1 for luminance (ITU-R 601-2).
      bit_depth: how many bits of 16 are used, 9 to 16; 0: all, and files that seem to use 12 at
        most are refused. Of files of 8 bits it means nothing.
      frame: which image of a file that holds several, see `frames.index`.

    Returns:
      uint8 (H, W, channels).

    Raises:
      FewBitsError: if the file seems to use 12 bits at most and `bit_depth` is 0.
      DataError: if the file is truncated, unreadable, lacks the frame, has more than 16 bits per
        sample, or uses other ones than `bit_depth` says.
    """
    if is_dicom(path):
        picture = Image.fromarray(dicom.read(path, bit_depth, frame))
        pixels = np.asarray(picture.convert("RGB" if channels == 3 else "L"))
        return pixels.reshape(*pixels.shape[:2], channels)
    with _opened(path) as image:
        _turn_to_frame(image, path, frame)
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16"):
            image = Image.fromarray(_eight_bits(np.asarray(image), bit_depth, path))
        if image.mode in ("I", "F"):
            raise _error("deep images", path, "has 32-bit samples: save it with 8 bits per channel")
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        if image.mode not in ("L", "RGB"):
            image = image.convert("RGB")
        wanted = "RGB" if channels == 3 else "L"
        pixels = np.asarray(image if image.mode == wanted else image.convert(wanted))
    return pixels.reshape(*pixels.shape[:2], channels)


def largest_of_sixteen_bits(path: Path, frame: str = "") -> int:
    """The largest sample of a file of 16-bit grey values; 0 of any other file, which is not loaded.

    Raises:
      DataError: if the file is truncated, unreadable or lacks the frame.
    """
    if path.suffix.lower() not in DEEP_SUFFIXES:
        return 0
    with _opened(path, _LOOKING) as image:
        if not image.mode.startswith("I;16"):
            return 0
        _turn_to_frame(image, path, frame)
        return int(np.asarray(image).max())


def _turn_to_frame(image: Image.Image, path: Path, frame: str) -> None:
    """Makes `frame` the image that is loaded."""
    if index := frames.index(path, _count(image), frame):
        image.seek(index)
        require_moderate(path, *image.size)


def _count(image: Image.Image) -> int:
    """How many images a file holds."""
    # A telephone's JPEG may carry further pictures (MPO), of which the first is the photograph.
    if image.format == "MPO":
        return 1
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    for number in range(MOST_IMAGES):
        try:
            image.seek(number)
        except EOFError:
            image.seek(0)
            return number
    raise ValueError(f"it holds more than {MOST_IMAGES} images")


def _eight_bits(values: np.ndarray, bit_depth: int, path: Path) -> np.ndarray:
    """16-bit samples, of which `bit_depth` bits are used, as bytes: uint16 to uint8 (H, W)."""
    largest = int(values.max())
    if not bit_depth and 0 < largest < 1 << FEW_BITS:
        raise FewBitsError(path, largest)
    if bit_depth and largest >= 1 << bit_depth:
        raise _error(
            "samples above data.bit_depth",
            path,
            f"has samples up to {largest}, more than {bit_depth} bits hold: set data.bit_depth to "
            f"{largest.bit_length()}",
        )
    return (values >> ((bit_depth or ALL_BITS) - 8)).astype(np.uint8)


def header_size(path: Path) -> tuple[int, int]:
    """(H, W) of the stored pixels, which an EXIF orientation may turn; no pixel is decoded.

    Raises:
      DataError: if the file is no image.
    """
    if is_dicom(path):
        return dicom.size(path)
    with _opened(path, room=None) as image:
        return image.height, image.width


def stored_texts(path: Path) -> dict[str, str]:
    """The texts that a file carries before its pixels, such as those of a PNG; none is decoded.

    Raises:
      DataError: if the file is no image.
    """
    if is_dicom(path):
        return {}
    with _opened(path, room=None) as image:
        return {key: text for key, text in image.info.items() if isinstance(text, str)}


def stored_channels(path: Path) -> int:
    """1 of a file of grey values, else 3, going by its header.

    Raises:
      DataError: if the file is no image.
    """
    if is_dicom(path):
        return 1 if dicom.is_grey(path) else 3
    with _opened(path, room=None) as image:
        return 1 if image.mode in GREY_MODES else 3


@contextmanager
def in_room(path: Path) -> Iterator[None]:
    """Holds the memory that decoding an image takes, and what is made of it meanwhile.

    Raises:
      DataError: if the file is no image, or has too many pixels.
    """
    height, width = header_size(path)
    with _DECODING.taken(height * width * BYTES_PER_PIXEL):
        yield


def read_mask(*paths: Path) -> np.ndarray:
    """Decodes a segmentation: bool (H, W), true where any file's luminance is at least half.

    Raises:
      DataError: if a file is truncated or unreadable, or two are of different size.
    """
    marked = [read_image(path, 1)[..., 0] >= 128 for path in paths]
    for path, mask in zip(paths, marked, strict=True):
        if mask.shape != marked[0].shape:
            raise _error("masks of another size", path, f"is of another size than {paths[0].name}")
    return np.logical_or.reduce(marked)


def read_mask_values(path: Path) -> np.ndarray:
    """Decodes a mask as it is stored: uint8 (H, W), grey levels, or of a palette its indices.

    Colours are read as luminance. The EXIF orientation is applied.

    Raises:
      DataError: if the file is truncated or unreadable.
    """
    with _opened(path) as image:
        image.load()
        image = ImageOps.exif_transpose(image)
        return np.asarray(image if image.mode in ("L", "P") else image.convert("L"))


def require_usable(
    path: Path, resolution: int, field: str = "data.resolution", frame: str = ""
) -> None:
    """Checks from the header that an image may be trained on as it is.

    Args:
      path: an image file.
      resolution: side in pixels of the square it will become.
      field: of the configuration, which says so.
      frame: see `read_image`.

    Raises:
      DataError: if the file is unreadable, holds ink colours (CMYK) or transparency, whose colours
        on a screen are a guess, or would have to be enlarged to `resolution` pixels square.
    """
    if is_dicom(path):
        height, width = dicom.size(path)
    else:
        with _opened(path) as image:
            _turn_to_frame(image, path, frame)
            width, height = image.size
            if image.mode == "CMYK":
                raise _error("CMYK images", path, "is in CMYK: convert it to RGB")
            if image.has_transparency_data and _is_see_through(image):
                raise _error("images with alpha", path, "has an alpha channel: flatten it to RGB")
    side = min(height, width)
    if side < resolution:
        raise _error(
            "tiny images",
            path,
            f"is {width}x{height} pixels, too small for {field}={resolution}: remove it or set "
            f"{field} to at most {side}",
        )


def require_grey(path: Path, frame: str = "") -> None:
    """Checks that reading a file as one channel loses no colours.

    Grey content stored as RGB passes: some hospitals' exports are stored so. Of several images in
    a file, `frame` is looked at.

    Raises:
      DataError: if the image is coloured, truncated or unreadable.
    """
    if is_dicom(path):
        if dicom.is_grey(path):
            return
        pixels = dicom.read(path, frame=frame)
    else:
        with _opened(path) as image:
            _turn_to_frame(image, path, frame)
            if image.mode in GREY_MODES:
                return
            pixels = np.asarray(image.convert("RGB"))
    coloured = pixels.max(-1) - pixels.min(-1) > COLOUR_DIFFERENCE
    if coloured.mean() > COLOURED_SHARE:
        raise _error(
            "coloured images", path, "is coloured but data.channels=1: set data.channels=3"
        )


def is_dicom(path: Path) -> bool:
    """Whether a file is read as DICOM, by its name."""
    return path.suffix.lower() in DICOM_SUFFIXES


def _is_see_through(image: Image.Image) -> bool:
    """Whether a pixel is not opaque, as many programs write an alpha channel that says nothing."""
    return image.convert("RGBA").getextrema()[3][0] < 255


def _require_few_scans(image: Image.Image, file: IO[bytes]) -> None:
    """Checks a JPEG that is stored in passes, of which a few kilobytes may hold thousands.

    Raises:
      ValueError: if decoding it would take very long.
    """
    if not image.info.get("progressive"):
        return
    place = file.tell()
    file.seek(0)
    scans = file.read().count(b"\xff\xda")
    file.seek(place)
    if scans > MOST_SCANS:
        raise ValueError(f"it is stored in {scans} passes, more than {MOST_SCANS}")


@contextmanager
def _opened(path: Path, room: Room | None = _DECODING) -> Iterator[Image.Image]:
    """The opened image; whatever Pillow says while it is read becomes a fault naming the file.

    Args:
      path: of the file.
      room: that decoding it takes, which is waited for; None: it is not decoded.
    """
    try:
        Image.MAX_IMAGE_PIXELS = most_pixels()  # twice as many Pillow refuses, also further within
        with files.open_plain(path) as file, Image.open(file, formats=FORMATS) as image:
            require_moderate(path, *image.size)
            if room is None:
                yield image
                return
            _require_few_scans(image, file)
            with room.taken(image.width * image.height * BYTES_PER_PIXEL):
                yield image
    except DataError:
        raise
    except UserError as error:  # a pipe or the like
        raise DataError([Fault("unreadable images", str(error))]) from error
    except UnidentifiedImageError as error:
        raise _error("unreadable images", path, "is not an image: replace or remove it") from error
    except Image.DecompressionBombError as error:
        raise too_large(path, f"cannot be read ({error})") from error
    except Exception as error:  # Pillow's decoders raise whatever damage leads them to
        told = reason(error)
        truncated = "truncated" in told or "broken" in told
        kind = "truncated images" if truncated else "unreadable images"
        what = "is truncated" if truncated else "cannot be read"
        raise _error(kind, path, f"{what} ({told}): replace or remove it") from error


def _error(kind: str, path: Path, message: str) -> DataError:
    return DataError([Fault(kind, f"{path} {message}")])

"""DICOM files: pixels as a viewer shows them at first, and what is told of whom without a name.

Grey values are rescaled, windowed by the file's own first VOI window or table, and inverted where
the file says so (PS3.3 C.7.6.3, C.11.1, C.11.2, C.11.6); without a window the range of the stored
bits becomes black to white. pydicom decodes; compressed pixels may need further packages, which are
named.
"""

import hashlib
import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np

from dermgan_jax import files
from dermgan_jax.data import frames
from dermgan_jax.data.decode_limits import require_moderate
from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.errors import UserError, reason
from dermgan_jax.files import Path
from dermgan_jax.reading_limits import Budget

if TYPE_CHECKING:
    import pydicom

COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")
GREYS = ("MONOCHROME1", "MONOCHROME2")
PALETTE = "PALETTE COLOR"
OLDEST = 89  # years; older patients are few enough to be recognised by their age
# Columns of subgroups -> what DICOM calls them.
SUBGROUPS = {"sex": "PatientSex", "view": "ViewPosition", "body_part": "BodyPartExamined"}
HEADER = 100_000  # bytes above which values, such as pixels, are not read with a header
PREAMBLE = 132  # bytes at the beginning of a file
STEP = 1 << 20  # bytes that are unpacked at a time
ROWS_AT_A_TIME = 1 << 20  # pixels that are rescaled at a time, as floats take eight bytes


class Description(NamedTuple):
    """What a file says beside its pixels.

    Attributes:
      group: the patient, or else the study, as a digest; "" if neither is told.
      subgroups: age in years, sex, view and body part, as far as told.
    """

    group: str
    subgroups: dict[str, str]


def read(path: Path, bit_depth: int = 0, frame: str = "") -> np.ndarray:
    """The image of a file, or one of several: uint8 (H, W), or (H, W, 3) in colour.

    Args:
      path: of the file.
      bit_depth: of stored grey values without a window; 0: what the file says.
      frame: which of several images, see `frames.index`.

    Raises:
      DataError: if pydicom or a decoder is not installed, the file is damaged or lacks the frame,
        or it holds colours of more than 8 bits or pixels that are no picture.
    """
    with _opened(path) as dataset:
        from pydicom import pixels

        index = frames.index(path, int(dataset.get("NumberOfFrames") or 1), frame)
        require_moderate(path, int(dataset.Columns), int(dataset.Rows))
        values = pixels.pixel_array(dataset, index=index)
        dataset = _with_functional_groups(dataset, index)
        kind = dataset.PhotometricInterpretation
        if kind == PALETTE:
            return (pixels.apply_color_lut(values, dataset) >> 8).astype("u1")
        if kind in COLOURS:
            if values.dtype != np.uint8:
                raise _error("deep images", path, "has colours of more than 8 bits: save it with 8")
            return values
        if kind not in GREYS:
            raise _error("unreadable images", path, f"holds {kind}, which is no picture: remove it")
        step = max(1, ROWS_AT_A_TIME // values.shape[1])
        return np.concatenate(
            [
                _as_bytes(_displayed(dataset, values[first : first + step], bit_depth))
                for first in range(0, len(values), step)
            ]
        )


def _as_bytes(shares: np.ndarray) -> np.ndarray:
    """Shares of white as uint8."""
    return np.rint(255 * np.clip(shares, 0, 1)).astype(np.uint8)


def _with_functional_groups(dataset: "pydicom.Dataset", index: int) -> "pydicom.Dataset":
    """What an enhanced file says of one frame's window and units, where others say it of all."""
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (*shared[:1], *each[index : index + 1]):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            for told in groups.get(name) or []:
                dataset.update(told)
    return dataset


def _displayed(dataset: "pydicom.Dataset", values: np.ndarray, bit_depth: int) -> np.ndarray:
    """Stored grey values, from 0 for black to 1 for white: float (H, W)."""
    from pydicom import pixels

    bits = bit_depth or int(dataset.BitsStored)
    low = -(1 << (bits - 1)) if dataset.PixelRepresentation else 0
    ends = np.array([low, low + (1 << bits) - 1])
    values = pixels.apply_rescale(values, dataset)
    if "WindowCenter" in dataset:
        # What lies far outside the window shows which values stand for black and white.
        ends = pixels.apply_windowing(np.array([-1e12, 1e12]), dataset)
        values = pixels.apply_windowing(values, dataset)
    elif "VOILUTSequence" in dataset:
        ends = np.array([0, (1 << int(dataset.VOILUTSequence[0].LUTDescriptor[2])) - 1])
        values = pixels.apply_voi(values.astype(np.int64), dataset)
    else:
        ends = pixels.apply_rescale(ends, dataset)
    shares = (values - ends[0]) / (ends[1] - ends[0])
    shape = dataset.get("PresentationLUTShape") or ""
    inverse = shape == "INVERSE" or (not shape and dataset.PhotometricInterpretation == GREYS[0])
    return 1 - shares if inverse else shares


def size(path: Path) -> tuple[int, int]:
    """(H, W); no pixel is decoded.

    Raises:
      DataError: if the file is no DICOM image.
    """
    with _opened(path, header_only=True) as dataset:
        return int(dataset.Rows), int(dataset.Columns)


def is_grey(path: Path) -> bool:
    """Whether the pixels have no colour.

    Raises:
      DataError: if the file is no DICOM image.
    """
    with _opened(path, header_only=True) as dataset:
        return dataset.PhotometricInterpretation in GREYS


def describe(path: Path) -> Description:
    """Whom a file shows, and of which subgroups; nothing by which a person is named.

    Raises:
      DataError: if the file is no DICOM file.
    """
    with _opened(path, header_only=True) as dataset:
        person = dataset.get("PatientID") or dataset.get("StudyInstanceUID") or ""
        told = {
            column: str(dataset.get(keyword) or "unknown").lower()
            for column, keyword in SUBGROUPS.items()
        }
        told["age"] = _years(str(dataset.get("PatientAge") or ""))
    digest = hashlib.sha256(f"dermgan_jax/{person}".encode()).hexdigest()[:16]
    return Description(f"patient-{digest}" if person else "", told)


def _years(age: str) -> str:
    """DICOM's age, such as "045Y", "011M", in whole years."""
    number, unit = age[:-1], age[-1:]
    if not number.isdigit() or unit not in "DWMY":
        return "unknown"
    years = int(number) // {"D": 365, "W": 52, "M": 12, "Y": 1}[unit]
    return str(years) if years <= OLDEST else f"over {OLDEST}"


@contextmanager
def _opened(path: Path, header_only: bool = False) -> Iterator["pydicom.Dataset"]:
    """The opened file; what pydicom says while it is read becomes a fault naming the file."""
    try:
        import pydicom
    except ImportError as error:
        message = f"{path} is DICOM, which needs pydicom: pip install 'dermgan-jax[dicom]'"
        raise DataError([Fault("DICOM files", message)]) from error
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # it logs the errors that it raises
    try:
        with files.open_plain(path) as file:
            _require_moderate_unpacked(path, file)
            dataset = pydicom.dcmread(
                file, stop_before_pixels=header_only, defer_size=HEADER if header_only else None
            )
            yield dataset
    except DataError:
        raise
    except UserError as error:  # a pipe or the like, or too much in it
        raise DataError([Fault("unreadable images", str(error))]) from error
    except pydicom.errors.InvalidDicomError as error:
        raise _error("unreadable images", path, "is not DICOM: replace or remove it") from error
    except (RuntimeError, NotImplementedError) as error:  # how a missing decoder is told
        told = " ".join(str(error).split())
        raise _error("DICOM files", path, f"cannot be decoded: {told}") from error
    except Exception as error:  # pydicom raises whatever damage leads it to
        told = reason(error)
        message = f"cannot be read as a DICOM image ({told}): replace or remove it"
        raise _error("unreadable images", path, message) from error


def _require_moderate_unpacked(path: Path, file: IO[bytes]) -> None:
    """Checks a file that is compressed as a whole, which pydicom unpacks at once.

    Raises:
      UserError: if that is more than a file may become.
    """
    from pydicom.filereader import read_dataset
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    size = file.seek(0, io.SEEK_END)
    file.seek(PREAMBLE)
    # The first group tells what the others are written in.
    told = read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if told.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        budget, unpacking = Budget(str(path), size), zlib.decompressobj(-zlib.MAX_WBITS)
        some = file.read()
        while some and (unpacked := unpacking.decompress(some, STEP)):
            budget.take(len(unpacked))
            some = unpacking.unconsumed_tail
    file.seek(0)


def _error(kind: str, path: Path, message: str) -> DataError:
    return DataError([Fault(kind, f"{path} {message}")])

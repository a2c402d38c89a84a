"""Which image of a file that holds several (DICOM, TIFF): `data.frame`."""

from dermgan_jax.data.faults import DataError, Fault
from dermgan_jax.files import Path

NAMES = ("first", "middle", "last")


def is_frame(text: str) -> bool:
    """Whether a text names a frame: one of `NAMES`, a number from 1, or "" for none."""
    return text in ("", *NAMES) or (text.isdecimal() and int(text) > 0)


def index(path: Path, count: int, frame: str) -> int:
    """Position, from 0, of the image that is read.

    Args:
      path: of the file, for messages.
      count: of images in it; an only one is read whatever `frame` says.
      frame: first, middle, last (of an even number the earlier of two in the middle), a number
        from 1; "" names none.

    Raises:
      DataError: if the file holds several and none is named, or fewer than the number.
    """
    if count == 1:
        return 0
    if not frame:
        message = (
            f"holds {count} images: name one with data.frame ({', '.join(NAMES)} or its number), "
            "or save them one by one"
        )
        raise DataError([Fault("films", f"{path} {message}")])
    if frame in NAMES:
        return {"first": 0, "middle": (count - 1) // 2, "last": count - 1}[frame]
    if int(frame) > count:
        message = f"holds {count} images, and data.frame={frame}: name another, or remove the file"
        raise DataError([Fault("films", f"{path} {message}")])
    return int(frame) - 1

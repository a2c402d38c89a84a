"""What every page is made with: its templates, and pictures that lie inside the file."""

import base64
import contextlib
import hashlib
import io
import pathlib
import struct
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from dermgan_jax import files
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

LARGEST_PICTURE = 100_000_000  # pixels; the program writes none so large
LOSSLESS_PIXELS = 512 * 512  # larger pictures become JPEG


def environment() -> jinja2.Environment:
    """Finds this package's templates; a name that a template lacks is an error.

    `script` is the one that pages may run, `script_hash` what their policy knows it by.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (pathlib.Path(__file__).parent / "sheets.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    found.globals.update(script=Markup(script), script_hash=f"sha256-{digest}")
    return found


def write_page(path: Path, template: str, parts: Mapping[str, Any]) -> Path:
    """Writes a page, whole, and returns its path.

    Args:
      path: of the file.
      template: of this package.
      parts: what it shows, by name.
    """
    files.write_text(path, environment().get_template(template).render(parts))
    return path


def picture(image: Image.Image, max_width: int) -> dict[str, Any]:
    """Source and size of an <img>; `tiny` if it should be enlarged without smoothing.

    "drawn_width" is that of the image as it was given, in pixels.
    """
    image = image.convert("RGB")
    drawn_width, tiny = image.width, image.width <= max_width // 2
    if image.width > max_width:
        height = round(image.height * max_width / image.width)
        image = image.resize((max_width, height), Image.Resampling.LANCZOS)
    lossless = image.width * image.height <= LOSSLESS_PIXELS
    buffer = io.BytesIO()
    if lossless:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "JPEG", quality=92, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    return {
        "src": f"data:image/{'png' if lossless else 'jpeg'};base64,{data}",
        "width": image.width,
        "height": image.height,
        "drawn_width": drawn_width,
        "tiny": tiny,
    }


def picture_of(path: Path, max_width: int) -> dict[str, Any]:
    """`picture` of a file. Raises as `opened`."""
    with opened(path) as image:
        return picture(image, max_width)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """A picture that the program wrote, decoded.

    Raises:
      UserError: if it cannot be read, or is larger than what the program writes.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            if image.width * image.height > LARGEST_PICTURE:
                raise ValueError(f"{image.width} × {image.height} pixels")
            image.load()
            yield image
    # Of damaged files Pillow raises errors of many kinds.
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is no picture that can be shown ({error})") from error


def arrays(path: Path, *names: str) -> list[np.ndarray]:
    """Arrays of an .npz file that belongs to a study.

    Raises:
      UserError: if it lacks one of them, or cannot be read.
    """
    try:
        with files.open_arrays(path) as found:
            return [found[name] for name in names]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is damaged ({error}): run the study again") from error

"""What every page is made with: its templates, and pictures that lie inside the file."""

import base64
import io
import pathlib
from typing import Any

import jinja2
from PIL import Image

LOSSLESS_PIXELS = 512 * 512  # larger pictures become JPEG


def environment() -> jinja2.Environment:
    """Finds this package's templates; a name that a template lacks is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


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

"""A page of the pairs of a translation: what went in beside what came out, in order of names."""

import time

from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.image_sets import evenly_spaced
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.files import Path
from dermgan_jax.report.html import picture, picture_of, write_page
from dermgan_jax.report.run_record import utc
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.synthesis.image_folder import named_images

MOST = 1000  # pairs of a page; all of them lie in the file
WIDTH = 384  # pixels of a picture, at most


def build(workdir: Path, source: Path, out: Path, page: Path, direction: str) -> int:
    """Writes a page of the images of a folder and their translations, evenly spaced of very many.

    Args:
      workdir: of the translator, whose configuration says how images are read.
      source: the folder or file that was translated.
      out: the folder of translations.
      page: a file to write.
      direction: of the translation.

    Returns:
      How many pairs are on it.
    """
    names = list(named_images(source, out).items())
    shown = [names[row] for row in evenly_spaced(len(names), MOST)]
    read = SetReader.of([path for path, _ in names], WorkDir(workdir).read_config().data)
    pairs = [
        {
            "name": name.as_posix(),
            "given": picture(Image.fromarray(read(path).squeeze()), WIDTH),
            "made": picture_of(out / name, WIDTH),
        }
        for path, name in shown
    ]
    parts = {
        "pairs": pairs,
        "number": len(names),
        "direction": direction,
        "workdir": files.absolute(workdir).name,
        "made": utc(time.time()),
    }
    write_page(page, "input_output.html.jinja", parts)
    return len(pairs)

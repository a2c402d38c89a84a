"""What lies among the images of a data set and is not read as one."""

from collections import Counter

from dermgan_jax import listings
from dermgan_jax.data.decode import OTHER_SUFFIXES, SUFFIXES
from dermgan_jax.data.filled_folders import is_ours
from dermgan_jax.files import Path

SHOWN = 8  # kinds of files that a message names


def notes(folder: Path) -> list[str]:
    """How many files below a folder are no images, by the ends of their names.

    Those of `decode.OTHER_SUFFIXES` are told where images are listed, and what this program puts
    beside images is known.
    """
    others = listings.find_files(folder, but=SUFFIXES | OTHER_SUFFIXES)
    found = [path for path in others if not is_ours(path)]
    if not found:
        return []
    counts = Counter(path.suffix.lower() or "no suffix" for path in found).most_common()
    named = ", ".join(f"{suffix} {count}" for suffix, count in counts[:SHOWN])
    more = f" and {len(counts) - SHOWN} kinds more" if len(counts) > SHOWN else ""
    bare = next((path for path in found if not path.suffix), None)
    return [
        f"note: {len(found)} files below {folder} are not read as images: {named}{more}"
        + (f"; if such as {bare.name} are images, give them a suffix" if bare else "")
    ]

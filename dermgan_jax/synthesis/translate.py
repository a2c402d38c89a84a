"""Translates images of any size with a trained model: a folder to a folder, or .npz to .npz."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dermgan_jax import files
from dermgan_jax.data import npz_images
from dermgan_jax.data.decode import header_size
from dermgan_jax.data.faults import DataError
from dermgan_jax.data.image_files import write_npz
from dermgan_jax.data.image_marks import PREFIX
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.pixel_range import to_signed, to_uint8
from dermgan_jax.data.records import load_resolution
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.errors import UserError, printable
from dermgan_jax.files import Path
from dermgan_jax.models import translation
from dermgan_jax.models.contract import Translator, Variables
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs.restore import Restored, restore
from dermgan_jax.synthesis import corner_mark, made_by, output_folder
from dermgan_jax.synthesis.image_folder import groups_of_one_size, named_images
from dermgan_jax.synthesis.marked_images import MarkedImages

RECONSTRUCTED = "reconstructed"  # subfolder, or key of an .npz
ALIKE = 1.25  # times the size learned from, or less, is no other scale
LARGEST = 1024  # pixels; longer sides are translated in tiles
TILE, OVERLAP = 512, 128  # pixels


def translate(
    workdir: Path,
    source: Path,
    out: Path,
    direction: str = "AtoB",
    checkpoint: str = "latest",
    reconstruct: bool = False,
    overwrite: bool = False,
    value_range: Range | None = None,
    mark: bool = False,
) -> None:
    """Writes the translation of every image in its own size, of NAME.jpg as synthetic_NAME.png.

    Args:
      workdir: of a translator.
      source: a folder, its subfolders included, an image file, or an .npz with the key `images`.
      out: folder, or for an .npz a file ending in .npz: float32 in [-1, 1], not quantised.
      direction: one of the model's.
      checkpoint: "latest", "best" or a step.
      reconstruct: also translate back; in `out`/reconstructed, or under the key `reconstructed`.
      overwrite: remove what the program wrote to the folder before.
      value_range: of floats in an .npz that does not tell it.
      mark: draw a visible mark into a corner of each, see `corner_mark`; of files only.

    Raises:
      UserError: if the model, the direction or an image is at fault, or the folder holds images
        of anything else.
    """
    corner_mark.require_files(mark, out)
    restored = restore(workdir, checkpoint)
    directions = _directions(restored, workdir, direction, reconstruct)
    told = dataclasses.replace(
        made_by.made_by(workdir, restored, direction=direction),
        input=str(files.absolute(source)),
        corner_mark=mark,
    )
    made = MarkedImages(told)
    if source.suffix == ".npz":
        if out.suffix != ".npz":
            raise UserError(f"{source} is an .npz, so --out has to end in .npz too; it is {out}")
        _tell_of_other_arrays(source)
        given, arrays = _translated(restored, source, directions, value_range)
        made_by.begin(out, told)
        write_npz(path=out, **arrays)
        for key, images in arrays.items():
            made.note(images, key, originals=given)
        made_by.end(out, told, made.rows)
        print(f"{len(arrays['images'])} translated images in {out}")
        return
    names = named_images(source, out)
    _checked_sizes(restored.model, _header_sizes(names))
    written = [name.as_posix() for name in names.values()]
    if reconstruct:
        written += [f"{RECONSTRUCTED}/{name}" for name in written]
        _require_different(source, written)
    with output_folder.filling(out, told.asked("translate"), written, overwrite) as folder:
        made_by.begin(folder, told)
        _translate_files(restored, names, folder, directions, made)
        made_by.end(folder, told, made.rows)
    print(f"{len(names)} translated images in {out}, of NAME as {PREFIX}NAME.png")


def _require_different(source: Path, written: Sequence[str]) -> None:
    twins = [name for name, times in Counter(written).items() if times > 1]
    if twins:
        raise UserError(
            f"{source} has a folder {RECONSTRUCTED}, where --reconstruct would write {twins[0]} "
            "twice: rename that folder, or leave --reconstruct out"
        )


def _directions(
    restored: Restored, workdir: Path, direction: str, reconstruct: bool
) -> tuple[str, ...]:
    if not isinstance(restored.model, Translator):
        raise UserError(
            f"{workdir} holds a {restored.model.config.model.name}, which translates nothing; "
            "dermgan generate draws images from noise"
        )
    known = restored.model.directions
    if direction not in known:
        raise UserError(f"{workdir} cannot translate {direction!r}{did_you_mean(direction, known)}")
    back = translation.opposite(direction)
    if reconstruct and back not in known:
        raise UserError(f"{workdir} cannot translate {back}, which --reconstruct needs")
    directions = (direction, back) if reconstruct else (direction,)
    for wanted in directions:
        _require_trained(restored, workdir, wanted)
    return directions


def _require_trained(restored: Restored, workdir: Path, direction: str) -> None:
    for net in {"g", f"g_{direction}"} & set(restored.untrained):
        raise UserError(
            f"{workdir} was imported without the generator {net}: it cannot translate {direction}"
        )


def _translated(
    restored: Restored, source: Path, directions: Sequence[str], value_range: Range | None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Images of an .npz, and float32 `images` and, if there are two directions, `reconstructed`."""
    given = images = npz_images.open_floats(source, restored.model.data.channels, value_range)
    _checked_sizes(
        restored.model, {f"{source}: image {i}": images.shape[1:3] for i in range(len(images))}
    )
    found = {}
    for key, direction in zip(("images", RECONSTRUCTED), directions, strict=False):
        images = any_size(restored.model, restored.variables, images, direction)
        found[key] = images
    return given, found


def _tell_of_other_arrays(source: Path) -> None:
    others = npz_images.other_keys(source)
    if others:
        named = printable(", ".join(others), but="")
        print(f"note: of {source} only images are translated; {named} are left out")


def _translate_files(
    restored: Restored,
    names: Mapping[Path, Path],
    out: Path,
    directions: Sequence[str],
    made: MarkedImages,
) -> None:
    """Writes the translation of each file under its name."""
    model, data_config = restored.model, restored.model.config.data
    paths = list(names)
    read = SetReader.of(paths, data_config)
    numbers = {path: index for index, path in enumerate(paths)}
    folders = ("", f"{RECONSTRUCTED}/")
    with progress_bar(len(paths), "translating") as bar:
        for alike in groups_of_one_size(paths, read):
            images = to_signed(np.stack([image for _, image in alike]))
            for folder, direction in zip(folders, directions, strict=False):
                images = any_size(model, restored.variables, images, direction)
                for (path, given), image in zip(alike, to_uint8(images), strict=True):
                    made.save(
                        *(image, out, f"{folder}{names[path].as_posix()}"),
                        index=numbers[path],
                        original=given,
                        comment=made_by.TRANSLATED,
                    )
            bar.update(len(alike))


def _checked_sizes(model: Translator, sizes: Mapping[str, tuple[int, int]]) -> None:
    """Refuses images that are too small, all at once, and tells of another scale than learned.

    Args:
      model: that translates.
      sizes: name of an image -> (H, W).

    Raises:
      UserError: naming the first of those that are too small.
    """
    small = [name for name, size in sizes.items() if min(size) < model.smallest]
    if small:
        height, width = sizes[small[0]]
        others = f" (nor can it see {len(small) - 1} more)" if len(small) > 1 else ""
        raise UserError(
            f"{small[0]} is {width}x{height} pixels, which is less than this model can see at "
            f"once{others}: it needs sides of at least {model.smallest}"
        )
    learned = load_resolution(model.config.data)
    scales = [min(size) / learned for size in sizes.values()]
    strange = [scale for scale in scales if not 1 / ALIKE <= scale <= ALIKE]
    if strange:
        least, most = (f"{scale:.2g}" for scale in (min(strange), max(strange)))
        print(
            f"warning: the model has learned from whole images of {learned}x{learned} pixels, and "
            f"{len(strange)} of {len(scales)} images are {least} times as large"
            f"{'' if least == most else f' to {most} times'}: what they show has a scale that it "
            "never saw, nothing measured says what it makes of that, and it may change textures "
            f"only; images of {learned} pixels are what it knows"
        )


def _header_sizes(paths: Iterable[Path]) -> dict[str, tuple[int, int]]:
    """Sizes of files, none of which is decoded; all that are at fault are told together."""
    sizes, faults = {}, []
    for path in paths:
        try:
            sizes[str(path)] = header_size(path)
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(faults)
    return sizes


def any_size(
    model: Translator, variables: Variables, images: np.ndarray, direction: str
) -> np.ndarray:
    """Translates images of any one size: float32 (N, H, W, C) in [-1, 1] to the same.

    Sides are filled up by reflection to what the networks need and cut again. Images with a side
    over 1024 pixels are translated in tiles of 512 that overlap by 128 and are blended there.
    """
    height, width = images.shape[1:3]
    run = functools.partial(translation.translate, model, variables, direction=direction)
    if max(height, width) <= LARGEST:
        filled = _fill(
            images, [-(-side // model.multiple) * model.multiple for side in (height, width)]
        )
        return run(filled)[:, :height, :width]
    tile = -(-TILE // model.multiple) * model.multiple
    filled = _fill(images, [max(side, tile) for side in (height, width)])
    total = np.zeros_like(filled)
    weights = np.zeros((*filled.shape[1:3], 1), np.float32)
    window = _window(tile)
    for top in _starts(filled.shape[1], tile):
        for left in _starts(filled.shape[2], tile):
            here = (slice(top, top + tile), slice(left, left + tile))
            total[:, *here] += run(filled[:, *here]) * window
            weights[here] += window
    return (total / weights)[:, :height, :width]


def _fill(images: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    missing = [side - now for side, now in zip(sides, images.shape[1:3], strict=True)]
    if not any(missing):
        return images
    return np.pad(images, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")


def _starts(side: int, tile: int) -> list[int]:
    """Where tiles begin: evenly spaced, overlapping by at least `OVERLAP`."""
    count = 1 + -(-(side - tile) // (tile - OVERLAP))
    return [round(start) for start in np.linspace(0, side - tile, count)]


def _window(tile: int) -> np.ndarray:
    """(tile, tile, 1): 1 inside, falling towards the edges over the width of the overlap."""
    distance = np.minimum(np.arange(tile), np.arange(tile)[::-1]) + 1
    ramp = np.minimum(distance / OVERLAP, 1).astype(np.float32)
    return (ramp[:, None] * ramp)[..., None]

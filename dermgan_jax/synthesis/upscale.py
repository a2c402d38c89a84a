"""Enlarges images of any size with a trained model: a folder to a folder, or .npz to .npz."""

import dataclasses
from collections.abc import Mapping

import jax
import numpy as np

from dermgan_jax import files
from dermgan_jax.data import npz_images
from dermgan_jax.data.image_files import write_npz
from dermgan_jax.data.image_marks import PREFIX
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.pixel_range import to_signed, to_uint8, with_channels
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.errors import UserError, printable
from dermgan_jax.files import Path
from dermgan_jax.models.upscaler import Upscaler
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs.restore import LATEST, Restored, restore
from dermgan_jax.synthesis import corner_mark, made_by, output_folder
from dermgan_jax.synthesis.image_folder import groups_of_one_size, named_images
from dermgan_jax.synthesis.marked_images import MarkedImages
from dermgan_jax.synthesis.upscale_tiles import TILE, any_size


@dataclasses.dataclass(frozen=True)
class Between:
    """A network between two (ESRGAN's network interpolation): every tensor is a weighted mean.

    Attributes:
      workdir: of the other run, usually the one by pixels that the adversarial one began from.
      checkpoint: of it.
      alpha: share of the model's own tensors, from 0 to 1.
    """

    workdir: Path
    checkpoint: str
    alpha: float


def upscale(
    workdir: Path,
    source: Path,
    out: Path,
    checkpoint: str = LATEST,
    tile: int = TILE,
    between: Between | None = None,
    overwrite: bool = False,
    value_range: Range | None = None,
    mark: bool = False,
) -> None:
    """Writes every image enlarged, of NAME.jpg as synthetic_NAME.png; grey images stay grey.

    Args:
      workdir: of a model that enlarges.
      source: a folder, its subfolders included, an image file, or an .npz with the key `images`.
      out: folder, or for an .npz a file ending in .npz: float32 in [-1, 1], not quantised.
      checkpoint: "latest", "best" or a step.
      tile: longer sides are enlarged in overlapping tiles, in pixels of the images given.
      between: mix the network with another.
      overwrite: remove what the program wrote to the folder before.
      value_range: of floats in an .npz that does not tell it.
      mark: draw a visible mark into a corner of each, see `corner_mark`; of files only.

    Raises:
      UserError: if the model or an image is at fault, or the folder holds images of anything
        else.
    """
    corner_mark.require_files(mark, out)
    restored = restore_upscaler(workdir, checkpoint)
    how = f"{restored.model.scale} times, in tiles of {tile}"
    if between is not None:
        restored, mixed = mix(restored, between)
        how += mixed
    told = dataclasses.replace(
        made_by.made_by(workdir, restored, direction=how),
        input=str(files.absolute(source)),
        corner_mark=mark,
    )
    if source.suffix == ".npz":
        _upscale_arrays(restored, source, out, tile, told, value_range)
        return
    names = named_images(source, out)
    written = [name.as_posix() for name in names.values()]
    with output_folder.filling(out, told.asked("upscale"), written, overwrite) as folder:
        made_by.begin(folder, told)
        made = MarkedImages(told)
        _upscale_files(restored, names, folder, tile, made)
        made_by.end(folder, told, made.rows)
    print(f"{len(names)} enlarged images in {out}, of NAME as {PREFIX}NAME.png")


def restore_upscaler(workdir: Path, checkpoint: str = LATEST) -> Restored:
    """A model that enlarges, as its checkpoint holds it.

    Raises:
      UserError: if there is no such checkpoint, or it is of another kind of model.
    """
    found = restore(workdir, checkpoint)
    if not isinstance(found.model, Upscaler):
        raise UserError(
            f"{workdir} holds a {found.model.config.model.name}, which enlarges nothing: give the "
            "--workdir of a superres run"
        )
    return found


def mix(restored: Restored, between: Between) -> tuple[Restored, str]:
    """The model with tensors between its own and another's, and how to tell of it.

    Raises:
      UserError: if the other is not there or is of another network, naming a tensor.
    """
    if not 0 <= between.alpha <= 1:
        raise UserError(f"--alpha={between.alpha:g} is no share: from 0 to 1")
    other = restore_upscaler(between.workdir, between.checkpoint)
    own_g, other_g = restored.variables["g"], other.variables["g"]
    shapes, others = (
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(tree)}
        for tree in (own_g, other_g)
    )
    for name in (*shapes, *others):
        if shapes.get(name) != others.get(name):
            raise UserError(
                f"{between.workdir} holds another network: {name} is {others.get(name)} there and "
                f"{shapes.get(name)} here; networks are mixed tensor by tensor"
            )
    alpha = between.alpha
    mixed = jax.tree.map(lambda one, two: alpha * one + (1 - alpha) * two, own_g, other_g)
    told = f", {alpha:g} of it and {1 - alpha:g} of run {other.run}, step {other.step}"
    return dataclasses.replace(restored, variables={**restored.variables, "g": mixed}), told


def _upscale_arrays(
    restored: Restored,
    source: Path,
    out: Path,
    tile: int,
    told: made_by.MadeBy,
    value_range: Range | None,
) -> None:
    if out.suffix != ".npz":
        raise UserError(f"{source} is an .npz, so --out has to end in .npz too; it is {out}")
    others = npz_images.other_keys(source)
    if others:
        named = printable(", ".join(others), but="")
        print(f"note: of {source} only images are enlarged; {named} are left out")
    images = npz_images.open_floats(source, restored.model.data.channels, value_range)
    with files.open_arrays(source) as arrays, arrays.opened("images") as stored:
        is_grey = stored.shape[-1] == 1
    large = any_size(restored.model, restored.variables, images, tile)
    if is_grey:
        large = large.mean(-1, keepdims=True)
    made_by.begin(out, told)
    write_npz(large, out)
    made = MarkedImages(told)
    made.note(large, originals=images)
    made_by.end(out, told, made.rows)
    print(f"{len(large)} enlarged images in {out}")


def _upscale_files(
    restored: Restored, names: Mapping[Path, Path], out: Path, tile: int, made: MarkedImages
) -> None:
    """Writes each file enlarged under its name."""
    model, paths = restored.model, list(names)
    numbers = {path: index for index, path in enumerate(paths)}
    reader = SetReader.of(paths, model.config.data, channels=3)

    def read(path: Path) -> np.ndarray:
        return _without_empty_colour(reader(path))

    with progress_bar(len(paths), "enlarging") as bar:
        for alike in groups_of_one_size(paths, read):
            images = [_as_learned(image, path, model.data.channels) for path, image in alike]
            large = any_size(model, restored.variables, to_signed(np.stack(images)), tile)
            for (path, image), one in zip(alike, to_uint8(large), strict=True):
                if image.shape[-1] == 1:
                    one = to_uint8(to_signed(one).mean(-1, keepdims=True))
                made.save(
                    *(one, out, names[path].as_posix()),
                    index=numbers[path],
                    original=image,
                    comment=made_by.TRANSLATED,
                )
            bar.update(len(alike))


def _without_empty_colour(image: np.ndarray) -> np.ndarray:
    """An image uint8 (H, W, 3), as (H, W, 1) if it has no colour."""
    return image if np.ptp(image, axis=-1).any() else image[..., :1]


def _as_learned(image: np.ndarray, path: Path, channels: int) -> np.ndarray:
    """An image with as many channels as the model learned from.

    Raises:
      UserError: if its colours would be lost.
    """
    if image.shape[-1] > channels:
        raise UserError(
            f"{path} is coloured, and this model learned from grey images: convert it to grey, or "
            "use a model of colour images"
        )
    return with_channels(image, channels)

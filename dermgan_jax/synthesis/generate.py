"""Samples from a work directory: PNG files or an .npz, the same for the same seed."""

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np

from dermgan_jax import files
from dermgan_jax.data.image_files import png_names, write_npz
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError, printable
from dermgan_jax.files import Path
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler
from dermgan_jax.synthesis import corner_mark, made_by, output_folder
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.marked_images import MarkedImages
from dermgan_jax.synthesis.trained_sampler import TrainedSampler

NUM = 64  # images, unless asked for another number


def generate(
    workdir: Path,
    out: Path,
    num: int | None,
    drawing: Drawing,
    latents: Path | None = None,
    overwrite: bool = False,
    mark: bool = False,
) -> None:
    """Writes samples to a folder of PNG files, or unquantised float32 to a file ending in .npz.

    What made them is written beside them, and into every PNG file; see `marked_images`.

    Args:
      workdir: the run.
      out: folder, or file ending in .npz.
      num: how many, None for 64; of given latents all are drawn.
      drawing: how.
      latents: .npz whose key "z" (num, D) replaces the seed.
      overwrite: remove what the program wrote to the folder before.
      mark: draw a visible mark into a corner of each, see `corner_mark`; of PNG files only.

    Raises:
      UserError: if a checkpoint, a label, the latents, truncation or noise are at fault, an image
        has pixels that are not numbers, or the folder holds images of anything else.
    """
    corner_mark.require_files(mark, out)
    sampler = TrainedSampler(workdir, drawing)
    told = dataclasses.replace(sampler.made_by, corner_mark=mark)
    if latents is None:
        labels = sampler.labels(NUM if num is None else num)
        batches = sampler.drawn(labels)
    else:
        given = _read_latents(latents, sampler.model)
        if num is not None and num != len(given):
            print(f"note: {latents} holds {len(given)} latents, so --num={num} is left aside")
        if drawing.seed and drawing.noise != "random" and not sampler.model.conditional:
            print(f"note: --seed={drawing.seed} changes nothing: the latents are given")
        told = dataclasses.replace(told, latents=hashlib.sha256(given.tobytes()).hexdigest())
        labels = sampler.labels(len(given))
        batches = sampler.batches(given, labels)
    conditional = sampler.model.conditional
    made = MarkedImages(told, sampler.classes)
    if out.suffix == ".npz":
        named = {"labels": labels} if conditional else {}
        images = np.concatenate(list(batches))
        to_uint8(images)  # which refuses what is no image
        made_by.begin(out, told)
        write_npz(images, out, **named)
        made.note(images, labels=labels if conditional else None)
        made_by.end(out, told, made.rows)
    else:
        of_classes = (labels, sampler.classes) if conditional else ()
        names = png_names(len(labels), *of_classes)
        with output_folder.filling(out, told.asked("generate"), names, overwrite) as folder:
            made_by.begin(folder, told)
            _write_files(batches, folder, made, names, labels if conditional else None)
            made_by.end(folder, told, made.rows)
    print(f"{len(labels)} synthetic images of checkpoint {told.checkpoint} in {out}")


def _write_files(
    batches: Iterator[np.ndarray],
    folder: Path,
    made: MarkedImages,
    names: list[str],
    labels: np.ndarray | None,
) -> None:
    images = (image for batch in batches for image in to_uint8(batch))
    for index, (name, image) in enumerate(zip(names, images, strict=True)):
        label = None if labels is None else int(labels[index])
        made.save(image, folder, name, index=index, label=label)


def _read_latents(path: Path, model: Sampler) -> np.ndarray:
    try:
        with files.open_arrays(path) as arrays:
            others = sorted({*arrays} - {"z"})
            latents = arrays["z"]
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not an .npz file with the key 'z': {error}") from error
    if others:
        named = printable(", ".join(others), but="")
        print(f"note: of {path} only z is read; {named} are left out")
    expected = sampling.draw_latents(model, 0, 1).shape[1]
    if latents.ndim != 2 or latents.shape[1] != expected or not len(latents):
        raise UserError(f"latents in {path} are {latents.shape}; expected (num, {expected})")
    if not np.issubdtype(latents.dtype, np.floating) or not np.isfinite(latents).all():
        raise UserError(f"latents in {path} have to be finite real numbers")
    return latents.astype(np.float32)

"""A walk through the latent space: neighbouring latents make similar images, none is a copy."""

import dataclasses
import json
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

import numpy as np
from PIL import Image

from dermgan_jax import files
from dermgan_jax.data.image_files import grid, large_enough, write_pngs
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import StyleSampler
from dermgan_jax.synthesis import corner_mark, output_folder
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.made_by import SYNTHETIC, MadeBy
from dermgan_jax.synthesis.marked_images import save_sheet
from dermgan_jax.synthesis.trained_sampler import TrainedSampler

SPACES = ("z", "w")
FILES = ("strip.png", "walk.gif", "walk.mp4")
FRAMES_PER_SECOND = 12
STEPS = 12  # frames from one anchor to the next


def slerp(start: np.ndarray, end: np.ndarray, fraction: float) -> np.ndarray:
    """Between two vectors along the arc from one direction to the other.

    Directions turn at constant speed and lengths change linearly, so that normal latents stay as
    long as normal latents are (Shoemake 1985; White 2016, arXiv:1609.04468).

    Args:
      start, end: (D,), not opposite to each other.
      fraction: 0 gives `start`, 1 gives `end`.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    directions = start / lengths[0], end / lengths[1]
    angle = np.arccos(np.clip(np.dot(*directions), -1.0, 1.0))
    length = lengths[0] + fraction * (lengths[1] - lengths[0])
    if angle < 1e-6:
        return length * directions[0]
    shares = np.sin((1 - fraction) * angle), np.sin(fraction * angle)
    return length * (shares[0] * directions[0] + shares[1] * directions[1]) / np.sin(angle)


def walk_latents(anchors: np.ndarray, steps: int) -> np.ndarray:
    """A closed walk (len(anchors) × steps, D) through latents (N, D), by `slerp`."""
    following = np.roll(anchors, -1, axis=0)
    return np.stack(
        [
            slerp(start, end, step / steps)
            for start, end in zip(anchors, following, strict=True)
            for step in range(steps)
        ]
    ).astype(np.float32)


def walk_styles(anchors: np.ndarray, steps: int) -> np.ndarray:
    """A closed walk (len(anchors) × steps, layers, D) through styles (N, layers, D), straight."""
    following = np.roll(anchors, -1, axis=0)
    fractions = np.arange(steps, dtype=np.float32)[:, None, None] / steps
    parts = [a + fractions * (b - a) for a, b in zip(anchors, following, strict=True)]
    return np.concatenate(parts).astype(np.float32)


def interpolate(
    workdir: Path,
    out: Path,
    num: int,
    drawing: Drawing,
    space: str = "z",
    steps: int = STEPS,
    overwrite: bool = False,
    mark: bool = False,
) -> list[Path]:
    """Writes a closed walk: OUT/strip.png, OUT/walk.gif and, with ffmpeg, OUT/walk.mp4.

    Args:
      workdir: the run.
      out: a folder.
      num: anchors; the walk returns to the first.
      drawing: of the anchors; without a label, the walk is in the class of the first.
      space: "z", along arcs between latents, or "w", straight between styles.
      steps: frames from one anchor to the next.
      overwrite: remove what the program wrote to the folder before.
      mark: draw a visible mark into a corner of the strip and of each frame, see `corner_mark`.

    Returns:
      The files.

    Raises:
      UserError: if there are fewer than two anchors, the model has no such space, or the folder
        holds images of anything else.
    """
    if num < 2:
        raise UserError(f"--num is {num}: a walk needs at least two anchors")
    if space not in SPACES:
        raise UserError(f"--space is {space!r}; expected z or w")
    sampler = TrainedSampler(workdir, drawing)
    told = dataclasses.replace(sampler.made_by, corner_mark=mark)
    asked = {**told.asked("interpolate"), "num": num, "space": space, "steps": steps}
    output_folder.require_room(out, asked, overwrite, FILES)
    model, variables = sampler.model, sampler.variables
    latents = sampler.latents(num)
    labels = np.full(num * steps, sampler.labels(num)[0], np.int32)
    if space == "w":
        if not isinstance(model, StyleSampler):
            raise UserError(
                f"{workdir} holds a {model.config.model.name}, which has no styles: walk in "
                "--space=z"
            )
        anchors = sampling.styles(
            *(model, variables, latents, labels[:num]),
            *(drawing.truncation, drawing.truncation_cutoff),
        )
        images = sampling.synthesize(model, variables, walk_styles(anchors, steps))
    else:
        walk = walk_latents(latents, steps)
        images = np.concatenate(list(sampler.batches(walk, labels)))
    with output_folder.filling(out, asked, FILES, overwrite) as folder:
        made = write_walk(to_uint8(images), folder, steps, told)
    paths = [out / path.name for path in made]
    print(f"synthetic images in {', '.join(map(str, paths))}")
    return paths


def write_walk(frames: np.ndarray, out: Path, steps: int, told: MadeBy) -> list[Path]:
    """Writes frames uint8 (N, H, W, C) as strip.png, walk.gif and, with ffmpeg, walk.mp4.

    The strip has a row from each anchor to the next, with `steps` images. Small ones are enlarged
    (`image_files.large_enough`). All say what made them.
    """
    frames = large_enough(frames)
    paths = [out / name for name in FILES[:2]]
    save_sheet(grid(frames, len(frames) // steps, steps), paths[0], told)
    if told.corner_mark:
        frames = corner_mark.marked(frames)
    comment = f"{SYNTHETIC}; {json.dumps(told.png_facts())}"
    pictures = [Image.fromarray(frame.squeeze()) for frame in frames]
    with files.replacing(paths[1]) as file:
        pictures[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / FRAMES_PER_SECOND),
            loop=0,
            comment=comment,
        )
    if ffmpeg := shutil.which("ffmpeg"):
        paths.append(_write_mp4(ffmpeg, frames, out / FILES[2], comment))
    return paths


def _write_mp4(ffmpeg: str, frames: Sequence[np.ndarray], path: Path, comment: str) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        write_pngs(np.asarray(frames), pathlib.Path(folder))
        made = pathlib.Path(folder) / path.name
        # H.264 in a form that every player reads, whose sides have to be even.
        encode = [
            "-metadata",
            f"comment={comment}",
            "-vf",
            "pad=ceil(iw/2)*2:ceil(ih/2)*2",
            "-pix_fmt",
            "yuv420p",
        ]
        source = ["-framerate", str(FRAMES_PER_SECOND), "-i", f"{folder}/%06d.png"]
        command = [ffmpeg, "-y", "-loglevel", "error", *source, *encode, str(made)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"ffmpeg could not write {path}: {done.stderr.strip()}")
        files.copy(made, path)
    return path

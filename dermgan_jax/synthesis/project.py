"""Projection: the latent whose image is perceptually nearest to a given one.

As in StyleGAN2 (Karras et al. 2020, appendix D): Adam from the average style, a learning rate that
ramps up and falls as a cosine, and noise on the style that fades out; the distance is LPIPS. The
generator's own noise stays as it is instead of being fitted, which would fit anything. A model
without styles is projected in its latent space, from a latent of seed 0.
"""

import csv
import dataclasses
import functools
import io
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dermgan_jax import files
from dermgan_jax.data import decode, squares
from dermgan_jax.data.image_files import grid, large_enough, write_npz
from dermgan_jax.data.image_sets import open_images
from dermgan_jax.data.npz_images import Range
from dermgan_jax.data.pixel_range import to_signed, to_uint8
from dermgan_jax.data.set_reader import SetReader
from dermgan_jax.errors import UserError
from dermgan_jax.features import lpips_net
from dermgan_jax.files import Path
from dermgan_jax.metrics import lpips
from dermgan_jax.models import sampling
from dermgan_jax.models.contract import Sampler, Stage, StyleSampler, Variables
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.synthesis import output_folder
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.marked_images import save_sheet
from dermgan_jax.synthesis.trained_sampler import TrainedSampler

SHEET_COMMENT = "left: given images; right: synthetic images of a model"
FILES = ("sheet.png", "latents.npz", "distances.csv")
LEARNING_RATE = 0.1
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # parts of the steps
EXTRA_NOISE, NOISE_PART = 0.05, 0.75  # of the spread of styles; part of the steps with noise
SPREAD_OF = 1024  # styles from which their spread is taken
ADAM = optax.scale_by_adam(b1=0.9, b2=0.999)


def learning_rate(part: float) -> float:
    """The share of the learning rate after `part` of the steps, from 0 to 1."""
    falling = min(1.0, (1.0 - part) / RAMP_DOWN)
    return (0.5 - 0.5 * math.cos(math.pi * falling)) * min(1.0, part / RAMP_UP)


class Projector:
    """Finds latents of images.

    Args:
      sampler: a trained model; of a conditional one, with a class, or the first one drawn.
      lpips_weights: folder of the weights of LPIPS (AlexNet), looked into first.

    Raises:
      UserError: if the weights are not found, or the model's images are too small for LPIPS.
    """

    def __init__(self, sampler: TrainedSampler, lpips_weights: Path | None = None):
        self.sampler = sampler
        self.model: Sampler = sampler.model
        smallest = lpips_net.TRUNKS["alex"].smallest_side
        if min(self.model.data.height, self.model.data.width) < smallest:
            raise UserError(
                f"the model makes images of {self.model.data.width}x{self.model.data.height} "
                f"pixels; LPIPS needs sides of at least {smallest}"
            )
        self.params = jax.device_put(lpips_net.load("alex", lpips_weights))
        self.labels = sampler.labels(1)
        self.start, self.spread = self._start()

    def _start(self) -> tuple[np.ndarray, float]:
        """Where every search starts, (1, D), and how far latents spread around it."""
        model, variables = self.model, self.sampler.variables
        if not isinstance(model, StyleSampler):
            return sampling.draw_latents(model, 0, 1), 1.0
        latents = sampling.draw_latents(model, 0, SPREAD_OF)
        labels = np.repeat(self.labels, SPREAD_OF)
        styles = sampling.styles(model, variables, latents, labels)[:, 0]
        mean = styles.mean(axis=0, keepdims=True)
        return mean, float(np.sqrt(np.square(styles - mean).sum() / SPREAD_OF))

    def project(self, target: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
        """The nearest latent to one image.

        Args:
          target: float32 (H, W, C) in [-1, 1], of the model's size.
          steps: of Adam; the original takes 1,000.

        Returns:
          The latent z, or the style w of all layers, (D,); its image float32 (H, W, C); and the
          LPIPS distance between the two.
        """
        stage = self.sampler.stage
        traced = {name: np.float32(value) for name, value in stage.traced.items()}
        fixed = _Fixed(
            self.sampler.variables, self.params, traced, jnp.asarray(target)[None], self.labels
        )
        search = _Search.begin(jnp.asarray(self.start))
        for step in range(steps):
            part = step / steps
            fade = max(0.0, 1.0 - part / NOISE_PART) ** 2
            pace = _Pace(
                np.uint32(step),
                np.float32(self.spread * EXTRA_NOISE * fade),
                np.float32(LEARNING_RATE * learning_rate(part)),
            )
            search = _step(self.model, stage.image_size, fixed, search, pace)
        image = _image(self.model, stage.image_size, fixed, search.latent)
        distance = lpips.per_image("alex", self.params, image, fixed.target)
        return np.asarray(search.latent[0]), np.asarray(image[0]), float(distance[0])


class _Fixed(NamedTuple):
    """What a search does not change: nets, their stage, and the target (1, H, W, C)."""

    variables: Variables
    lpips_params: Any
    traced: dict[str, jax.Array]
    target: jax.Array
    labels: jax.Array


class _Search(NamedTuple):
    """Where a search is: the latent (1, D), and Adam's moments."""

    latent: jax.Array
    moments: optax.OptState

    @classmethod
    def begin(cls, latent: jax.Array) -> "_Search":
        return cls(latent, ADAM.init(latent))


class _Pace(NamedTuple):
    """What changes from step to step: its number, the spread of noise, the learning rate."""

    step: np.uint32
    spread: np.float32
    rate: np.float32


def _image(
    model: Sampler, image_size: tuple[int, int], fixed: _Fixed, latent: jax.Array
) -> jax.Array:
    """The image (1, H, W, C) of a latent or of a style for all layers, (1, D)."""
    variables, labels = fixed.variables, fixed.labels
    if not isinstance(model, StyleSampler):
        return model.sample(variables, latent, labels, Stage(image_size, 1, {}, fixed.traced))
    layers = jax.eval_shape(
        model.styles, variables, jax.eval_shape(lambda: model.latents(jax.random.key(0), 1)), labels
    ).shape[1]
    return model.synthesize(variables, jnp.repeat(latent[:, None], layers, axis=1))


@functools.partial(jax.jit, static_argnames=("model", "image_size"))
def _step(
    model: Sampler, image_size: tuple[int, int], fixed: _Fixed, search: _Search, pace: _Pace
) -> _Search:
    """One step of Adam on one latent."""
    noise = pace.spread * jax.random.normal(jax.random.key(pace.step), search.latent.shape)

    def distance(latent: jax.Array) -> jax.Array:
        image = _image(model, image_size, fixed, latent + noise)
        return lpips.per_image("alex", fixed.lpips_params, image, fixed.target).sum()

    update, moments = ADAM.update(jax.grad(distance)(search.latent), search.moments)
    return _Search(search.latent - pace.rate * update, moments)


def project(
    workdir: Path,
    source: Path,
    out: Path,
    drawing: Drawing,
    steps: int = 300,
    weights: Path | None = None,
    overwrite: bool = False,
    value_range: Range | None = None,
    mark: bool = False,
) -> None:
    """Writes each image's nearest one: OUT/sheet.png, latents.npz, distances.csv.

    The sheet has the given image on the left and what the model makes of it on the right, small
    ones enlarged (`image_files.large_enough`); latents.npz holds them as they are. A given image
    that comes out nearly equal may be one that the model has memorised; images it never saw stay
    at a distance.

    Args:
      workdir: the run.
      source: an image, a folder or an .npz; files of other sizes are fitted as training data are.
      out: a folder.
      drawing: which checkpoint and, of conditional models, which class.
      steps: of Adam for each image.
      weights: folder of pretrained weights, looked into first.
      overwrite: remove what the program wrote to the folder before.
      value_range: of floats in an .npz that does not tell it.
      mark: draw a visible mark into a corner of the sheet, see `corner_mark`.

    Raises:
      UserError: if the model, an image or the weights are at fault, or the folder holds images of
        anything else.
    """
    if steps < 1:
        raise UserError(f"--steps is {steps}: at least 1")
    sampler = TrainedSampler(workdir, drawing)
    names, images = _targets(source, sampler.model, value_range)
    told = dataclasses.replace(sampler.made_by, input=str(files.absolute(source)), corner_mark=mark)
    asked = {**told.asked("project"), "steps": steps}
    output_folder.require_room(out, asked, overwrite, FILES)
    projector = Projector(sampler, weights)
    found = []
    with progress_bar(len(images), "projecting") as bar:
        for image in images:
            found.append(projector.project(to_signed(image), steps))
            bar.update(1)
    latents, made, distances = zip(*found, strict=True)
    sheet = np.stack([images, to_uint8(np.stack(made))], axis=1)
    pairs = grid(large_enough(sheet.reshape(-1, *images.shape[1:])), len(images), 2)
    key = "w" if isinstance(sampler.model, StyleSampler) else "z"
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerows([("image", "lpips_alex"), *zip(names, distances, strict=True)])
    with output_folder.filling(out, asked, FILES, overwrite) as folder:
        save_sheet(pairs, folder / FILES[0], told, SHEET_COMMENT)
        write_npz(np.stack(made), folder / FILES[1], **{key: np.stack(latents)})
        files.write_text(folder / FILES[2], table.getvalue())
    print(f"{len(images)} images projected, LPIPS {np.mean(distances):.4f} on average: {out}")


def _targets(
    source: Path, model: Sampler, value_range: Range | None
) -> tuple[list[str], np.ndarray]:
    """Names, and images uint8 (N, H, W, C) of the model's size."""
    size = (model.data.height, model.data.width)
    channels = model.data.channels
    if source.suffix == ".npz":
        images = np.asarray(open_images(source, channels, value_range=value_range)[:])
        if images.shape[1:3] != size:
            raise UserError(
                f"images in {source} are {images.shape[2]}x{images.shape[1]} pixels; the model "
                f"makes {size[1]}x{size[0]}"
            )
        return [str(i) for i in range(len(images))], images
    paths = [source]
    if source.is_dir():
        paths = decode.find_images(source)
    if not paths or not paths[0].exists():
        raise UserError(f"{source} holds no images ({', '.join(sorted(decode.SUFFIXES))})")
    crop = model.config.data.fit == "crop"
    fit = squares.to_square if crop else squares.stretch_to_square
    read = SetReader.of(paths, model.config.data, channels)
    images = [fit(read(path), size[0]) for path in paths]
    return [path.name for path in paths], np.stack(images)

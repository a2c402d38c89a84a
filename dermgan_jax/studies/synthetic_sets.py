"""The synthetic images of a study: drawn once, filtered, and dealt out to the arms."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict
from PIL import Image

from dermgan_jax import files, listings
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.class_folders import folder_of
from dermgan_jax.data.image_files import png_names, save_image, write_pngs
from dermgan_jax.data.image_marks import pixel_digest
from dermgan_jax.data.pixel_range import to_uint8
from dermgan_jax.data.prepare import at_full_size, prepare
from dermgan_jax.data.splits import TRAIN
from dermgan_jax.data.squares import stretch_to_square
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.registry import did_you_mean
from dermgan_jax.runs import ancestry, provenance
from dermgan_jax.runs.restore import LATEST, checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir
from dermgan_jax.studies.augmentation_arms import (
    ONLY,
    REDUCED,
    SWEEP,
    UNFILTERED,
    arm_names,
    filter_rule,
    filtered_arms,
    is_synthetic,
    sweep_name,
)
from dermgan_jax.studies.study_folder import identity, key_of, read_json
from dermgan_jax.synthesis import made_by, manifest
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.filter import Criterion, filter_images
from dermgan_jax.synthesis.marked_images import MarkedImages, renewed
from dermgan_jax.synthesis.quality_rules import DISCRIMINATOR
from dermgan_jax.synthesis.trained_sampler import TrainedSampler

POOL, NATIVE = "pool", "native"
MADE = "made.json"


def make(
    config: FrozenConfigDict,
    data: Catalogue,
    generator: Path,
    folder: Path,
    weights: Path | None = None,
) -> dict[str, Path]:
    """Draws and filters the images of all arms, unless they lie there already.

    Writes FOLDER/ARM/CLASS/*.png and, when all is complete, FOLDER/made.json. Images smaller than
    the study's are drawn and filtered as they are, under FOLDER/native, and then enlarged.

    Args:
      config: of the study.
      data: the study's real images.
      generator: work directory of the GAN.
      folder: to write to.
      weights: folder where pretrained weights are looked for first.

    Returns:
      Arm -> folder of its images.

    Raises:
      UserError: if the GAN learned from another split or other images, or does not know a class.
    """
    arms = [arm for arm in arm_names(config) if is_synthetic(arm)]
    folders = {arm: folder / arm for arm in arms}
    step = require_fitting(config, data, generator)
    wanted = counts(config, data)
    keys = {arm: _key(config, data, generator, step, arm, wanted) for arm in arms}
    side, own_side = config.data.resolution, WorkDir(generator).read_config().data.resolution
    if REDUCED in config.arms:
        folders[REDUCED] = folder / REDUCED
        keys[REDUCED] = key_of(data.split_hash, config.data.fit, side, own_side)
    if (folder / MADE).is_file() and read_json(folder / MADE)["keys"] == keys:
        return folders
    files.remove_folder(folder)
    native = folder if own_side == side else folder / NATIVE
    told = _draw(config, data, generator, folder / POOL, wanted)
    for arm, of_classes in wanted.items():
        _deal(folder / POOL, native / arm, of_classes, told)
    for arm in filtered_arms(arms):
        rule, synthesis = filter_rule(arm, config), config.synthesis
        features = None if rule == DISCRIMINATOR else synthesis.features
        criterion = Criterion(rule, synthesis.keep, features=features)
        filter_images(generator, native / UNFILTERED, native / arm, criterion, weights=weights)
    if native != folder:
        for arm in arms:
            _enlarge(native / arm, folder / arm, side)
    if REDUCED in config.arms:
        _reduce(config, data, own_side, folder / REDUCED)
    made = {"keys": keys, "split_hash": data.split_hash, "generator": str(generator), "step": step}
    files.write_text(folder / MADE, json.dumps(made, indent=2) + "\n")
    return folders


def _key(
    config: FrozenConfigDict,
    data: Catalogue,
    generator: Path,
    step: int,
    arm: str,
    wanted: Mapping[str, Mapping[str, int]],
) -> str:
    """What an arm's images depend on, which other arms are not part of."""
    synthesis = config.synthesis
    # Of equal configuration, split and step are equal networks, wherever they lie.
    own = identity(WorkDir(generator).read_naming_config())
    source = [own, data.split_hash, step, synthesis.seed]
    if own["data.resolution"] != config.data.resolution:
        source.append(config.data.resolution)
    if rule := filter_rule(arm, config):
        return key_of(source, wanted[UNFILTERED], [rule, synthesis.keep, synthesis.features])
    return key_of(source, wanted[arm])


def counts(config: Mapping[str, Any], data: Catalogue) -> dict[str, dict[str, int]]:
    """Arm -> class -> number of images. Those to be filtered count as "unfiltered"."""
    synthesis, arms = config["synthesis"], config["arms"]
    real = dict(zip(data.classes, data.class_counts(TRAIN), strict=True))
    found = {}
    if UNFILTERED in arms or filtered_arms(arms):
        found[UNFILTERED] = dict.fromkeys(synthesis["classes"], synthesis["candidates"])
    for times in synthesis["sweep"] if SWEEP in arms else ():
        more = {name: max(round(times * real[name]), 1) for name in synthesis["classes"]}
        found[sweep_name(times)] = more
    if ONLY in arms:
        found[ONLY] = real
    return found


def require_fitting(config: Mapping[str, Any], data: Catalogue, generator: Path) -> int:
    """The step of the GAN's checkpoint, if it may be used with these data at all.

    Raises:
      UserError: naming what does not fit.
    """
    own = WorkDir(generator).read_config()
    step, facts = checkpoint_facts(generator, _checkpoint(config))
    _require_same_split(generator, facts["split_hash"], data, own)
    side, own_side = config["data"]["resolution"], own.data.resolution
    if own_side > side or own.data.channels != config["data"]["channels"]:
        raise UserError(
            f"{generator} makes images of {own_side}x{own_side} pixels in {own.data.channels} "
            f"channels, the study's are {side}x{side} in {config['data']['channels']}: set "
            "data.resolution and data.channels to the GAN's; smaller images than the study's are "
            "enlarged"
        )
    if REDUCED in config["arms"] and own_side == side:
        raise UserError(
            f"{generator} makes images of the study's own size, {side}x{side}: leave {REDUCED} out "
            "of arms"
        )
    _require_classes(config, data, generator, tuple(facts["classes"]), own)
    return step


def _checkpoint(config: Mapping[str, Any]) -> str:
    """Of the GAN; studies of before have no such field."""
    return config["synthesis"].get("checkpoint", LATEST)


def _require_same_split(
    generator: Path, split_hash: str, data: Catalogue, own: FrozenConfigDict
) -> None:
    if split_hash == provenance.IMPORTED:
        raise UserError(
            f"{generator} was imported and its training data are not known: test images may be "
            "among them, so the study does not use it"
        )
    if split_hash != data.split_hash:
        raise UserError(
            f"{generator} was trained on split {split_hash[:12]} and the study is on split "
            f"{data.split_hash[:12]}: test images may be among what the GAN learned from; train "
            "one with the study's data settings, or leave synthesis.workdir empty"
        )
    for each in ancestry.ancestors(generator):
        if each.may_have_seen_held_out(data.split_hash):
            raise UserError(
                f"{generator} began with networks of {each.workdir} (train.init_from), which "
                f"learned from {each.images}, not from the study's training split alone: test "
                "images may be among them; use a GAN whose networks learned from nothing else"
            )
    if own.data.split != TRAIN:
        raise UserError(
            f"{generator} learned from the split {own.data.split!r} (data.split): train a GAN on "
            f"data.split={TRAIN!r}"
        )


def _require_classes(
    config: Mapping[str, Any],
    data: Catalogue,
    generator: Path,
    known: tuple[str, ...],
    own: FrozenConfigDict,
) -> None:
    wanted = set(config["synthesis"]["classes"])
    if ONLY in config["arms"]:
        wanted |= set(data.classes)
    for name in sorted(wanted):
        if name not in known:
            alone = " and leave synthetic_only out of arms" if ONLY in config["arms"] else ""
            raise UserError(
                f"{generator} does not know the class {name!r}{did_you_mean(name, known)}: name "
                f"others in synthesis.classes{alone}"
            )
    if len(known) > 1 and not own.model.get("conditional", False):
        raise UserError(
            f"{generator} learned from {len(known)} classes without telling them apart: set "
            "model.conditional, or train it on one class (data.classes)"
        )


def _draw(
    config: FrozenConfigDict,
    data: Catalogue,
    generator: Path,
    pool: Path,
    wanted: Mapping[str, Mapping[str, int]],
) -> dict[str, MarkedImages]:
    """Writes POOL/CLASS/*.png, as many of each class as any arm needs.

    Returns:
      Class -> its images.
    """
    checkpoint = _checkpoint(config)
    sampler, told = TrainedSampler(generator, Drawing(checkpoint=checkpoint)), {}
    for index, name in enumerate(data.classes):
        num = max(of_classes.get(name, 0) for of_classes in wanted.values())
        if not num:
            continue
        label = name if sampler.model.conditional else None
        seed = config.synthesis.seed + index
        own = sampler.with_drawing(Drawing(seed=seed, checkpoint=checkpoint, label=label))
        made = told[name] = MarkedImages(own.made_by, sampler.classes)
        known = sampler.classes.index(name) if sampler.model.conditional else None
        files_of = iter(png_names(num))
        for images in own.drawn(own.labels(num)):
            for image in to_uint8(images):
                file = f"{folder_of(name)}/{next(files_of)}"
                made.save(image, pool, file, index=len(made.rows), label=known)
    return told


def _enlarge(native: Path, folder: Path, side: int) -> None:
    """Copies all of an arm, its images enlarged to the study's side."""
    rows = manifest.read(native)
    for file in listings.find_files(native, (".png", ".json", ".csv")):
        if file.name == manifest.NAME:
            continue
        target = folder / file.relative_to(native)
        if file.suffix != ".png":
            files.copy(file, target)
            continue
        with file.open("rb") as opened, Image.open(opened) as image:
            text = {key: value for key, value in image.info.items() if isinstance(value, str)}
            pixels = np.asarray(image)
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        files.make_folder(target.parent)
        enlarged = stretch_to_square(pixels, side)
        save_image(enlarged, target, renewed(text, enlarged))
        if row := rows.get(name := file.relative_to(native).as_posix()):
            rows[name] = row._replace(pixels_sha256=pixel_digest(enlarged))
    manifest.write(folder, list(rows.values()))


def _reduce(config: FrozenConfigDict, data: Catalogue, own_side: int, folder: Path) -> None:
    """Writes the real training images, reduced to the generator's side and enlarged again."""
    side, rows = config.data.resolution, data.indices(TRAIN)
    images = prepare(data, at_full_size(config.data)).images
    for label, name in enumerate(data.classes):
        for number, row in enumerate(rows[data.labels[rows] == label]):
            small = stretch_to_square(images[row : row + 1][0], own_side)
            enlarged = stretch_to_square(small, side)[None]
            write_pngs(enlarged, folder / folder_of(name), first=number)


def _deal(
    pool: Path, folder: Path, numbers: Mapping[str, int], told: Mapping[str, MarkedImages]
) -> None:
    """Copies the first so many images of each class, and what made them."""
    for name, num in numbers.items():
        of_class = folder_of(name)
        for file in listings.listing(pool / of_class)[1][:num]:
            files.copy(file, folder / of_class / file.name)
    whole = [told[name].told for name in numbers]
    rows = [row for name, num in numbers.items() for row in told[name].rows[:num]]
    # Classes have seeds of their own; each file says its own.
    common = whole[0] if len(whole) == 1 else dataclasses.replace(whole[0], drawing=None)
    made_by.end(folder, common, rows)

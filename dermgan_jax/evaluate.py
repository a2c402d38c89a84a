"""Measures one set of images against another: the same numbers during training and afterwards."""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.image_files import read_images
from dermgan_jax.data.prepare import catalogue, prepare
from dermgan_jax.errors import UserError
from dermgan_jax.features.base import Features
from dermgan_jax.features.kept import features_of
from dermgan_jax.metrics.protocol import MetricValue, choose, lower_bound

SPLITS = ("train", "val", "test", "all")
# Below this many images FID depends on their number more than on what they show: its covariance
# has 2048 dimensions.
ENOUGH_FOR_FID = 2048
LEAST_FOR_BOUND = 12  # real images of which two halves can be compared by any feature metric


def evaluate(
    real: str,
    fake: str,
    metrics: Sequence[str],
    *,
    num: int,
    seed: int,
    config: FrozenConfigDict | None = None,
    weights: Path | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Compares two sides, prints a table, and writes it as JSON if asked.

    Each side is a folder of images, an .npz, DATASET:SPLIT, or a work directory that is sampled.

    Args:
      real, fake: the sides. All real images are read, so that the lower bound has a choice.
      metrics: registered names.
      num: fake images at most; SWD cuts both sides to one number.
      seed: of samples and metrics.
      config: says how DATASET:SPLIT is prepared and whether real images are mirrored; the default
        is the configuration of a side that is a work directory.
      weights: folder where pretrained weights are looked for first.
      out: JSON file.

    Returns:
      {"real", "fake", "seed", "metrics": see `evaluate_arrays`, "warnings"}.

    Raises:
      UserError: if a side cannot be read, sizes differ, a metric is unknown or lacks its weights.
    """
    for name in metrics:
        registry.load("metric", name)
    config = config or _config_of_a_workdir(real, fake)
    real_images = _read_side(real, None, num, seed, config)
    fake_images = _read_side(fake, num, num, seed, config)
    if real_images.shape[1:] != fake_images.shape[1:]:
        raise UserError(
            f"images of {real} are {_size(real_images)}, those of {fake} {_size(fake_images)} "
            "(height x width x channels): bring both to one size"
        )
    mirror = config is not None and config.data.mirror
    values = evaluate_arrays(
        real_images, fake_images, metrics, seed=seed, mirror=mirror, weights=weights
    )
    found = warnings(values)
    result = {"real": real, "fake": fake, "seed": seed, "metrics": values, "warnings": found}
    print("\n".join([table(values), *found]))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(result, indent=2) + "\n")
    return result


def evaluate_arrays(
    real: np.ndarray,
    fake: np.ndarray,
    metrics: Sequence[str],
    *,
    seed: int,
    mirror: bool,
    weights: Path | None = None,
    lower_bounds: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Metrics between two sets of images, and between real and real images.

    Args:
      real, fake: uint8 (N, H, W, C), N may differ.
      metrics: registered names.
      seed: of everything random in the metrics.
      mirror: flip real images at random, as in training, for metrics that compare pixels.
      weights: folder where pretrained weights are looked for first.
      lower_bounds: an earlier result for the same real images, number of fake ones, seed and
        mirroring; its NAME_lower_bound are used again.

    Returns:
      NAME -> `MetricValue.to_json()`, and NAME_lower_bound -> the same of real against real. A
      metric may have several values: precision_recall has "precision" and "recall".
    """
    features: dict[Any, tuple[Features, Features]] = {}
    values: dict[str, dict[str, Any]] = {}
    for name in metrics:
        metric = registry.load("metric", name)
        sides, protocol, least = (real, fake), "", 2
        if metric.load_extractor is not None:
            extractor = metric.load_extractor(weights)
            if extractor not in features:
                features[extractor] = (
                    features_of(extractor, real, keep=True),
                    features_of(extractor, fake, keep=False),
                )
            sides = tuple(side[metric.layer] for side in features[extractor])
            protocol, least = f"{extractor.name}:{extractor.weights_id}/", LEAST_FOR_BOUND
        compute = functools.partial(metric.compute, weights=weights)
        measured = compute(*sides, seed=seed, mirror=mirror)
        named = {metric.names.get(value.name, value.name): value for value in measured}
        bounds = {f"{name}_lower_bound": value for name, value in named.items()}
        values |= _to_json(named, protocol)
        if lower_bounds and lower_bounds.keys() >= bounds.keys():
            values |= {name: dict(lower_bounds[name]) for name in bounds}
        elif metric.yardstick and len(real) >= least:
            flip = mirror and metric.load_extractor is None
            of_reals = lower_bound(compute, sides[0], n=measured[0].n, seed=seed, mirror=flip)
            values |= _to_json(dict(zip(bounds, of_reals, strict=True)), protocol)
    return values


def _to_json(values: Mapping[str, MetricValue], protocol: str) -> dict[str, dict[str, Any]]:
    """The values by their published names, protocols led by the extractor's."""
    return {
        name: dataclasses.replace(
            value,
            name=name.removesuffix("_lower_bound"),
            protocol=protocol + value.protocol,
        ).to_json()
        for name, value in values.items()
    }


def warnings(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader of these values has to know before believing them."""
    small = [
        name
        for name, value in values.items()
        if name.partition(":")[0] == "fid" and _smaller_side(value) < ENOUGH_FOR_FID
    ]
    return [
        f"warning: {name} of {_smaller_side(values[name])} images is biased upwards (fewer than "
        f"{ENOUGH_FOR_FID}); compare it only at equal numbers, and read KID and its interval first"
        for name in small
    ]


def _smaller_side(value: Mapping[str, Any]) -> int:
    return min(value["n"], value["n_real"] or value["n"])


def table(values: Mapping[str, Mapping[str, Any]]) -> str:
    """The result of `evaluate_arrays` as text: a line per metric and detail, KID before FID."""
    rows = [("metric", "value", "95 % interval", "real vs real", "n", "protocol")]
    shown = [name for name in values if not name.endswith("_lower_bound")]
    for name in sorted(shown, key=lambda name: name.startswith("fid")):
        value = values[name]
        bound = values.get(f"{name}_lower_bound", {"value": None, "details": {}, "n": value["n"]})
        n = str(value["n"]) if bound["n"] == value["n"] else f"{value['n']} ({bound['n']})"
        interval = " … ".join(map(_number, value["interval"] or ())) or "-"
        rows.append(
            (
                name,
                _number(value["value"]),
                interval,
                _number(bound["value"]),
                n,
                value["protocol"],
            )
        )
        rows += [
            (f"  {part}", _number(number), "", _number(bound["details"].get(part)), "", "")
            for part, number in value["details"].items()
        ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}  "
        + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:-1], strict=True))
        + f"  {protocol}".rstrip()
        for name, *cells, protocol in rows
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _size(images: np.ndarray) -> str:
    return "x".join(map(str, images.shape[1:]))


def _is_workdir(side: str) -> bool:
    return (Path(side) / "config.json").is_file()


def _config_of_a_workdir(*sides: str) -> FrozenConfigDict | None:
    for side in sides:
        if _is_workdir(side):
            return config_schema.from_json((Path(side) / "config.json").read_text())
    return None


def _read_side(
    side: str, limit: int | None, num_samples: int, seed: int, config: FrozenConfigDict | None
) -> np.ndarray:
    """Images uint8 (N, H, W, C) of one side; `limit` bounds all but samples."""
    dataset, _, split = side.partition(":")
    if dataset in registry.names("dataset") and split in SPLITS:
        images = _read_dataset(dataset, split, config)
        return images if limit is None else choose(images, limit, seed)
    if _is_workdir(side):
        # Here, because training, which sampling a work directory builds on, evaluates.
        from dermgan_jax.synthesis.generate import sample_workdir

        # Training evaluates latents of this seed too (train/snapshot.py).
        return sample_workdir(Path(side), num_samples, seed + 1)
    if Path(side).is_dir() or Path(side).suffix == ".npz":
        channels = 3 if config is None else config.data.channels
        return read_images(Path(side), channels, limit)
    raise UserError(
        f"{side!r} is no folder of images, .npz file, work directory or DATASET:SPLIT "
        f"(data sets: {', '.join(registry.names('dataset'))}; splits: {', '.join(SPLITS)})"
    )


def _read_dataset(dataset: str, split: str, config: FrozenConfigDict | None) -> np.ndarray:
    if config is None:
        raise UserError(f"{dataset}:{split} needs --config, which says how it is prepared")
    if dataset != config.data.dataset:
        raise UserError(
            f"{dataset}:{split} is asked for but the configuration describes "
            f"{config.data.dataset}: pass a --config whose data.dataset is {dataset}"
        )
    listed = catalogue(config.data)
    images = prepare(listed, config.data).images[listed.indices(split)]
    if len(images) == 0:
        raise UserError(f"{dataset}:{split} holds no images: see data.split_fractions")
    return images

"""Tests in print for whether a model copied: C_T, AuthPct and FLD, for the audit's result.

None of them decides anything here. dgm-eval's authors warn that no number reliably detects
memorisation, so that each stands beside what real images that the model never saw would score.
"""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import authenticity, copying_test, feature_likelihood


class Tests(TypedDict):
    """As in audit.json. Without held-out images only AuthPct can be had.

    Attributes:
      protocol: of the features and the tests.
      authpct: {"value", "interval", "of_held_out", "held_out_interval"}, in percent.
      authpct_over_groups: the same, a training image's neighbour being one of another group.
      ct: {"value", "interval", "cells": [[train, held out, fake, z], …]}.
      fld: {"held_out", "train", "gap", "gap_interval", "baseline"}.
      left_out: why something is missing.
    """

    protocol: str
    authpct: dict[str, Any]
    authpct_over_groups: NotRequired[dict[str, Any]]
    ct: NotRequired[dict[str, Any]]
    fld: NotRequired[dict[str, Any]]
    left_out: list[str]


def memorisation_tests(
    train: np.ndarray,
    held_out: np.ndarray | None,
    fake: np.ndarray,
    groups: Sequence[str] | np.ndarray | None,
    protocol: str,
    seed: int,
) -> Tests:
    """All tests that can be had.

    Args:
      train, held_out, fake: features (n, d); `held_out` of images of other groups than `train`.
      groups: of the training images, or None if they are not known.
      protocol: of the features.
      seed: of k-means and of halves.
    """
    found = Tests(
        protocol=f"{protocol}/{copying_test.PROTOCOL}/{authenticity.PROTOCOL}/"
        f"{feature_likelihood.PROTOCOL}",
        authpct=_authenticity(train, held_out, fake, None),
        left_out=[],
    )
    known = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    if known is None:
        found["left_out"].append("AuthPct over groups: none are known")
    elif known.max() == 0:
        found["left_out"].append("AuthPct over groups: all training images are of one")
    else:
        found["authpct_over_groups"] = _authenticity(train, held_out, fake, known)
    if held_out is None:
        found["left_out"].append("C_T and FLD: they need --held_out")
        return found
    fewest = min(len(train), len(held_out), len(fake))
    if fewest < 2:
        found["left_out"].append("C_T and FLD: a single image of a side is too few")
        return found
    ct = copying_test.copying_test(train, held_out, fake, seed=seed)
    if np.isfinite(ct.value):
        found["ct"] = {
            "value": ct.value,
            "interval": ct.interval,
            "cells": [list(cell) for cell in ct.cells],
        }
        if empty := [cell for cell in ct.cells if cell.z is None]:
            num = sum(cell.fake for cell in empty)
            found["left_out"].append(
                f"C_T: {len(empty)} of {len(ct.cells)} cells, with {num} of {len(fake)} synthetic "
                f"images: C_T needs {copying_test.TOO_FEW + 1} of them, and training and held-out "
                "images, in a cell"
            )
    else:
        found["left_out"].append(
            f"C_T: no cell has {copying_test.TOO_FEW + 1} synthetic images, training and held-out "
            "ones"
        )
    if fewest < 4:
        found["left_out"].append(f"FLD: {fewest} images of a side are too few")
        return found
    try:
        fld = feature_likelihood.feature_likelihood(train, held_out, fake, seed=seed, groups=known)
    except UserError as error:
        found["left_out"].append(f"FLD: {str(error).removeprefix('fld: ')}")
        return found
    found["fld"] = {
        "held_out": fld.held_out,
        "train": fld.train,
        "gap": fld.gap,
        "gap_interval": fld.interval,
        "baseline": fld.baseline,
    }
    return found


def points_towards_copies(tests: Tests) -> dict[str, bool]:
    """Of each test that has an interval, whether all of it lies on the side of copies."""
    points: dict[str, bool] = {}
    authpct = tests.get("authpct_over_groups", tests["authpct"])
    held_out_interval = authpct.get("held_out_interval")  # some older results lack it
    if held_out_interval is not None:
        # Newcombe's interval (1998) of the difference of two shares lies below 0.
        above = authpct["interval"][1] - authpct["value"]
        below = authpct["of_held_out"] - held_out_interval[0]
        gap = authpct["value"] - authpct["of_held_out"]
        points["AuthPct"] = gap + float(np.hypot(above, below)) < 0
    if "ct" in tests:
        points["C_T"] = tests["ct"]["interval"][1] < 0
    if "fld" in tests:
        points["FLD's gap"] = tests["fld"]["gap_interval"][1] < 0
    return points


def sentence(tests: Tests) -> str:
    """Which of the tests point towards copies."""
    points = points_towards_copies(tests)
    if not points:
        return "tests in print: none says anything without held-out images"
    do, do_not = ([name for name in points if points[name] is side] for side in (True, False))
    if not do:
        does = "do" if len(do_not) > 1 else "does"
        return f"tests in print: {listed(do_not)} {does} not point towards copies"
    others = f", {listed(do_not)} {'do' if len(do_not) > 1 else 'does'} not" if do_not else ""
    point = "point" if len(do) > 1 else "points"
    return f"tests in print: {listed(do)} {point} towards copies{others}"


def lines(tests: Tests) -> list[str]:
    """For a terminal, a sentence, and a line for each test."""
    decides = " (none of them decides)" if points_towards_copies(tests) else ""
    found = [f"{sentence(tests)}{decides}"]
    for name, title in (("authpct", "AuthPct"), ("authpct_over_groups", "AuthPct over groups")):
        if name in tests:
            one = tests[name]
            low, high = one["interval"]
            unseen = one["of_held_out"]
            beside = "" if unseen is None else f"; held-out {unseen:.1f} % (far below that: copies)"
            found.append(f"{title}: {one['value']:.1f} % [{low:.1f}, {high:.1f}]{beside}")
    if "ct" in tests:
        low, high = tests["ct"]["interval"]
        found.append(
            f"C_T: {tests['ct']['value']:.2f} [{low:.2f}, {high:.2f}] (far below 0: closer to "
            "training images than held-out ones are)"
        )
    if "fld" in tests:
        fld = tests["fld"]
        low, high = fld["gap_interval"]
        found.append(
            f"FLD: {fld['held_out']:.2f} (the lower, the likelier held-out images are); gap "
            f"{fld['gap']:.2f} [{low:.2f}, {high:.2f}] (far below 0: training images are likelier)"
        )
    return [*found, *(f"note: left out: {reason}" for reason in tests["left_out"])]


def listed(names: Sequence[str]) -> str:
    """Such as "A, B and C"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _authenticity(
    train: np.ndarray, held_out: np.ndarray | None, fake: np.ndarray, groups: np.ndarray | None
) -> dict[str, Any]:
    share = authenticity.authenticity(train, fake, groups)
    found = {"value": share.percent, "interval": share.interval, "of_held_out": None}
    if held_out is not None:
        unseen = authenticity.authenticity(train, held_out, groups)
        found |= {"of_held_out": unseen.percent, "held_out_interval": unseen.interval}
    return found

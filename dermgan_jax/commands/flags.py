"""Flags that several commands share."""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from dermgan_jax import registry
from dermgan_jax.commands import paths
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

if TYPE_CHECKING:
    from dermgan_jax.synthesis.drawing import Drawing

Parser = argparse.ArgumentParser

DRAWING = ("seed", "label", "checkpoint", "truncation", "truncation_cutoff", "noise")
DEFAULT_SPACE = registry.names("feature space")[0]
WORKDIR = "the run's folder, on this machine or as gs://BUCKET/FOLDER"


def natural(text: str) -> int:
    """A number from 0 on."""
    return _at_least(0, text)


def positive(text: str) -> int:
    """A number from 1 on."""
    return _at_least(1, text)


def _at_least(least: int, text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return number


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError("nothing is named")
    return found


def add_switch(parser: Parser, name: str, help: str) -> None:
    """A flag that is off unless given, as --NAME or --NAME=true."""
    parser.add_argument(
        f"--{name}", nargs="?", type=_truth, const=True, default=False, help=help, metavar="BOOL"
    )


def _truth(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def add_workdir(parser: Parser, help: str = WORKDIR, *, required: bool = True) -> None:
    """--workdir."""
    add_path(parser, "workdir", help, required=required)


def add_out(
    parser: Parser, type: Callable[[str], Path], help: str, *, required: bool = True
) -> None:
    """--out; `type` is of `commands.paths`, and says what can be written."""
    parser.add_argument("--out", type=type, required=required, metavar="PATH", help=help)


def add_overwrite(parser: Parser) -> None:
    """--overwrite."""
    add_switch(
        parser,
        "overwrite",
        "replace the folder --out as a whole; only what this program wrote is ever removed",
    )


def add_mark(parser: Parser) -> None:
    """--mark."""
    add_switch(
        parser,
        "mark",
        "draw SYNTHETIC, or S on small images, into a corner; values measured of such images are "
        "of the mark too",
    )


def add_input(parser: Parser, help: str) -> None:
    """--input."""
    add_path(parser, "input", help)


RANGES = {"0,1": (0.0, 1.0), "-1,1": (-1.0, 1.0)}


def add_range(parser: Parser) -> None:
    """--range; None unless given."""
    parser.add_argument(
        "--range",
        type=_range,
        metavar="LOW,HIGH",
        help="0,1 or -1,1: where the floats of an .npz are that has no value below 0",
    )


def _range(text: str) -> tuple[float, float]:
    if text.replace(" ", "") not in RANGES:
        raise argparse.ArgumentTypeError(f"{text!r} is neither 0,1 nor -1,1")
    return RANGES[text.replace(" ", "")]


def value_range(args: argparse.Namespace, *sources: object) -> tuple[float, float] | None:
    """What --range says of those of the sources, paths or names, that are .npz files.

    Raises:
      UserError: if it says something and none is.
    """
    if args.range is not None and not any(str(source).endswith(".npz") for source in sources):
        raise UserError("--range is of floats in an .npz file, and none is given: leave it out")
    return args.range


def add_path(parser: Parser, name: str, help: str, *, required: bool = True) -> None:
    """--NAME, a path that is read."""
    parser.add_argument(f"--{name}", type=paths.path, required=required, metavar="PATH", help=help)


def add_num(parser: Parser, default: int | None, help: str) -> None:
    """--num, from 1 on; `help` says what None stands for."""
    if default is not None:
        help = f"{help}; default {default}"
    parser.add_argument("--num", type=positive, default=default, metavar="N", help=help)


def seed(text: str) -> int:
    """A whole number of 32 bits."""
    number = natural(text)
    if number >= 2**32:
        raise argparse.ArgumentTypeError(f"{text} is above 4294967295")
    return number


def add_seed(parser: Parser, help: str) -> None:
    """--seed."""
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help=f"{help}; default 0")


def add_checkpoint(parser: Parser, default: str = "latest") -> None:
    """--checkpoint; None unless given.

    Args:
      parser: of the command.
      default: what is used then, in words.
    """
    parser.add_argument(
        "--checkpoint", metavar="STEP", help=f"latest, best or a step; default {default}"
    )


def add_metrics(parser: Parser, default: tuple[str, ...]) -> None:
    """--metrics."""
    known = registry.described("metric")
    parser.add_argument(
        "--metrics",
        type=names,
        default=default,
        metavar="NAMES",
        help=f"with commas between them, of {known}; default {','.join(default)}",
    )


def feature_space(name: str) -> str:
    """The name of a feature space."""
    if wrong := registry.fault("feature space", name):
        raise argparse.ArgumentTypeError(wrong)
    return name


def add_features(parser: Parser, default: str | None = DEFAULT_SPACE) -> None:
    """--features; `default` is what the flag is unless given."""
    parser.add_argument(
        "--features",
        type=feature_space,
        default=default,
        metavar="SPACE",
        help="network in whose features distances are taken, of "
        f"{registry.described('feature space')}; workdir:RUN is a classifier of your own; default "
        f"{DEFAULT_SPACE}",
    )


def add_weights(parser: Parser) -> None:
    """--weights; see `use_weights`."""
    add_path(parser, "weights", "folder of pretrained weights, looked into first", required=False)


def use_weights(args: argparse.Namespace, *, new: bool = False) -> Path | None:
    """The folder of --weights, where every part of the program will look first.

    Args:
      args: of the command line.
      new: whether it may be one that is yet to be made.

    Raises:
      UserError: if there is no such folder.
    """
    if args.weights is not None:
        if not args.weights.is_dir() and (args.weights.exists() or not new):
            raise UserError(f"--weights={args.weights} is not a folder")
        os.environ["DERMGAN_WEIGHTS"] = str(args.weights)
    return args.weights


def add_drawing(parser: Parser, *wanted: str) -> None:
    """Flags for drawing samples, of `DRAWING`; see `drawing`."""
    if "seed" in wanted:
        add_seed(parser, "random seed; image i depends on the seed and i only")
    if "label" in wanted:
        parser.add_argument(
            "--label", metavar="CLASS", help="name of a class; default: as frequent as in the data"
        )
    if "checkpoint" in wanted:
        add_checkpoint(parser)
    if "truncation" in wanted:
        parser.add_argument(
            "--truncation",
            type=float,
            metavar="SHARE",
            help="of models with styles: from 0, the average image, to 1, as drawn; default 1",
        )
        parser.add_argument(
            "--truncation_cutoff",
            type=positive,
            metavar="LAYERS",
            help="truncate only so many of the first layers; default all",
        )
    if "noise" in wanted:
        parser.add_argument(
            "--noise", metavar="KIND", help="of models with styles: const, none or random"
        )


def drawing(args: argparse.Namespace) -> "Drawing":
    """How samples are drawn, from the flags that were given."""
    from dermgan_jax.synthesis.drawing import Drawing

    given = {name: getattr(args, name, None) for name in DRAWING}
    return Drawing(**{name: value for name, value in given.items() if value is not None})

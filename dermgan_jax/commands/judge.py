"""dermgan judge: a classifier as judge of synthetic images."""

import argparse

from dermgan_jax.commands import flags, output, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, "of a classifier")
    flags.add_path(
        parser, "fake", "synthetic images: a folder with a subfolder per class, or .npz with labels"
    )
    parser.add_argument(
        "--probability",
        type=float,
        default=0.98,
        metavar="SHARE",
        help="from which an image counts as identified; default 0.98",
    )
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON),
        "JSON file; without it nothing is kept",
        required=False,
    )
    flags.add_checkpoint(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.evaluation.judge import judge_images
    from dermgan_jax.runs.restore import LATEST

    found = judge_images(args.workdir, args.fake, args.probability, args.checkpoint or LATEST)
    print(found.text())
    output.keep(found.to_json(), args.out)


COMMAND = Command(
    "judge",
    "has a classifier tell whether synthetic images show what they were made to show",
    "judge --workdir=runs/classifier --fake=samples --out=judged.json",
    _add_flags,
    _run,
)

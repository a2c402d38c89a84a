"""dermgan detect: how far images are from what a detector has learned to be normal."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_path(
        parser,
        "input",
        "folder of images, an image file, or .npz; without it the run's test split, beside the "
        "baselines",
        required=False,
    )
    flags.add_out(
        parser,
        paths.folder_to_fill,
        "folder for scores.csv, heat maps over the images, and the most and least normal",
    )
    parser.add_argument(
        "--baselines",
        type=flags.names,
        metavar="NAMES",
        help="of the test split, with commas between them, or none; default all",
    )
    flags.add_checkpoint(parser)
    flags.add_range(parser)
    flags.add_weights(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.errors import UserError
    from dermgan_jax.evaluation import detect
    from dermgan_jax.evaluation.anomaly.table import text
    from dermgan_jax.runs.restore import LATEST

    checkpoint = args.checkpoint or LATEST
    value_range = flags.value_range(args, args.input)
    if args.input is not None:
        if args.baselines is not None:
            raise UserError("--baselines are for the run's test split: leave out --input or them")
        paths.require_apart(args.out, input=args.input)
        detect.detect_images(
            *(args.workdir, args.input, args.out, checkpoint),
            overwrite=args.overwrite,
            value_range=value_range,
        )
        return
    weights = flags.use_weights(args)
    found = detect.judge_on_test_split(
        *(args.workdir, args.out, checkpoint, args.baselines, weights),
        overwrite=args.overwrite,
    )
    print(text(found))


COMMAND = Command(
    "detect",
    "scores how far images are from normal, with heat maps, beside simple baselines",
    "detect --workdir=runs/anomaly --input=DIR --out=detected",
    _add_flags,
    _run,
)

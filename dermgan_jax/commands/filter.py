"""dermgan filter: keeps the better synthetic images."""

import argparse

from dermgan_jax import registry
from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_input(parser, "folder of images, whose subfolders may be classes, or .npz")
    flags.add_out(parser, paths.folder_or_arrays, "folder, or file ending in .npz")
    rules = registry.names("quality rule")
    parser.add_argument(
        "--rule",
        choices=rules,
        default=rules[0],
        help="by the model's discriminator, by closeness to real images, or by how sure a "
        f"classifier is of the class; default {rules[0]}",
    )
    parser.add_argument(
        "--keep", type=float, metavar="SHARE", help="of each class that is kept; default 0.3"
    )
    parser.add_argument(
        "--threshold",
        metavar="SCORE",
        help="instead of --keep: a score, or auto, which takes it from validation images",
    )
    flags.add_features(parser, default=None)
    parser.add_argument(
        "--stratify",
        type=flags.names,
        metavar="COLUMNS",
        default=("class",),
        help="of each combination of these the same share is kept: class, tone, brightness and "
        "those of --subgroups; default class",
    )
    parser.add_argument(
        "--subgroups",
        type=flags.names,
        metavar="COLUMNS",
        default=(),
        help="recorded columns (age, sex, localization) that a linear probe tells of each image",
    )
    flags.add_checkpoint(parser, "the one that made the images, if they say which; else the latest")
    flags.add_weights(parser)
    flags.add_range(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.filter import Criterion, filter_images

    paths.require_apart(args.out, input=args.input)
    filter_images(
        args.workdir,
        args.input,
        args.out,
        Criterion(
            args.rule, args.keep, args.threshold, args.features, args.stratify, args.subgroups
        ),
        checkpoint=args.checkpoint,
        weights=flags.use_weights(args),
        overwrite=args.overwrite,
        value_range=flags.value_range(args, args.input),
    )


COMMAND = Command(
    "filter",
    "keeps the better synthetic images, with scores and sheets of the best and worst",
    "filter --workdir=runs/ham --input=samples --out=best --keep=0.3",
    _add_flags,
    _run,
)

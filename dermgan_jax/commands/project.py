"""dermgan project: the image that a model can make which is most like a given one."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_input(parser, "folder of images, an image file, or .npz")
    flags.add_out(parser, paths.folder_to_fill, "folder for the nearest images and their latents")
    parser.add_argument(
        "--steps",
        type=flags.positive,
        default=300,
        metavar="N",
        help="optimisation steps for each image; default 300",
    )
    flags.add_drawing(parser, "label", "checkpoint")
    flags.add_weights(parser)
    flags.add_range(parser)
    flags.add_mark(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.project import project

    paths.require_apart(args.out, input=args.input)
    weights = flags.use_weights(args)
    project(
        *(args.workdir, args.input, args.out, flags.drawing(args), args.steps, weights),
        overwrite=args.overwrite,
        value_range=flags.value_range(args, args.input),
        mark=args.mark,
    )


COMMAND = Command(
    "project",
    "finds the image that a model can make nearest to each given one, by LPIPS",
    "project --workdir=runs/ham --input=IMAGES --out=projected",
    _add_flags,
    _run,
)

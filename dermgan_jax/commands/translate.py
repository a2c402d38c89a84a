"""dermgan translate: images of one domain become images of the other."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_input(parser, "folder of images, of any size, an image file, or .npz of float32")
    flags.add_out(
        parser, paths.folder_or_arrays, "folder, where NAME becomes synthetic_NAME.png, or .npz"
    )
    parser.add_argument(
        "--direction", choices=("AtoB", "BtoA"), default="AtoB", help="default AtoB"
    )
    flags.add_switch(parser, "reconstruct", "translate back again as well")
    parser.add_argument(
        "--page",
        type=paths.file_to_write(paths.PAGE),
        metavar="FILE.html",
        help="also write a page of all images given, each beside its translation",
    )
    flags.add_checkpoint(parser)
    flags.add_range(parser)
    flags.add_mark(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.runs.restore import LATEST
    from dermgan_jax.synthesis.translate import translate

    paths.require_apart(args.out, input=args.input)
    if args.page is not None and args.input.suffix == ".npz":
        raise UserError("--page is of image files, and --input is an .npz: leave it out")
    translate(
        args.workdir,
        args.input,
        args.out,
        direction=args.direction,
        checkpoint=args.checkpoint or LATEST,
        reconstruct=args.reconstruct,
        overwrite=args.overwrite,
        value_range=flags.value_range(args, args.input),
        mark=args.mark,
    )
    if args.page is not None:
        from dermgan_jax.report import input_output

        number = input_output.build(args.workdir, args.input, args.out, args.page, args.direction)
        print(f"written: {args.page}, {number} pairs")


COMMAND = Command(
    "translate",
    "translates images of one domain into the other",
    "translate --workdir=runs/cyclegan --input=DIR --out=translated --direction=BtoA",
    _add_flags,
    _run,
)

"""dermgan mix: a sheet of mixed styles."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_out(parser, paths.file_to_write(paths.SHEET), "file of the sheet, such as sheet.png")
    flags.add_num(parser, 6, "sources on either side of the sheet")
    parser.add_argument(
        "--crossover",
        type=flags.positive,
        metavar="N",
        help="layers taken from the left source; default half of them",
    )
    flags.add_drawing(parser, "seed", "label", "checkpoint", "truncation", "truncation_cutoff")
    flags.add_mark(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.style_mixing import mix_styles

    mix_styles(args.workdir, args.out, args.num, flags.drawing(args), args.crossover, args.mark)


COMMAND = Command(
    "mix",
    "draws a sheet of images that mix the styles of two others",
    "mix --workdir=runs/melanoma --out=sheet.png",
    _add_flags,
    _run,
)

"""dermgan upscale: images become larger, with detail that a model makes up."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError

SMALLEST_TILE = 64


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_input(parser, "folder of images, of any size, an image file, or .npz of float32")
    flags.add_out(
        parser, paths.folder_or_arrays, "folder, where NAME becomes synthetic_NAME.png, or .npz"
    )
    parser.add_argument(
        "--tile",
        type=flags.positive,
        metavar="PIXELS",
        help="longer sides are enlarged in overlapping tiles of so many pixels, which bounds "
        f"memory; from {SMALLEST_TILE} on, default 256",
    )
    flags.add_path(
        parser,
        "mix_with",
        "run of the same network, usually the one by pixels: with --alpha, a network between both",
        required=False,
    )
    parser.add_argument(
        "--mix_checkpoint", metavar="STEP", help="of --mix_with; latest, best or a step"
    )
    parser.add_argument(
        "--alpha",
        type=float,
        metavar="SHARE",
        help="of the network of --workdir, the rest being that of --mix_with; 0 to 1",
    )
    flags.add_checkpoint(parser)
    flags.add_range(parser)
    flags.add_mark(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.runs.restore import LATEST
    from dermgan_jax.synthesis.upscale import TILE, Between, upscale

    paths.require_apart(args.out, input=args.input)
    if (args.mix_with is None) != (args.alpha is None):
        raise UserError("--mix_with and --alpha go together: a network between two needs both")
    if args.mix_checkpoint and args.mix_with is None:
        raise UserError("--mix_checkpoint is of --mix_with, which is not given")
    tile = TILE if args.tile is None else args.tile
    if tile < SMALLEST_TILE:
        raise UserError(f"--tile={tile} is too small for tiles to overlap: from {SMALLEST_TILE} on")
    between = None
    if args.mix_with is not None:
        between = Between(args.mix_with, args.mix_checkpoint or LATEST, args.alpha)
    upscale(
        *(args.workdir, args.input, args.out, args.checkpoint or LATEST, tile, between),
        overwrite=args.overwrite,
        value_range=flags.value_range(args, args.input),
        mark=args.mark,
    )


COMMAND = Command(
    "upscale",
    "enlarges images; the detail is the model's guess",
    "upscale --workdir=runs/superres --input=DIR --out=enlarged",
    _add_flags,
    _run,
)

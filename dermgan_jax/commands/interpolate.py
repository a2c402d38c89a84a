"""dermgan interpolate: a walk through the latents or styles of a model."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_out(
        parser, paths.folder_to_fill, "folder for strip.png, walk.gif and, with ffmpeg, walk.mp4"
    )
    flags.add_num(parser, 6, "images that the walk goes through")
    parser.add_argument(
        "--space", choices=("z", "w"), default="z", help="z, latents, or w, styles; default z"
    )
    flags.add_drawing(parser, "seed", "label", "checkpoint", "truncation", "truncation_cutoff")
    flags.add_mark(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.interpolate import interpolate

    interpolate(
        *(args.workdir, args.out, args.num, flags.drawing(args), args.space),
        overwrite=args.overwrite,
        mark=args.mark,
    )


COMMAND = Command(
    "interpolate",
    "walks from latent to latent: a strip, a GIF and, with ffmpeg, an MP4",
    "interpolate --workdir=runs/ham --out=walk\n"
    "interpolate --workdir=runs/melanoma --out=walk --space=w",
    _add_flags,
    _run,
)

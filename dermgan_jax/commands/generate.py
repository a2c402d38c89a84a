"""dermgan generate: draws images from a trained model."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_out(
        parser,
        paths.folder_or_arrays,
        "folder for PNG files, or file ending in .npz for unquantised float32",
    )
    flags.add_num(parser, None, "how many images; default 64")
    flags.add_path(
        parser,
        "latents",
        ".npz whose key z has a row for each image, instead of latents drawn by the seed",
        required=False,
    )
    flags.add_drawing(
        parser, "seed", "label", "checkpoint", "truncation", "truncation_cutoff", "noise"
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.generate import generate

    generate(args.workdir, args.out, args.num, flags.drawing(args), args.latents)


COMMAND = Command(
    "generate",
    "draws synthetic images from a trained model",
    "generate --workdir=runs/ham --num=1000 --out=samples --checkpoint=best\n"
    "generate --workdir=runs/seven_classes --label=mel --out=melanomas.npz",
    _add_flags,
    _run,
)

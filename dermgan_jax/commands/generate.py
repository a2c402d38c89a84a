"""dermgan generate: draws images from a trained model."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError


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
    flags.add_path(
        parser,
        "masks",
        "of a model that paints masks: their folder; images go to OUT/images, masks to OUT/masks",
        required=False,
    )
    flags.add_switch(parser, "deform", "of --masks: paint other shapes, bent from the given ones")
    flags.add_drawing(
        parser, "seed", "label", "checkpoint", "truncation", "truncation_cutoff", "noise"
    )
    flags.add_mark(parser)
    flags.add_overwrite(parser)


def _run(args: argparse.Namespace) -> None:
    if args.masks is not None:
        from dermgan_jax.synthesis.paint import paint_masks

        _refuse_beside_masks(args)
        paths.require_apart(args.out, masks=args.masks)
        paint_masks(
            *(args.workdir, args.masks, args.out, flags.drawing(args)),
            *(args.deform, args.num, args.overwrite, args.mark),
        )
        return
    if args.deform:
        raise UserError("--deform is for --masks: name their folder")
    paths.require_apart(args.out, latents=args.latents)
    from dermgan_jax.synthesis.generate import generate

    generate(
        *(args.workdir, args.out, args.num, flags.drawing(args), args.latents),
        overwrite=args.overwrite,
        mark=args.mark,
    )


def _refuse_beside_masks(args: argparse.Namespace) -> None:
    unused = ("latents", "truncation", "truncation_cutoff", "noise")
    given = [f"--{name}" for name in unused if getattr(args, name) is not None]
    if given:
        raise UserError(f"{', '.join(given)}: of no use with --masks; leave out")
    if args.out.suffix == ".npz":
        raise UserError("with --masks --out is a folder: images and masks go into it")


COMMAND = Command(
    "generate",
    "draws synthetic images from a trained model",
    "generate --workdir=runs/ham --num=1000 --out=samples --checkpoint=best\n"
    "generate --workdir=runs/seven_classes --label=mel --out=melanomas.npz\n"
    "generate --workdir=runs/spade --masks=masks --label=mel --out=painted",
    _add_flags,
    _run,
)

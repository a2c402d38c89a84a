"""dermgan evaluate_upscaler: how well a model enlarges, beside bicubic."""

import argparse

from dermgan_jax import registry
from dermgan_jax.commands import flags, output, paths
from dermgan_jax.commands.command import Command

DEFAULT_METRICS = ("psnr_y", "ssim_y", "lpips", "consistency", "mask_agreement")


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    parser.add_argument(
        "--split",
        choices=("train", "val", "test"),
        default="test",
        help="of the model's data; default test",
    )
    flags.add_path(
        parser,
        "input",
        "folder or .npz of large images of one size, in place of a split",
        required=False,
    )
    known = ", ".join(registry.names("upscaler_metric"))
    parser.add_argument(
        "--metrics",
        type=flags.names,
        default=DEFAULT_METRICS,
        metavar="NAMES",
        help=f"with commas between them, of {known}; default {','.join(DEFAULT_METRICS)}",
    )
    flags.add_path(
        parser,
        "classifier",
        "work directory of a classifier (its best checkpoint), asked whether enlarged images show "
        "what the true ones show",
        required=False,
    )
    flags.add_num(parser, 2048, "images at most")
    flags.add_seed(parser, "of what is random in making images small")
    flags.add_checkpoint(parser)
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON, paths.SHEET),
        "JSON file, beside which a sheet of images is drawn",
        required=False,
    )
    flags.add_range(parser)
    flags.add_weights(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.data.image_files import save_image
    from dermgan_jax.evaluation.upscaled import Question, evaluate_upscaler
    from dermgan_jax.runs.restore import LATEST

    paths.require_apart(args.out, input=args.input)
    flags.use_weights(args)
    found = evaluate_upscaler(
        Question(
            workdir=args.workdir,
            split=args.split,
            source=args.input,
            metrics=args.metrics,
            num=args.num,
            seed=args.seed,
            checkpoint=args.checkpoint or LATEST,
            classifier=args.classifier,
            value_range=flags.value_range(args, args.input),
        )
    )
    print(found.text())
    if args.out is None:
        print("--out=FILE.json keeps these values and draws a sheet of images")
        return
    output.keep(found.to_json(), args.out)
    comment = "real images made small, and enlarged by a model: an enlarged one is synthetic"
    save_image(found.sheet, args.out.with_suffix(".png"), {"Comment": comment})
    print(f"written: {args.out.with_suffix('.png')}")


COMMAND = Command(
    "evaluate_upscaler",
    "measures how well a model enlarges, and what it invents, beside bicubic",
    "evaluate_upscaler --workdir=runs/superres --split=test --out=superres.json",
    _add_flags,
    _run,
)

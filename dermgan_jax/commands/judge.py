"""dermgan judge: a classifier, or a segmenter, as judge of synthetic images."""

import argparse

from dermgan_jax.commands import flags, output, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError

SHEET_COMMENT = "synthetic images and their masks"


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, "of a classifier, or of a segmenter")
    flags.add_path(
        parser,
        "fake",
        "synthetic images: a folder with a subfolder per class, or .npz with labels; for a "
        "segmenter what generate --masks wrote",
    )
    parser.add_argument(
        "--probability",
        type=float,
        metavar="SHARE",
        help="from which a classifier counts an image as identified; default 0.98",
    )
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON, paths.SHEET),
        "JSON file, of a segmenter with a sheet beside it",
        required=False,
    )
    flags.add_checkpoint(parser)
    flags.add_range(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax import registry
    from dermgan_jax.evaluation.image_sources import workdir_of_run
    from dermgan_jax.evaluation.judge import judge_images
    from dermgan_jax.evaluation.judge_masks import judge_masks
    from dermgan_jax.runs import findings
    from dermgan_jax.runs.restore import LATEST
    from dermgan_jax.runs.workdir import WorkDir
    from dermgan_jax.statistics.identification import THRESHOLD
    from dermgan_jax.synthesis.marked_images import save_sheet

    paths.require_apart(args.out, fake=args.fake)
    value_range = flags.value_range(args, args.fake)
    checkpoint = args.checkpoint or LATEST
    sheet = None
    family = WorkDir(args.workdir).read_config().model.name
    if registry.load("model", family).kind == "segmenter":
        if args.probability is not None:
            raise UserError("--probability is of classifiers: leave it out")
        found = judge_masks(args.workdir, args.fake, checkpoint)
        sheet = found.sheet
        if args.out is not None:
            place = args.out.with_suffix(".png")
            save_sheet(sheet, place, found.made_by, SHEET_COMMENT)
            print(f"sheet: {place}")
    else:
        threshold = THRESHOLD if args.probability is None else args.probability
        found = judge_images(args.workdir, args.fake, threshold, checkpoint, value_range)
    print(found.text())
    made_by = found.made_by
    if made_by and (judged := workdir_of_run(made_by.workdir, made_by.run)):
        result = {"judge": str(args.workdir), "fake": str(args.fake), **found.to_json()}
        findings.keep(judged, findings.JUDGE, result, sheet, SHEET_COMMENT)
    output.keep(found.to_json(), args.out)


COMMAND = Command(
    "judge",
    "has a classifier or a segmenter tell whether images show what they should",
    "judge --workdir=runs/classifier --fake=samples --out=judged.json\n"
    "judge --workdir=runs/segmenter --fake=painted --out=judged.json",
    _add_flags,
    _run,
)

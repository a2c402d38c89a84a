"""dermgan evaluate: compares two sources of images."""

import argparse
from typing import TYPE_CHECKING

from dermgan_jax import files
from dermgan_jax.commands import configuration, flags, output, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError

if TYPE_CHECKING:
    from dermgan_jax.evaluation.question import Evaluation
    from dermgan_jax.evaluation.several import Several


def _add_flags(parser: flags.Parser) -> None:
    source = "a folder, an .npz, DATASET:SPLIT, DATASET:SPLIT:CLASS or a work directory"
    parser.add_argument(
        "--real",
        required=True,
        metavar="SOURCE",
        help=f"{source}; or, for fid and fd:SPACE, a file of statistics (.npz of mu and sigma)",
    )
    parser.add_argument(
        "--fake",
        required=True,
        metavar="SOURCE,…",
        help="as --real, but no statistics; a work directory is sampled. Of several, with commas "
        "between them, differences in pairs and ranks are told",
    )
    flags.add_metrics(parser, ("swd",))
    flags.add_num(parser, 2048, "fake images at most")
    flags.add_seed(parser, "of samples and metrics")
    flags.add_checkpoint(parser)
    flags.add_path(
        parser,
        "classifier",
        "work directory of a classifier (its best checkpoint), in whose features distances are "
        "taken as well: fd_classifier and kd_classifier",
        required=False,
    )
    parser.add_argument(
        "--resize",
        type=flags.positive,
        default=0,
        metavar="SIDE",
        help="brings all images to SIDE x SIDE pixels: the central square, by Lanczos",
    )
    parser.add_argument(
        "--by",
        type=flags.names,
        default=(),
        metavar="COLUMNS",
        help="also within each value of these, with commas between them: class, tone, brightness, "
        "or what the data set records (age, sex, localization)",
    )
    flags.add_range(parser)
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON, paths.SHEET),
        "JSON file, beside which a figure is drawn; default evaluation.json in the run that --fake "
        "names",
        required=False,
    )
    parser.add_argument(
        "--save_statistics",
        type=paths.file_to_write(paths.ARRAYS),
        metavar="FILE.npz",
        help="also keeps mean and covariance of the real images' features, as pytorch-fid does; "
        "--metrics has one of fid, fid:tf, fid:clean and fd:SPACE",
    )
    flags.add_weights(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.evaluation import against_statistics
    from dermgan_jax.evaluation.image_sources import is_folder_of_images
    from dermgan_jax.evaluation.question import Question, evaluate
    from dermgan_jax.evaluation.several import evaluate_several

    if not args.metrics:
        raise UserError("--metrics is empty: name one at least")
    fakes = _fakes(args.fake)
    for fake in fakes:
        sources = {"real": args.real, "fake": fake}
        folders = {flag: name for flag, name in sources.items() if is_folder_of_images(name)}
        paths.require_apart(args.out, **folders)
    question = Question(
        *(args.real, fakes[0], args.metrics, args.num, args.seed, args.checkpoint),
        *(args.classifier, args.resize, flags.value_range(args, args.real, *fakes), args.by),
    )
    config, weights = configuration.validated(args), flags.use_weights(args)
    if args.save_statistics is not None:
        against_statistics.metric_of_moments(args.save_statistics, args.metrics)
        if against_statistics.statistics_named(args.real):
            raise UserError(f"--save_statistics needs images, and {args.real} holds statistics")
    if len(fakes) == 1:
        found = evaluate(question, config, weights)
        _one(args, found)
    else:
        several = evaluate_several(question, fakes, config, weights)
        _several(args, several)
        found = several.evaluations[fakes[0]]
    if args.save_statistics is not None:
        target = args.save_statistics
        against_statistics.save_statistics(found.real, target, args.metrics, weights)
        print(f"written: {target}")


def _fakes(text: str) -> tuple[str, ...]:
    """The sources that --fake names; a path may hold commas if it is the only one."""
    if files.to_path(text).exists():
        return (text,)
    try:
        found = flags.names(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"--fake={text}: {error}") from None
    places = [str(files.to_path(name)).rstrip("/") for name in found]
    if twice := sorted({name for name in places if places.count(name) > 1}):
        raise UserError(f"--fake names {', '.join(twice)} twice")
    return found


def _one(args: argparse.Namespace, found: "Evaluation") -> None:
    """Prints an evaluation and keeps it where it belongs."""
    from dermgan_jax.evaluation.image_sources import is_workdir, workdir_of
    from dermgan_jax.report import evaluation_figure
    from dermgan_jax.runs import findings

    print(found.text())
    if workdir := workdir_of(found.fake):
        findings.keep(workdir, findings.EVALUATION, found.to_json())
    out = args.out
    if out is None and is_workdir(args.fake):
        out = files.to_path(args.fake) / "evaluation.json"
    if out is None:
        print("--out=FILE.json keeps these values and draws a figure of them")
        return
    output.keep(found.to_json(), out)
    evaluation_figure.draw(found, out.with_suffix(".png"))
    print(f"written: {out.with_suffix('.png')}")


def _several(args: argparse.Namespace, found: "Several") -> None:
    """Prints evaluations and their ranks, and keeps each in the run that it is about."""
    from dermgan_jax.evaluation.image_sources import workdir_of
    from dermgan_jax.report import ranking_figure
    from dermgan_jax.runs import findings

    print(found.text())
    for each in found.evaluations.values():
        if workdir := workdir_of(each.fake):
            findings.keep(workdir, findings.EVALUATION, each.to_json())
    if args.out is None:
        print("--out=FILE.json keeps these values and draws a figure of them")
        return
    output.keep(found.to_json(), args.out)
    ranking_figure.draw(found, args.out.with_suffix(".png"))
    print(f"written: {args.out.with_suffix('.png')}")


COMMAND = Command(
    "evaluate",
    "compares two sources of images: a table, JSON and a figure",
    "evaluate --real=ham10000:test --fake=runs/ham --metrics=swd,kid,fid --checkpoint=best\n"
    "evaluate --real=real --fake=samples_a,samples_b --metrics=kid,prdc:lite0 --by=class,tone",
    _add_flags,
    _run,
    takes_config=True,
)

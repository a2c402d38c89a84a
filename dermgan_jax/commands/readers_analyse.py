"""dermgan readers_analyse: what a reader study shows."""

import argparse
from typing import TYPE_CHECKING

from dermgan_jax import files
from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path

if TYPE_CHECKING:
    from dermgan_jax.readers.folder import StudyFolder

SOURCES = ("workdir", "votes", "counts")


def _margin(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is no share above 0 and below 0.5")
    return value


def _least(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, "a study of readers_design, with its answers", required=False)
    flags.add_path(
        parser,
        "votes",
        "or anybody's votes: CSV with reader, group, image, truth and answer (real or fake) and "
        "perhaps confidence, class_truth, class_answer, first_answer, realism, seconds, position, "
        "side, comment",
        required=False,
    )
    flags.add_path(
        parser,
        "counts",
        "or published counts: CSV with reader, group, tp, fp, fn, tn (positive is real) and "
        "perhaps the printed acc, tpr, tnr, fpr, fnr, which are checked",
        required=False,
    )
    parser.add_argument(
        "--margin",
        type=_margin,
        default=0.1,
        metavar="SHARE",
        help="of balanced accuracy around 0.5 that would not matter; default 0.1",
    )
    parser.add_argument(
        "--least_answered",
        type=_least,
        default=0.5,
        metavar="SHARE",
        help="of a reader's images that are answered, or the reader counts as not finished and is "
        "left out; default 0.5",
    )
    flags.add_switch(
        parser,
        "final",
        "no more answers will come: conclude, though some readers have not finished",
    )
    flags.add_path(
        parser,
        "scores",
        "other judges of the images: CSV with image (or origin and side) and columns of numbers",
        required=False,
    )
    flags.add_path(
        parser,
        "measured",
        "metrics of the synthetic sides: CSV with side, metric, value and perhaps better",
        required=False,
    )
    flags.add_out(
        parser,
        paths.folder_to_write,
        "folder for report.html, readers.json, votes.csv, images.csv and imrmc.csv",
    )


def _run(args: argparse.Namespace) -> None:
    given = [name for name in SOURCES if getattr(args, name) is not None]
    if len(given) != 1:
        which = "none" if not given else " and ".join(f"--{name}" for name in given)
        raise UserError(
            "name what to analyse by one of --workdir=STUDY, --votes=FILE.csv and "
            f"--counts=FILE.csv; given: {which}"
        )
    paths.require_apart(args.out, votes=args.votes, counts=args.counts)
    from dermgan_jax.readers import analysis, analysis_files, analysis_words, kept_result
    from dermgan_jax.readers.folder import StudyFolder
    from dermgan_jax.readers.study_votes import read_study
    from dermgan_jax.readers.votes import read_votes
    from dermgan_jax.report import readers as report

    study = votes = None
    if args.counts is not None:
        for name in ("scores", "measured"):
            if getattr(args, name) is not None:
                raise UserError(f"--{name} needs votes, and --counts has none of single images")
        from dermgan_jax.readers.counts import read_counts

        found = analysis.analyse_counts(read_counts(args.counts), args.margin)
    else:
        if args.workdir is not None:
            folder = StudyFolder(args.workdir)
            _require_unserved(args.out, folder)
            study = read_study(folder)
        votes = read_votes(args.votes) if study is None else study.votes
        found = analysis.analyse(
            *(votes, args.margin, args.scores, args.measured, args.least_answered),
            final=args.final or study is None,
        )
    print(analysis_words.text(found))
    written = analysis_files.write(found, votes, args.out)
    page = report.build(found, args.out, votes, study)
    print("\n".join(f"written: {path}" for path in (*written, page)))
    if study is not None:
        kept_result.keep(study, found, page)


def _require_unserved(out: Path, folder: "StudyFolder") -> None:
    """Refuses to put the truth where readers are served from."""
    for served in (folder.images, folder.pages):
        if files.absolute(served) in (files.absolute(out), *files.absolute(out).parents):
            raise UserError(f"--out={out}: readers are served what lies in {served}")


COMMAND = Command(
    "readers_analyse",
    "says whether readers can tell real from synthetic, and how sure that is",
    "readers_analyse --workdir=studies/turing --out=studies/turing_result",
    _add_flags,
    _run,
)

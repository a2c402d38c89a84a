"""dermgan compare: sets runs side by side on one page."""

import argparse

from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.files import Path


def _runs(text: str) -> tuple[Path, ...]:
    return tuple(map(paths.path, flags.names(text)))


def _add_flags(parser: flags.Parser) -> None:
    parser.add_argument(
        "--runs",
        type=_runs,
        required=True,
        metavar="DIR,DIR",
        help="work directories, with commas between them; differences are from the first",
    )
    flags.add_out(parser, paths.folder_to_write, "folder for comparison.html")


def _run(args: argparse.Namespace) -> None:
    # The imports alone take seconds.
    print(f"reads {len(args.runs)} runs and draws their curves …", flush=True)
    from dermgan_jax.report import run_comparison

    print(f"written: {run_comparison.build(args.runs, args.out)}")


COMMAND = Command(
    "compare",
    "sets runs side by side: values with intervals, curves, sheets, configurations",
    "compare --runs=runs/a,runs/b --out=compared",
    _add_flags,
    _run,
)

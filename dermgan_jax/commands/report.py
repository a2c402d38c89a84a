"""dermgan report: the page of a run or a study."""

import argparse

from dermgan_jax import registry
from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, "folder of a run or a study")


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.report import run
    from dermgan_jax.studies import study_folder

    build = run.build
    if study_folder.is_study(args.workdir):
        build = registry.load("study report", study_folder.kind(args.workdir))
    print(f"report: {build(args.workdir)}")


COMMAND = Command(
    "report",
    "rebuilds report.html of a run or a study",
    "report --workdir=runs/ham",
    _add_flags,
    _run,
)

"""dermgan export: files that the PyTorch originals load."""

import argparse

from dermgan_jax import registry
from dermgan_jax.commands import flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser)
    flags.add_out(parser, paths.folder_to_write, "folder for the .pth files")
    flags.add_checkpoint(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.runs.restore import LATEST
    from dermgan_jax.runs.workdir import WorkDir

    family = WorkDir(args.workdir).read_config().model.name
    if family not in registry.names("exporter"):
        known = ", ".join(registry.names("exporter"))
        raise UserError(f"{args.workdir} holds a {family}; exported are {known}")
    registry.load("exporter", family)(args.workdir, args.out, args.checkpoint or LATEST)


COMMAND = Command(
    "export",
    "writes a trained model as the files that its PyTorch original loads",
    "export --workdir=runs/cyclegan --out=torch",
    _add_flags,
    _run,
)

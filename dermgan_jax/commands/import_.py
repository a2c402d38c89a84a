"""dermgan import: a work directory of networks that were trained elsewhere."""

import argparse

from dermgan_jax import registry
from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    parser.add_argument(
        "--arch",
        choices=registry.names("importer"),
        required=True,
        help="what the source is a checkpoint of",
    )
    flags.add_path(parser, "source", "file of the PyTorch original, or folder of its files")
    flags.add_workdir(parser, "new folder for the run")


def _run(args: argparse.Namespace) -> None:
    registry.load("importer", args.arch)(args.source, args.workdir)


COMMAND = Command(
    "import",
    "reads checkpoints of the PyTorch originals; nothing in a pickle is executed",
    "import --arch=cyclegan --source=latest_net_G.pth --workdir=runs/horses",
    _add_flags,
    _run,
)

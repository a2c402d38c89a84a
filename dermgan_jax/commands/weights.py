"""dermgan weights: which files of pretrained weights are here, and fetching them."""

import argparse

from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_weights(parser)
    parser.add_argument(
        "--fetch",
        type=flags.names,
        default=(),
        metavar="NAMES",
        help="files to download and verify, with commas between them",
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.features import weights

    folder = flags.use_weights(args, new=True)
    for name in args.fetch:
        print(f"{name}: {weights.fetch(name, folder)}")
    print(weights.status_table(folder))


COMMAND = Command(
    "weights",
    "lists pretrained weights, fetches and verifies them",
    "weights --fetch=inception,lpips_alex",
    _add_flags,
    _run,
)

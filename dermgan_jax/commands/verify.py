"""dermgan verify: which images are ours, of which run, and which were altered."""

import argparse
import json

from dermgan_jax import files
from dermgan_jax.commands import flags
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import GateError


def _add_flags(parser: flags.Parser) -> None:
    flags.add_input(parser, "folder of images, its subfolders included, or .npz")
    parser.add_argument(
        "--workdir",
        type=flags.names,
        default=(),
        metavar="PATHS",
        help="with commas between them, of the runs that count as known; default: all do",
    )
    flags.add_switch(parser, "json", "print the result as JSON, every image in it")


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.synthesis.verify import ALTERED, verify

    found = verify(args.input, [files.to_path(name) for name in args.workdir])
    print(json.dumps(found.to_json(), indent=2) if args.json else found.text())
    if altered := len(found.of(ALTERED)):
        raise GateError(f"{altered} of {len(found.images)} images are altered")


COMMAND = Command(
    "verify",
    "says which images are ours, of which run, and which were altered",
    "verify --input=samples\nverify --input=samples --workdir=runs/ham,runs/melanoma --json",
    _add_flags,
    _run,
)

"""dermgan agreement: do readers agree, and who is right?"""

import argparse

from dermgan_jax.commands import flags, output, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_path(
        parser, "votes", "CSV with a row per vote: image, reader, answer and, if known, truth"
    )
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON),
        "JSON file; without it nothing is kept",
        required=False,
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.evaluation.reader_votes import agree, read_votes

    found = agree(read_votes(args.votes))
    print(found.text())
    output.keep(found.to_json(), args.out)


COMMAND = Command(
    "agreement",
    "tells how far readers or classifiers agree on the same images, and who is right",
    "agreement --votes=votes.csv --out=agreement.json",
    _add_flags,
    _run,
)

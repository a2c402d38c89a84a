"""dermgan check: lists every fault of data and configuration at once."""

import argparse

from dermgan_jax.commands import configuration, flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(
        parser, "a run, whose configuration is taken without --config", required=False
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.data.check import cautions, checked_catalogue, summary
    from dermgan_jax.train.start import build_model

    config = configuration.of_run(args)
    catalogue = checked_catalogue(config)
    build_model(config, catalogue)
    print("\n".join([summary(catalogue), *cautions(catalogue, config.data), "no faults found"]))


COMMAND = Command(
    "check",
    "lists every fault of data and configuration at once, and describes the data",
    "check --config=pgan:ham10000_32 --config.data.dir=DIR",
    _add_flags,
    _run,
    takes_config=True,
)

"""dermgan check: lists every fault of data and configuration at once."""

import argparse

from dermgan_jax.commands import configuration, flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(
        parser, "a run, whose configuration is taken without --config", required=False
    )
    flags.add_weights(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.data.check import cautions, checked_catalogue, summary
    from dermgan_jax.train.start import build_model, require_weights

    flags.use_weights(args)
    config = configuration.of_one(args)
    catalogue = checked_catalogue(config)
    model = build_model(config, catalogue)
    if args.workdir is None:
        require_weights(model)
    print("\n".join([summary(catalogue), *cautions(catalogue, config.data), "no faults found"]))


COMMAND = Command(
    "check",
    "lists every fault of data and configuration at once, and describes the data",
    "check --config=pgan:ham10000_32 --config.data.dir=DIR",
    _add_flags,
    _run,
    takes_config=True,
)

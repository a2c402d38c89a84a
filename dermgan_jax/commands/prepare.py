"""dermgan prepare: decodes images once, ahead of training."""

import argparse

from dermgan_jax.commands import configuration, flags
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(
        parser, "a run, whose configuration is taken without --config", required=False
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.data.catalogue import catalogue
    from dermgan_jax.data.prepare import prepare, prepared_dir

    config = configuration.of_one(args)
    prepared = prepare(catalogue(config.data), config.data)
    where = prepared_dir(config.data)
    print(f"{len(prepared.images)} images, fingerprint {prepared.fingerprint[:16]}, in {where}")


COMMAND = Command(
    "prepare",
    "decodes and resizes images once, ahead of training, where later runs find them",
    "prepare --config=pgan:ham10000_32 --config.data.dir=DIR",
    _add_flags,
    _run,
    takes_config=True,
)

"""dermgan check: lists every fault of data and configuration at once."""

import argparse
from typing import TYPE_CHECKING

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import registry
from dermgan_jax.commands import configuration, flags
from dermgan_jax.commands.command import Command

if TYPE_CHECKING:
    from dermgan_jax.data.catalogue import Catalogue
    from dermgan_jax.files import Path


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(
        parser, "a run, whose configuration is taken without --config", required=False
    )
    flags.add_weights(parser)
    flags.add_switch(
        parser,
        "leaks",
        "look for images of different splits that show the same, however long it takes",
    )
    flags.add_switch(
        parser,
        "fields",
        "print every field of the configuration, the numbers it may have and what it means; no "
        "data are looked at",
    )


def _run(args: argparse.Namespace) -> None:
    flags.use_weights(args)
    if args.fields:
        from dermgan_jax import config_fields

        print(config_fields.text(configuration.of_one(args)))
        return
    if args.config is not None and "study" in args.config:
        _check_study(args.config, args.leaks)
    else:
        _check_model(args)
    print("no faults found")


def _check_study(config: ConfigDict, search: bool) -> None:
    from dermgan_jax.data.check import cautions, checked_catalogue, summary
    from dermgan_jax.studies.experiments import require_trainable

    def listed(experiment: FrozenConfigDict) -> "Catalogue":
        found = checked_catalogue(experiment)
        print(f"== for {experiment.model.name}", summary(found), sep="\n")
        print(*cautions(found, experiment.data), sep="\n")
        _tell_leaks(found, experiment, search)
        return found

    require_trainable(registry.load("study experiments", config.study)(config), listed)


def _check_model(args: argparse.Namespace) -> None:
    from dermgan_jax.data.check import cautions, checked_catalogue, summary
    from dermgan_jax.train.start import build_model, require_weights

    config = configuration.of_one(args)
    catalogue = checked_catalogue(config)
    model = build_model(config, catalogue)
    if args.workdir is None:
        require_weights(model)
    print("\n".join([summary(catalogue), *cautions(catalogue, config.data)]))
    _tell_leaks(catalogue, config, args.leaks, args.workdir)


def _tell_leaks(
    catalogue: "Catalogue",
    config: FrozenConfigDict,
    search: bool,
    workdir: "Path | None" = None,
) -> None:
    """Looks for images of different splits that show the same; a run keeps what is found.

    Args:
      catalogue, config: of a model.
      search: also where groups are given and it takes long.
      workdir: of the run, if it is one.
    """
    from dermgan_jax.data import leaks
    from dermgan_jax.runs import findings

    if why := leaks.why_not(catalogue):
        print(f"note: leaks: images of different splits were not compared, as {why}")
        return
    found = leaks.find(catalogue, config.data, search=search or leaks.is_quick(catalogue))
    if found is None:
        print(
            f"note: leaks: groups are given; whether {len(catalogue.records)} images of other "
            "groups look alike was not looked for, which takes minutes: check --leaks does it"
        )
        return
    print(*leaks.told(found), sep="\n")
    if workdir is not None:
        sheet = leaks.sheet(found, catalogue)
        findings.keep(workdir, findings.LEAKS, leaks.facts(found), sheet)


COMMAND = Command(
    "check",
    "lists every fault of data and configuration at once, or describes the data",
    "check --config=pgan:ham10000_32 --config.data.dir=DIR",
    _add_flags,
    _run,
    takes_config=True,
)

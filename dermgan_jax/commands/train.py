"""dermgan train: trains a model or runs a study, or continues what the work directory holds."""

import argparse

from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import launcher, registry
from dermgan_jax.commands import configuration, flags
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(parser, required=False)
    flags.add_weights(parser)
    flags.add_switch(
        parser, "dry_run", "print configuration, data, parameters and stages; write nothing"
    )
    parser.add_argument(
        "--profile_steps",
        type=_steps,
        metavar="A:B",
        help="trace what steps A to B spend their time on into WORKDIR/profile, for the report and "
        "for TensorBoard",
    )
    parser.add_argument(
        "--exit_code_if_stopped",
        type=flags.natural,
        default=0,
        metavar="CODE",
        help="when told to stop, so that a cluster runs the same command again; default 0",
    )


def _steps(text: str) -> tuple[int, int]:
    """The two numbers of A:B."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) < int(last)):
        raise argparse.ArgumentTypeError(f"{text!r} is no A:B, steps of which A is less than B")
    return int(first), int(last)


def _run(args: argparse.Namespace) -> int:
    weights = flags.use_weights(args)
    is_study = args.config is not None and "study" in args.config
    if args.profile_steps is not None and (is_study or args.dry_run):
        other = "single models: a study has several" if is_study else "trainings, not for --dry_run"
        raise UserError(f"--profile_steps is for {other}")
    if args.dry_run:
        if is_study:
            raise UserError("--dry_run is for single models: a study has several")
        print(plan(configuration.of_run(args)))
        return 0
    if args.workdir is None:
        needed = "--workdir" if args.config is not None else "--config and --workdir"
        raise UserError(f"dermgan train: it needs {needed}; see dermgan train --help")
    if is_study:
        finished = _study(args.config, args.workdir, weights)
    else:
        finished = _model(configuration.of_run(args), args.workdir, args.profile_steps)
    return 0 if finished else args.exit_code_if_stopped


def _model(config: FrozenConfigDict, workdir: Path, profile_steps: tuple[int, int] | None) -> bool:
    """Trains one model. Returns whether it came to its end."""
    from dermgan_jax import hosts
    from dermgan_jax.report import run
    from dermgan_jax.runs.metrics_log import FINISHED
    from dermgan_jax.train.loop import train
    from dermgan_jax.train.profile import Steps

    steps = None if profile_steps is None else Steps(*profile_steps)
    finished = train(config, workdir, profile_steps=steps) == FINISHED
    if hosts.is_first():
        if finished:
            print(f"report: {run.build(workdir)}")
        else:
            print(f"stopped and saved; the same command continues {workdir}")
    return finished


def _study(config: ConfigDict, workdir: Path, weights: Path | None) -> bool:
    """Runs a study. Returns whether it came to its end."""
    from dermgan_jax.report import run
    from dermgan_jax.runs.metrics_log import FINISHED

    if launcher.several():
        raise UserError(
            "a study is run by a single process: start it without a launcher of several"
        )
    study = registry.load("study", config.study)
    if study(FrozenConfigDict(config), workdir, run.build, weights) != FINISHED:
        print(f"stopped and saved; the same command continues {workdir}")
        return False
    print(f"report: {registry.load('study report', config.study)(workdir)}")
    return True


def plan(config: FrozenConfigDict) -> str:
    """What a training would do: configuration, data, parameters and stages. Writes nothing.

    Raises:
      UserError: if the data, the configuration or the run to begin from is at fault; images are not
        looked into.
    """
    import jax

    from dermgan_jax import config as config_schema
    from dermgan_jax.data.catalogue import catalogue
    from dermgan_jax.data.check import summary
    from dermgan_jax.runs import provenance
    from dermgan_jax.runs.state import init_state
    from dermgan_jax.train import schedule, warm_start
    from dermgan_jax.train.start import build_model, require_weights

    listed = catalogue(config.data)
    model = build_model(config, listed)
    require_weights(model)
    warm_start.require_source(model)
    variables = jax.eval_shape(lambda: init_state(model).variables)
    stages = [
        f"stage {stage}: {stage.image_size[0]}x{stage.image_size[1]} pixels, batches of "
        f"{stage.batch_size}"
        for stage in schedule.all_stages(model)
    ]
    return "\n".join(
        [
            config_schema.to_json(config),
            summary(listed),
            "",
            provenance.parameter_counts(variables),
            *stages,
            f"{schedule.total_images(model):,} images to be shown",
            "nothing was written, and images were not looked into: dermgan check does that",
        ]
    )


COMMAND = Command(
    "train",
    "trains a model or runs a study, or continues what the work directory holds",
    "train --config=pgan:phantom --workdir=runs/phantom\n"
    "train --config=pgan:ham10000_32 --workdir=runs/ham --config.data.dir=DIR --dry_run",
    _add_flags,
    _run,
    takes_config=True,
    several_processes=True,
    hints={"seed": "the seed of a training is --config.seed=N"},
)

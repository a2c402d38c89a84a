"""dermgan plan: memory, speed and cost of a run on accelerators that need not be here."""

import argparse
import sys

from dermgan_jax.commands import configuration, flags, output, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError


def _add_flags(parser: flags.Parser) -> None:
    flags.add_workdir(
        parser, "a run, whose configuration is taken without --config", required=False
    )
    parser.add_argument(
        "--accelerator",
        metavar="KIND[:SIZE]",
        help="v4, v5e, v5p or v6e with a slice, as v5e:2x2 or v4:2x2x4; h100, h200, a100 or l4 "
        "with a number, as h100:8; cpu, which is this machine",
    )
    flags.add_path(
        parser,
        "measured",
        "instead: a run that has trained, whose speed is held against a plan of it, and kept for "
        "later plans",
        required=False,
    )
    parser.add_argument(
        "--price", type=float, metavar="AMOUNT", help="of one device and hour, in any currency"
    )
    flags.add_switch(
        parser,
        "traced",
        "of a TPU: ask no compiler, which takes minutes for each stage and is remembered, but "
        "estimate from the traced programs as for others",
    )
    flags.add_out(
        parser,
        paths.file_to_write(paths.JSON),
        "JSON file; without it nothing is kept",
        required=False,
    )
    flags.add_weights(parser)


def _run(args: argparse.Namespace) -> None:
    import jax

    from dermgan_jax.planning import accelerators, measured, plan, plan_table, this_machine

    jax.config.update("jax_platforms", "cpu")  # an accelerator of this machine is left to others
    if args.measured is not None:
        others = ("config", "workdir", "accelerator", "price", "out")
        given = [name for name in others if getattr(args, name) is not None]
        if given or args.traced:
            raise UserError(f"--measured goes without --{(*given, 'traced')[0]}")
        print(measured.text(*measured.measure(args.measured)))
        return
    if args.accelerator is None:
        raise UserError("dermgan plan needs --accelerator, or --measured; see dermgan plan --help")
    if args.price is not None and not 0 < args.price < float("inf"):
        raise UserError(f"--price={args.price:g} is no price: above 0")
    if args.config is not None and "study" in args.config:
        raise UserError("dermgan plan is for single models: a study has several; plan each")
    wanted = accelerators.parse(args.accelerator)
    if args.traced and wanted.chip.platform != accelerators.TPU:
        raise UserError(f"--traced is for TPUs: programs for {wanted} are only traced anyway")
    flags.use_weights(args)
    config = configuration.of_one(args)
    if wanted.chip.platform == accelerators.CPU:
        wanted = accelerators.parse(args.accelerator, this_machine.this_machine())
    found = plan.make_plan(config, wanted, compiles=not args.traced, tell=_tell)
    shares = measured.reached(wanted, config.model.name)
    print(plan_table.text(found, args.price, shares))
    if args.out is not None:
        output.keep(plan_table.to_json(found, args.price, shares), args.out)


def _tell(line: str) -> None:
    print(f"{line} …", file=sys.stderr, flush=True)


COMMAND = Command(
    "plan",
    "says whether a run fits an accelerator, how fast it can be and what it costs",
    "plan --config=pgan --accelerator=v5e:2x2 --price=1.2\n"
    "plan --config=stylegan2_melanoma:ada --accelerator=h100\n"
    "plan --measured=runs/ham",
    _add_flags,
    _run,
    takes_config=True,
)

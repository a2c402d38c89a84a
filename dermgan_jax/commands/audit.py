"""dermgan audit: looks for copies of training images among synthetic ones."""

import argparse

from dermgan_jax.commands import configuration, flags, paths
from dermgan_jax.commands.command import Command


def _add_flags(parser: flags.Parser) -> None:
    source = "a folder, an .npz, DATASET:SPLIT, DATASET:SPLIT:CLASS or a work directory"
    parser.add_argument(
        "--train", required=True, metavar="SOURCE", help=f"what the model learned from: {source}"
    )
    parser.add_argument(
        "--fake", required=True, metavar="SOURCE", help="the synthetic images; a run is sampled"
    )
    parser.add_argument("--held_out", metavar="SOURCE", help="real images that it never saw")
    flags.add_path(
        parser,
        "membership",
        "folder of two runs, first and second, each on one half of the training groups: do samples "
        "give away what was learned from? Runs that are not there are trained, as --config says, "
        "or as the run that --fake names",
        required=False,
    )
    flags.add_out(
        parser,
        paths.folder_to_write,
        "folder for audit.json, pairs.csv and pairs.png; without it nothing is kept",
        required=False,
    )
    flags.add_num(parser, 2048, "synthetic images at most")
    flags.add_seed(parser, "of samples and of the bootstrap")
    flags.add_checkpoint(parser)
    flags.add_features(parser)
    flags.add_range(parser)
    flags.add_weights(parser)


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax.evaluation.audit import Audit, audit
    from dermgan_jax.evaluation.image_sources import is_folder_of_images

    sources = {"train": args.train, "fake": args.fake, "held_out": args.held_out}
    asked = Audit(
        args.train,
        args.fake,
        args.held_out,
        num=args.num,
        seed=args.seed,
        checkpoint=args.checkpoint,
        features=args.features,
        value_range=flags.value_range(args, *sources.values()),
        membership=args.membership,
    )
    folders = {flag: name for flag, name in sources.items() if name and is_folder_of_images(name)}
    paths.require_apart(args.out, **folders)
    audit(asked, args.out, configuration.validated(args), flags.use_weights(args))


COMMAND = Command(
    "audit",
    "looks for copies of training images: exact, mirrored, re-encoded or shifted",
    "audit --train=runs/ham --fake=samples --held_out=ham10000:test --out=audit",
    _add_flags,
    _run,
    takes_config=True,
)

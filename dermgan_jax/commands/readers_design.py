"""dermgan readers_design: makes a study in which people tell real from synthetic images."""

import argparse
import secrets

from dermgan_jax.commands import configuration, flags, paths
from dermgan_jax.commands.command import Command
from dermgan_jax.errors import UserError
from dermgan_jax.files import to_path

LARGE_PAGE = 150.0  # megabytes
SECRET_BITS = 62
# Flags that are fields of `readers.request.Asked`.
AS_GIVEN = (
    *("real", "preset", "num_real", "num_fake", "sections", "questions", "readers"),
    *("practice", "classes", "time_limit", "side", "recompress", "title", "train", "checkpoint"),
)


def _add_flags(parser: flags.Parser) -> None:
    source = "a folder, an .npz, DATASET:SPLIT or DATASET:SPLIT:CLASS"
    flags.add_out(parser, paths.path, "the study's folder, new")
    parser.add_argument("--real", required=True, metavar="SOURCE", help=source)
    parser.add_argument(
        "--fake",
        required=True,
        metavar="SOURCES",
        help="a folder, an .npz or a work directory, which is sampled; several with commas "
        "between them are shown in equal parts and analysed apart",
    )
    parser.add_argument(
        "--preset",
        default="turing",
        metavar="NAME",
        help="turing: real or synthetic? 50 and 30 images, 8 readers; questionnaire: and which "
        "class? 20 and 80 images in 4 sections, 3 readers; default turing",
    )
    _add_numbers(parser)
    _add_rules(parser)
    parser.add_argument(
        "--train", metavar="SOURCE", help="what the generator learned from, to look for copies"
    )
    parser.add_argument("--side", type=flags.positive, metavar="PIXELS", help="of every image")
    parser.add_argument(
        "--seed",
        type=flags.seed,
        metavar="N",
        help="of choice, names, order and samples; default a secret one, as whoever guesses it can "
        "tell which image is what",
    )
    flags.add_checkpoint(parser)
    parser.add_argument(
        "--recompress",
        type=flags.positive,
        metavar="QUALITY",
        help="compress all images alike by JPEG, 1 to 100, where one side was compressed before",
    )


def _add_numbers(parser: flags.Parser) -> None:
    numbers = {
        "num_real": "real images that each reader sees",
        "num_fake": "synthetic images that each reader sees",
        "sections": "parts with a pause between",
    }
    for name, help in numbers.items():
        parser.add_argument(
            f"--{name}", type=flags.positive, metavar="N", help=f"{help}; default the preset's"
        )
    parser.add_argument(
        "--readers",
        metavar="NAMES",
        help="NAME or NAME:GROUP with commas between them, or their number; default the preset's",
    )
    parser.add_argument(
        "--practice",
        type=flags.natural,
        default=0,
        metavar="N",
        help="images to practise on, with the truth told after each; default 0",
    )


def _add_rules(parser: flags.Parser) -> None:
    parser.add_argument(
        "--questions",
        type=flags.names,
        metavar="NAMES",
        help="of real, confidence, class, realism, comment, real first; default the preset's",
    )
    parser.add_argument(
        "--classes",
        type=flags.names,
        default=(),
        metavar="NAMES",
        help="classes to show, as many images of each",
    )
    parser.add_argument(
        "--sets",
        choices=("same", "own"),
        default="same",
        help="whether all readers see the same images or each has own ones; default same",
    )
    flags.add_switch(parser, "final_answers", "answers cannot be changed later")
    flags.add_switch(parser, "tell_numbers", "readers are told how many images are real")
    parser.add_argument(
        "--time_limit", type=float, metavar="SECONDS", help="after which an image is hidden"
    )
    parser.add_argument("--title", default="Real or synthetic?", help="what readers see")
    flags.add_path(
        parser,
        "texts",
        "TOML file with the page's words in another language, as readers/texts_en.toml",
        required=False,
    )


def _run(args: argparse.Namespace) -> None:
    from dermgan_jax import registry
    from dermgan_jax.evaluation.image_sources import is_folder_of_images
    from dermgan_jax.readers import build, texts
    from dermgan_jax.readers.design import PRESETS
    from dermgan_jax.readers.request import Asked
    from dermgan_jax.report import readers_self_test

    if args.preset not in PRESETS:
        hint = registry.did_you_mean(args.preset, tuple(PRESETS))
        raise UserError(f"--preset={args.preset}: there is no such preset{hint}")
    if args.time_limit is not None and not 0 < args.time_limit < 3600:
        raise UserError(f"--time_limit={args.time_limit:g}: more than 0 and less than 3600 seconds")
    if args.recompress is not None and args.recompress > 100:
        raise UserError(f"--recompress={args.recompress}: JPEG's quality ends at 100")
    fake = (args.fake,) if to_path(args.fake).exists() else flags.names(args.fake)
    if len(set(fake)) < len(fake):
        raise UserError(f"--fake={args.fake} names a source twice")
    sources = {"real": args.real, **{f"fake={name}": name for name in fake}}
    folders = {flag: name for flag, name in sources.items() if is_folder_of_images(name)}
    paths.require_apart(args.out, **folders)
    asked = Asked(
        **{name: getattr(args, name) for name in AS_GIVEN},
        fake=fake,
        seed=secrets.randbits(SECRET_BITS) if args.seed is None else args.seed,
        same_images=args.sets == "same",
        revisable=not args.final_answers,
        told=args.tell_numbers,
        texts=texts.read(args.texts) if args.texts else {},
    )
    if args.seed is not None:
        print(
            f"warning: whoever knows --seed={args.seed} can compute which image is what: keep it "
            "secret, or leave it out"
        )
    made = build.make(asked, configuration.validated(args), args.out)
    for note in made.notes:
        print(note if note.startswith("warning") else f"note: {note}")
    for warning in made.tested.warnings():
        print(f"warning: {warning}")
    print(made.plan.text())
    print(f"self-test: {readers_self_test.build(made)} (do not show it to readers)")
    written = build.release(made)
    size = max(page.stat().st_size for page in written) / 1e6
    print(
        f"pages that need no server: {written[0].parent}, one for each of {len(written)} readers, "
        f"{size:.1f} MB each"
    )
    if size > LARGE_PAGE:
        print("warning: browsers may not open pages as large as these: use the server, or --side")
    print(f"next: dermgan readers_serve --workdir={args.out}, or send the pages")


COMMAND = Command(
    "readers_design",
    "makes a study in which people tell real from synthetic images",
    "readers_design --real=ham10000:test --fake=runs/ham --out=study --preset=turing",
    _add_flags,
    _run,
    takes_config=True,
)

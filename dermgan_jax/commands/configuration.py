"""The configuration of --config and of --config.GROUP.FIELD=VALUE."""

import argparse
import functools
import os
import pathlib
import re
import sys
import traceback
from collections.abc import Iterator, Sequence

from absl import flags
from ml_collections import ConfigDict, FrozenConfigDict, config_flags

import dermgan_jax
from dermgan_jax import config as config_schema
from dermgan_jax import files, registry
from dermgan_jax.config_values import element_faults
from dermgan_jax.errors import UserError
from dermgan_jax.presets import require_variant

HELP = (
    "a configuration that comes with the program, or the path of your own file; "
    "--config.GROUP.FIELD=VALUE sets its fields"
)
TITLED = (  # fields that titles of files speak of
    *("data.dataset", "data.resolution", "data.classes", "data.normal", "data.domain_a"),
    *("data.domain_b", "model.name", "model.scale"),
)
OWN_IMAGES = (
    "image_folder",
    "image_folder_pairs",
    "csv_table",
)  # data sets with classes of their own
_WORD = re.compile(r"--?(config(?=[.=]|$)|noconfig(?=\.))")
_FIELD = re.compile(r"(--?(?:no)?config\.)([^=]+)(.*)", re.DOTALL)


def is_word(argument: str) -> bool:
    """Whether an argument of the command line is about the configuration."""
    return bool(_WORD.match(argument))


@functools.cache
def shipped() -> dict[str, pathlib.Path]:
    """Configurations that come with the program: name -> file."""
    package = pathlib.Path(dermgan_jax.__file__).parent
    folder = package / "configs"  # in an installed package; beside it in a clone
    if not folder.is_dir():
        folder = package.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("[a-z]*.py"))}


def find(argument: str) -> str:
    """FILE or FILE:VARIANT of what a user named.

    Args:
      argument: the path of a file, or the name of a configuration that comes with the program, as
        pgan, pgan.py or configs/pgan.py; after a colon, its variant.

    Raises:
      UserError: if there is no such file.
    """
    named, colon, variant = argument.partition(":")
    path = files.to_path(named)
    if files.is_local(path) and path.is_file():
        return f"{path}{colon}{variant}"
    match = re.fullmatch(r"(?:configs/)?([^/]+?)(?:\.py)?", named)
    if match is None or match[1] not in shipped():
        hint = registry.did_you_mean(match[1] if match else named, tuple(shipped()))
        raise UserError(f"--config={argument}: there is no file {named}{hint}")
    return f"{shipped()[match[1]]}{colon}{variant}"


def parse(words: Sequence[str]) -> ConfigDict | None:
    """The configuration that the words of a command line give; None if they give none.

    Raises:
      UserError: for an unknown file or field, a value of the wrong type, or a file that cannot be
        run, naming its line.
    """
    files_named, fields = [], []
    for word in _joined(words):
        if _FIELD.fullmatch(word):
            fields.append(_with_todays_name(word))
        else:
            files_named.append(f"--config={find(word.partition('=')[2])}")
    if not words:
        return None
    if not files_named:
        raise UserError("fields of the configuration are set, but there is no --config=NAME")
    before = _read(files_named)
    _require_known(fields, before)
    config = _read([*files_named, *fields])
    _require_same_elements(before, config)
    _adapt_to_other_data(fields, before, config)
    return config


def _adapt_to_other_data(fields: Sequence[str], before: ConfigDict, config: ConfigDict) -> None:
    """Leaves out what a file says of its own data set, if the user named another one.

    The title, and of images of the user's own the classes; both is said.
    """
    known, found = config_schema.flatten(before), config_schema.flatten(config)
    changed = [key for key in TITLED if key in found and found[key] != known.get(key)]
    named = {_FIELD.fullmatch(field)[2] for field in fields}
    is_own = "data.dataset" in changed and found["data.dataset"] in OWN_IMAGES
    if is_own and found.get("data.classes") and "data.classes" not in named:
        config.data.classes = ()
        classes = ", ".join(known["data.classes"])
        print(
            f"note: all classes are taken: data.classes, {classes}, is of {known['data.dataset']}; "
            "--config.data.classes names some of yours",
            file=sys.stderr,
        )
    if changed and found.get("title") and "title" not in named:
        config.title = ""
        print(
            f"note: the title {known['title']!r} is left out, as the file has another "
            f"{', '.join(changed)}; --config.title sets one",
            file=sys.stderr,
        )


def _joined(words: Sequence[str]) -> list[str]:
    """The words with every value after "=", where it may as well be the next word."""
    joined: list[str] = []
    for word in words:
        if is_word(word):
            joined.append(word)
        else:
            joined[-1] += f"={word}"
    return joined


def _read(words: Sequence[str]) -> ConfigDict:
    values = flags.FlagValues()
    argv = ["dermgan", *words]
    file = words[0].partition("=")[2].partition(":")[0]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    try:
        left_over = values(argv)[1:]
    except Exception as error:  # a configuration's file is a program
        raise UserError(_said(error, file)) from error
    if left_over:
        raise UserError(f"what is {left_over[0]!r}? Every argument is --name=value; see --help")
    if not isinstance(values.config, ConfigDict):
        raise UserError(
            f"--config={file}: get_config returns a {type(values.config).__name__}: let it return "
            "the configuration"
        )
    return values.config


def _said(error: Exception, file: str) -> str:
    """What a configuration's file, or a value for one of its fields, is refused for."""
    for each in _chain(error):
        line, innermost = _line_in(each, file)
        if line is not None and innermost != require_variant.__name__:
            message = each.msg if isinstance(each, SyntaxError) else str(each)
            hint = _renamed_hint(message)
            return f"{file}, line {line}: {type(each).__name__}: {message}{hint}"
    message = " ".join(str(part) for part in error.args) or repr(error)
    # What a configuration's file says of its variants stands at the end of a stack trace.
    _, told, last = message.rstrip().rpartition("\nValueError: ")
    message = last if told else message
    return f"--config: {message}{_renamed_hint(message)}"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came from, the first one first."""
    if error is not None:
        yield from _chain(error.__cause__ or error.__context__)
        yield error


def _line_in(error: BaseException, file: str) -> tuple[int | None, str]:
    """Where in a file an error arose, None if elsewhere, and the function where it did."""
    if isinstance(error, SyntaxError) and error.filename and _is_same(error.filename, file):
        return error.lineno, ""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if _is_same(frame.filename, file)]
    return (lines[-1], frames[-1].name) if lines else (None, "")


def _is_same(path: str, file: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(file)


def _require_same_elements(before: ConfigDict, config: ConfigDict) -> None:
    """Checks the types in tuples that were set, by those that the file has there."""
    known, found = config_schema.flatten(before), []
    for key, value in config_schema.flatten(config).items():
        if isinstance(known.get(key), tuple) and known[key] != value:
            found += element_faults(key, known[key], value)
    if found:
        raise UserError("\n".join(f"--config.{line}" for line in found))


def _require_known(fields: Sequence[str], config: ConfigDict) -> None:
    """Checks that the configuration has all fields that are set.

    Raises:
      UserError: naming every one that it lacks.
    """
    known = tuple(config_schema.flatten(config))
    found = []
    for field in fields:
        name = _FIELD.fullmatch(field)[2]
        if not any(key == name or key.startswith(f"{name}.") for key in known):
            group = [key for key in known if _group(key) == _group(name)]
            hint = registry.did_you_mean(name, tuple(group or dict.fromkeys(map(_group, known))))
            found.append(f"--config has no field {name!r}{hint}")
    if found:
        raise UserError("\n".join(found))


def _group(key: str) -> str:
    return key.partition(".")[0]


def _with_todays_name(word: str) -> str:
    """A field by the name that its group has now, with a note if that is another one."""
    match = _FIELD.fullmatch(word)
    if match is None:
        return word
    parts = match[2].split(".")
    today = ".".join(config_schema.RENAMED_GROUPS.get(part, part) for part in parts)
    if today != match[2]:
        print(f"note: --config.{match[2]} is now --config.{today}", file=sys.stderr)
    return f"{match[1]}{today}{match[3]}"


def _renamed_hint(message: str) -> str:
    """What a file of before a renaming has to call its groups now."""
    for old, new in config_schema.RENAMED_GROUPS.items():
        if re.search(rf"\b{old}\b", message):
            return f" (config.{old} is now config.{new})"
    return ""


def validated(args: argparse.Namespace) -> FrozenConfigDict | None:
    """The configuration of --config, validated; None without one."""
    if args.config is None:
        return None
    if "study" in args.config:
        raise UserError("--config names a study of several models: here that of one is needed")
    return config_schema.validate(args.config)


def of_one(args: argparse.Namespace) -> FrozenConfigDict:
    """As `of_run`, for commands where a work directory says nothing beside a configuration.

    Raises:
      UserError: likewise, and if both are given.
    """
    if args.config is not None and args.workdir is not None:
        raise UserError("--workdir would be ignored beside --config: give one of them")
    return of_run(args)


def of_run(args: argparse.Namespace) -> FrozenConfigDict:
    """The configuration of --config, or else the one that the work directory holds.

    Raises:
      UserError: if there is neither, or it is not valid.
    """
    from dermgan_jax.runs.workdir import WorkDir

    if args.config is not None:
        return validated(args)
    if args.workdir is None:
        raise UserError("give --config=NAME[:VARIANT], or the --workdir of a run")
    return WorkDir(args.workdir).read_config()

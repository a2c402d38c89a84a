"""The command line: `python -m dermgan_jax.main --mode=MODE …`, or `dermgan --mode=MODE …`.

Exit codes: 0 done; 1 our fault; 2 something the user can fix, in one message; 3 a gate said no.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import flags, logging
from ml_collections import FrozenConfigDict, config_flags

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.errors import GateError, UserError

FLAGS = flags.FLAGS
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "configs/NAME.py or configs/NAME.py:VARIANT; fields as --config.KEY=VALUE"
)
_WORKDIR = flags.DEFINE_string("workdir", None, "the run's folder")
_OUT = flags.DEFINE_string("out", None, "file or folder to write")
_NUM = flags.DEFINE_integer("num", 64, "how many images", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "random seed", lower_bound=0)
_LABEL = flags.DEFINE_string("label", None, "class name; default: as in the data")
_CHECKPOINT = flags.DEFINE_string("checkpoint", "latest", "latest, best or a step")
_LATENTS = flags.DEFINE_string("latents", None, "generate: .npz with key z, instead of a seed")
_TRUNCATION = flags.DEFINE_float(
    "truncation", 1.0, "styles: from 0, the average image, to 1, as drawn"
)
_NOISE = flags.DEFINE_string("noise", "const", "generate, with styles: const, none or random")
_SPACE = flags.DEFINE_string("space", "z", "interpolate: z, latents, or w, styles")
_CROSSOVER = flags.DEFINE_integer("crossover", None, "mix: layers taken from the left source")
_STEPS = flags.DEFINE_integer("steps", 300, "project: optimisation steps for each image")
_REAL = flags.DEFINE_string(
    "real", None, "evaluate: folder, .npz, DATASET:SPLIT, DATASET:SPLIT:CLASS or workdir"
)
_FAKE = flags.DEFINE_string("fake", None, "evaluate: as --real")
_WEIGHTS = flags.DEFINE_string("weights", None, "folder of pretrained weights, looked into first")
_FETCH = flags.DEFINE_list("fetch", [], "weights: names of files to fetch")
_METRICS = flags.DEFINE_list("metrics", ["swd"], "evaluate: which metrics")
_INPUT = flags.DEFINE_string("input", None, "translate, project: folder of images or .npz")
_DIRECTION = flags.DEFINE_string("direction", "AtoB", "translate: AtoB or BtoA")
_RECONSTRUCT = flags.DEFINE_bool("reconstruct", False, "translate: and back again")
_ARCH = flags.DEFINE_enum(
    "arch",
    None,
    registry.names("importer"),
    "import: what the source is a checkpoint of",
)
_SOURCE = flags.DEFINE_string(
    "source", None, "import: file of the PyTorch original, or folder of its files"
)
_RULE = flags.DEFINE_enum(
    "rule", "discriminator", ["discriminator", "realism", "confidence"], "filter: what is best"
)
_KEEP = flags.DEFINE_float("keep", None, "filter: share of each class to keep; default 0.3")
_THRESHOLD = flags.DEFINE_string(
    "threshold", None, "filter, instead of --keep: a score, or auto, from validation images"
)
_PROBABILITY = flags.DEFINE_float(
    "probability", 0.98, "judge: from which an image counts as identified"
)
_FEATURES = flags.DEFINE_string(
    "features", "lite0", "filter, audit: where distances are taken; lite0, inception or pixels"
)
_TRAIN = flags.DEFINE_string("train", None, "audit: what the model learned from, as --real")
_HELD_OUT = flags.DEFINE_string("held_out", None, "audit: real images that it never saw, as --real")
_HELP = flags.DEFINE_bool("help", False, "show this")
_EXIT_CODE_IF_STOPPED = flags.DEFINE_integer(
    "exit_code_if_stopped", 0, "train: exit code when told to stop, for a cluster to run it again"
)


def _required(flag: flags.FlagHolder) -> str:
    if flag.value is None:
        raise UserError(f"--mode={_MODE.value} needs --{flag.name}")
    return flag.value


def _given(**named: flags.FlagHolder) -> dict[str, Any]:
    """Values of those flags that were given; the others keep their mode's own default."""
    return {name: flag.value for name, flag in named.items() if FLAGS[flag.name].present}


def _drawing() -> dict[str, Any]:
    """What every mode that draws images takes."""
    return {
        "seed": _SEED.value,
        "label": _LABEL.value,
        "checkpoint": _CHECKPOINT.value,
        "truncation": _TRUNCATION.value,
    }


def _workdir() -> Path:
    return Path(_required(_WORKDIR))


def _weights_folder() -> Path | None:
    return Path(_WEIGHTS.value) if _WEIGHTS.value else None


def _config() -> FrozenConfigDict:
    """The configuration of --config, or else the one that the work directory holds."""
    from dermgan_jax.runs.workdir import WorkDir

    if _CONFIG.value is not None:
        return config_schema.validate(_CONFIG.value)
    if _WORKDIR.value is None:
        raise UserError(f"--mode={_MODE.value} needs --config=configs/NAME.py")
    return WorkDir(_workdir()).read_config()


def _train() -> int:
    import jax

    from dermgan_jax.report.build import build
    from dermgan_jax.train.loop import FINISHED, train

    workdir = _workdir()
    if "study" in (_CONFIG.value or ()):
        return _study(workdir)
    outcome = train(_config(), workdir)
    if jax.process_index() == 0:
        if outcome == FINISHED:
            print(f"report: {build(workdir)}")
        else:
            print(f"stopped and saved; the same command continues {workdir}")
    return 0 if outcome == FINISHED else _EXIT_CODE_IF_STOPPED.value


def _study(workdir: Path) -> int:
    from dermgan_jax.train.loop import FINISHED

    kind = _CONFIG.value.study
    run = registry.load("study", kind)
    if run(FrozenConfigDict(_CONFIG.value), workdir, _weights_folder()) != FINISHED:
        print(f"stopped and saved; the same command continues {workdir}")
        return _EXIT_CODE_IF_STOPPED.value
    print(f"report: {registry.load('study report', kind)(workdir)}")
    return 0


def _check() -> None:
    from dermgan_jax.data.check import cautions, checked_catalogue, summary
    from dermgan_jax.train.start import build_model

    config = _config()
    catalogue = checked_catalogue(config)
    build_model(config, catalogue)
    print("\n".join([summary(catalogue), *cautions(catalogue, config.data), "no faults found"]))


def _prepare() -> None:
    from dermgan_jax.data.catalogue import catalogue
    from dermgan_jax.data.prepare import prepare

    config = _config()
    prepared = prepare(catalogue(config.data), config.data)
    print(f"{len(prepared.images)} images, fingerprint {prepared.fingerprint[:16]}")


def _generate() -> None:
    from dermgan_jax.synthesis.generate import generate

    generate(
        _workdir(),
        Path(_required(_OUT)),
        num=_NUM.value,
        **_drawing(),
        latents=Path(_LATENTS.value) if _LATENTS.value else None,
        noise=_NOISE.value,
    )


def _interpolate() -> None:
    from dermgan_jax.synthesis.interpolate import interpolate

    interpolate(
        _workdir(),
        Path(_required(_OUT)),
        **_given(num=_NUM),
        **_drawing(),
        space=_SPACE.value,
    )


def _mix() -> None:
    from dermgan_jax.synthesis.style_mixing import mix_styles

    mix_styles(
        _workdir(),
        Path(_required(_OUT)),
        **_given(num=_NUM),
        **_drawing(),
        crossover=_CROSSOVER.value,
    )


def _project() -> None:
    from dermgan_jax.synthesis.project import project

    project(
        _workdir(),
        Path(_required(_INPUT)),
        Path(_required(_OUT)),
        steps=_STEPS.value,
        label=_LABEL.value,
        checkpoint=_CHECKPOINT.value,
        weights=_weights_folder(),
    )


def _translate() -> None:
    from dermgan_jax.synthesis.translate import translate

    translate(
        _workdir(),
        Path(_required(_INPUT)),
        Path(_required(_OUT)),
        direction=_DIRECTION.value,
        checkpoint=_CHECKPOINT.value,
        reconstruct=_RECONSTRUCT.value,
    )


def _import() -> None:
    registry.load("importer", _required(_ARCH))(Path(_required(_SOURCE)), _workdir())


def _export() -> None:
    from dermgan_jax.runs.workdir import WorkDir

    family = WorkDir(_workdir()).read_config().model.name
    if family not in registry.names("exporter"):
        known = ", ".join(registry.names("exporter"))
        raise UserError(f"{_workdir()} holds a {family}; exported are {known}")
    export = registry.load("exporter", family)
    export(_workdir(), Path(_required(_OUT)), _CHECKPOINT.value)


def _filter() -> None:
    from dermgan_jax.synthesis.filter import filter_images

    filter_images(
        _workdir(),
        Path(_required(_INPUT)),
        Path(_required(_OUT)),
        _RULE.value,
        keep=_KEEP.value,
        threshold=_THRESHOLD.value,
        checkpoint=_CHECKPOINT.value,
        features=_FEATURES.value,
        weights=_weights_folder(),
    )


def _audit() -> None:
    from dermgan_jax.evaluation.audit import audit

    audit(
        _required(_TRAIN),
        _required(_FAKE),
        held_out=_HELD_OUT.value,
        out=Path(_OUT.value) if _OUT.value else None,
        **_given(num=_NUM),
        seed=_SEED.value,
        config=_config() if _CONFIG.value is not None else None,
        features=_FEATURES.value,
        weights=_weights_folder(),
    )


def _judge() -> None:
    import json

    from dermgan_jax.evaluation.judge import judge_images
    from dermgan_jax.runs.workdir import write_atomically

    found = judge_images(
        _workdir(),
        _required(_FAKE),
        threshold=_PROBABILITY.value,
        checkpoint=_CHECKPOINT.value,
    )
    print(found.text())
    if _OUT.value:
        out = Path(_OUT.value)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, json.dumps(found.result, indent=2) + "\n")
        print(f"written: {out}")


def _evaluate() -> None:
    import json

    from dermgan_jax.evaluation import image_sources
    from dermgan_jax.evaluation.evaluate import evaluate
    from dermgan_jax.report import evaluation_figure
    from dermgan_jax.runs.workdir import write_atomically

    found = evaluate(
        _required(_REAL),
        _required(_FAKE),
        _METRICS.value,
        **{"num": 2048, **_given(num=_NUM)},
        seed=_SEED.value,
        config=_config() if _CONFIG.value is not None else None,
        weights=_weights_folder(),
    )
    print(found.text())
    if _OUT.value:
        out = Path(_OUT.value)
    elif image_sources.is_workdir(found.fake.name):
        out = Path(found.fake.name) / "evaluation.json"
    else:
        print("--out=FILE.json keeps these values and draws a figure of them")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, json.dumps(found.result, indent=2) + "\n")
    figure = out.with_suffix(".png")
    evaluation_figure.draw(found.result, found.real.examples(8), found.fake.examples(8), figure)
    print(f"written: {out}, {figure}")


def _report() -> None:
    from dermgan_jax.report.build import build
    from dermgan_jax.studies import study_folder

    workdir = _workdir()
    if study_folder.is_study(workdir):
        build = registry.load("study report", study_folder.kind(workdir))
    print(f"report: {build(workdir)}")


def _weights() -> None:
    from dermgan_jax.features import weights

    folder = _weights_folder()
    for name in _FETCH.value:
        print(f"{name}: {weights.fetch(name, folder)}")
    print(weights.status_table(folder))


def _doctor() -> None:
    from dermgan_jax.commands.doctor import examine

    print(examine())


MODES: dict[str, Callable[[], int | None]] = {
    "train": _train,
    "check": _check,
    "prepare": _prepare,
    "generate": _generate,
    "translate": _translate,
    "interpolate": _interpolate,
    "mix": _mix,
    "project": _project,
    "filter": _filter,
    "audit": _audit,
    "judge": _judge,
    "import": _import,
    "export": _export,
    "evaluate": _evaluate,
    "report": _report,
    "weights": _weights,
    "doctor": _doctor,
}
_MODE = flags.DEFINE_enum("mode", "train", list(MODES), "what to do")


def parse() -> None:
    """Reads sys.argv, where ml_collections finds its fields too, into the flags.

    Raises:
      UserError: for an unknown flag, configuration file or field, or a value of the wrong type.
    """
    try:
        left_over = FLAGS(sys.argv)[1:]
    except (flags.Error, AttributeError, KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(" ".join(str(arg) for arg in error.args) or repr(error)) from error
    if left_over:
        raise UserError(f"what is {left_over[0]!r}? Every argument is --name=value; see --help")


def set_up_jax() -> None:
    """Joins the other hosts, and keeps compiled programs for the next run."""
    # TensorFlow feeds data here; what it says of its own arithmetic would only confuse.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import jax

    from dermgan_jax.cache import cache_dir
    from dermgan_jax.train.sharding import join_hosts

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))
    join_hosts()


def main() -> int:
    """Runs the command of sys.argv and returns its exit code."""
    try:
        parse()
        if _HELP.value:
            print(f"{__doc__}\n{FLAGS.module_help(sys.modules[__name__])}")
            return 0
        logging.use_absl_handler()
        # Orbax logs the stack traces of errors that we turn into messages.
        logging.set_verbosity(logging.FATAL)
        if _WEIGHTS.value:
            os.environ["DERMGAN_WEIGHTS"] = _WEIGHTS.value  # where every part looks first
        set_up_jax()
        return MODES[_MODE.value]() or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        where = f" while writing {error.filename}" if error.filename else ""
        print(f"error: the disk is full{where}: free some space and run again", file=sys.stderr)
        return 2
    except GateError as error:
        print(f"no: {error}", file=sys.stderr)
        return 3


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main())


if __name__ == "__main__":
    run()

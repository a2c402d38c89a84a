"""Makes a work directory of checkpoints of pytorch-CycleGAN-and-pix2pix and of CUT."""

import functools
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax import registry
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import imported_run, original_nets, torch_names
from dermgan_jax.listings import listing
from dermgan_jax.models.contract import Translator, Variables
from dermgan_jax.runs import provenance
from dermgan_jax.runs.state import init_state

Tensors = dict[str, np.ndarray]

RESNET_SIDE = 256  # pixels; these generators take any multiple of 4
ROLE_OF = {"unet": "G", "resnet": "G", "patch": "D", "pixel": "D", "embedding": "F"}
ROLES = {"G": "generator", "D": "discriminator", "F": "patch embedding (CUT's F)"}


def import_translator(family: str, source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0.

    Nets that the source does not hold keep their initial values and are listed in the checkpoint's
    facts under "untrained".

    Args:
      family: "cyclegan", "pix2pix" or "cut".
      source: a generator's file, or a folder of `latest_net_NAME.pth`. One file of a CycleGAN is
        BtoA if its name says G_B, else AtoB.
      path: the work directory, empty or new.

    Raises:
      UserError: if a file is missing, holds another network, or the work directory is in use.
    """
    imported_run.require_empty(path)
    files = _files(family, source)
    nets = {original: _cleaned(read_tensors(file)) for original, file in files.items()}
    for original, tensors in nets.items():
        _require_role(files[original], original, tensors)
    config = _config(family, source, nets, files)
    side, channels = config.data.resolution, config.data.channels
    # Nothing is known of the training images; one keeps the schedules from dividing by none.
    model = registry.load("model", family)(
        config, DataSpec(side, side, channels, (), num_examples=1)
    )
    if faults := model.faults():
        raise UserError(
            f"{source} does not make a {family}; --arch=pix2pix translates with any generator\n  "
            + "\n  ".join(faults)
        )
    variables = _variables(model, nets, files)
    state = imported_run.initial_state(model, without=tuple(variables))
    untrained = sorted(state.variables)
    state = state.replace(variables={**state.variables, **variables})
    facts = {**provenance.imported_facts(model), "untrained": untrained}
    imported_run.write(path, config, state, facts)
    print(f"{_summary(config)} in {path}")
    if untrained:
        names = ", ".join(sorted(original_nets.original_name(family, net) for net in untrained))
        print(f"not in {source}, so untrained: {names}")


import_cyclegan = functools.partial(import_translator, "cyclegan")
import_pix2pix = functools.partial(import_translator, "pix2pix")
import_cut = functools.partial(import_translator, "cut")


def _variables(
    model: Translator, nets: Mapping[str, Tensors], files: Mapping[str, Path]
) -> Variables:
    """The variables of the nets in the source.

    Raises:
      UserError: if one has not got the tensors that the configuration asks for.
    """
    family = model.config.model.name
    shapes = jax.eval_shape(lambda: init_state(model).variables)
    found = {}
    for original, tensors in nets.items():
        net = original_nets.NETS[family][original]
        like = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), shapes[net])
        expected = original_nets.state_dict(model, net, like)
        imported_run.require_same(files[original], f"{original} of a {family}", expected, tensors)
        _require_usual_blurs(files[original], expected, tensors)
        found[net] = jax.tree.map(jnp.asarray, original_nets.variables(model, net, tensors))
    return found


def _files(family: str, source: Path) -> dict[str, Path]:
    """The originals' names of the nets that the source holds, and the files."""
    known = tuple(original_nets.NETS[family])
    generators = tuple(name for name in known if name.startswith("G"))
    if not source.is_dir():
        backwards = family == "cyclegan" and re.search(r"(?<![A-Za-z])G_B(?![A-Za-z])", source.name)
        return {"G_B" if backwards else generators[0]: source}
    paths = {name: source / original_nets.file_name(name) for name in known}
    # Published CycleGANs of one direction are called G.
    if family == "cyclegan" and not paths["G_A"].is_file():
        paths["G_A"] = source / original_nets.file_name("G")
    found = {name: path for name, path in paths.items() if path.is_file()}
    if not any(name in found for name in generators):
        saved = [path.name for path in listing(source)[1] if path.suffix == ".pth"]
        here = ", ".join(saved[:8]) or "no .pth files"
        wanted = " or ".join(original_nets.file_name(name) for name in generators)
        raise UserError(f"{source} holds no {wanted}, the generators of a {family}; it has {here}")
    return found


def _cleaned(tensors: Tensors) -> Tensors:
    """Without the prefix of data-parallel training and what instance normalisation once saved."""
    tensors = {name.removeprefix("module."): array for name, array in tensors.items()}
    if _has_batch_norm(tensors):
        return tensors
    unused = ("running_mean", "running_var", torch_names.COUNTER)
    return {name: array for name, array in tensors.items() if not name.endswith(unused)}


def _has_batch_norm(tensors: Tensors) -> bool:
    """Whether there are weights of normalisation layers, the only ones with one axis."""
    return any(name.endswith(".weight") and array.ndim == 1 for name, array in tensors.items())


def _kind(tensors: Tensors) -> str:
    """Which network it is: a key of `ROLE_OF`, or "" for anything else."""
    for kind, pattern in (
        ("unet", r"model\.model\.0\.weight"),
        ("resnet", r"model\.\d+\.conv_block\.\d+\.weight"),
        ("pixel", r"net\.0\.weight"),
        ("embedding", r"mlp_0\.0\.weight"),
        ("patch", r"model\.0\.weight"),
    ):
        if any(re.fullmatch(pattern, name) for name in tensors):
            return kind
    return ""


def _require_role(path: Path, original: str, tensors: Tensors) -> None:
    kind = _kind(tensors)
    if kind and ROLE_OF[kind] != original[0]:
        found, wanted = ROLES[ROLE_OF[kind]], ROLES[original[0]]
        raise UserError(f"{path} holds a {found}; expected was a {wanted}, {original}")


def _config(
    family: str, source: Path, nets: Mapping[str, Tensors], files: Mapping[str, Path]
) -> FrozenConfigDict:
    """The family's configuration with everything that the tensors tell."""
    config = config_schema.experiment(family)
    config.title = f"imported from {source.name}"
    first = next(iter(nets))  # generators come first
    fields, channels = _generator_fields(family, nets[first], files[first])
    config.model.update(fields)
    for original, tensors in nets.items():
        if original.startswith("D"):
            config.model.update(_discriminator_fields(tensors))
            break
    if "F" in nets and "mlp_0.0.weight" in nets["F"]:
        config.model.embedding = len(nets["F"]["mlp_0.0.weight"])
        # Which layers they take is not in the file; the shapes rule most other choices out.
        maps = sum(name.endswith(".0.weight") for name in nets["F"])
        config.model.nce_layers = config.model.nce_layers[:maps]
    # Data nobody reads, as a configuration has to name some.
    config.data.update(
        {"dataset": "phantom_pairs", "domain_a": ("clinical",), "domain_b": ("dermoscopic",)}
    )
    config.data.update({"paired": family == "pix2pix", "channels": channels})
    config.data.resolution = _fitting_side(config.model)
    return config_schema.validate(config)


def _fitting_side(fields: ConfigDict) -> int:
    """A side that suits the generator and, if that needs more, the discriminator."""
    if fields.generator == "resnet":
        return RESNET_SIDE
    multiple, needed = 2**fields.num_downs, 3 * 2**fields.discriminator_layers
    return multiple * -(-needed // multiple)


def _generator_fields(family: str, tensors: Tensors, path: Path) -> tuple[dict[str, Any], int]:
    """Fields of `config.model`, and the images' channels; of an unknown network none, and 3."""
    kind = _kind(tensors)
    inner, last = {
        "unet": ("model.model.0.weight", "model.model.3.bias"),
        "resnet": ("model.1.weight", f"model.{_last_index(tensors)}.bias"),
    }.get(kind, ("", ""))
    if inner not in tensors or tensors[inner].ndim != 4:
        return {}, 3
    _require_usual_layers(kind, tensors, path)
    width, channels = tensors[inner].shape[:2]
    made = len(tensors[last]) if last in tensors else channels
    if {made, channels} - {1, 3} or (made != channels and family != "pix2pix"):
        raise UserError(
            f"{path} makes images of {made} channels from images of {channels}; imported are "
            "networks with 1 or 3 channels, as many on both sides unless --arch=pix2pix"
        )
    norm = "batch" if _has_batch_norm(tensors) else "instance"
    fields: dict[str, Any] = {"generator": kind, "width": width, "norm": norm}
    if made != channels:
        fields["output_channels"] = made
    if kind == "unet":
        fields["num_downs"] = sum(array.ndim == 4 for array in tensors.values()) // 2
        return fields | {"antialias": False}, channels
    blocks = {int(name.split(".")[1]) for name in tensors if ".conv_block." in name}
    second = tensors.get(f"model.{min(blocks)}.conv_block.6.weight")
    fields["num_blocks"] = len(blocks)
    fields["dropout"] = second is not None and second.ndim == 4
    fields["antialias"] = any(name.endswith(".filt") for name in tensors)
    return fields, channels


def _last_index(tensors: Tensors) -> int:
    """The largest number of a layer in the outermost Sequential."""
    numbers = (re.match(r"model\.(\d+)\.", name) for name in tensors)
    return max((int(found[1]) for found in numbers if found), default=0)


def _require_usual_layers(kind: str, tensors: Tensors, path: Path) -> None:
    """Checks that the network here exists too.

    Raises:
      UserError: naming the option of the original that it was trained with.
    """
    first = {"unet": "model.model.1.model.1.bias", "resnet": "model.1.bias"}[kind]
    if first not in tensors and not _has_batch_norm(tensors):
        raise UserError(f"{path} was trained with --norm none, which cannot be imported")
    sizes = {array.shape[-1] for name, array in tensors.items() if name.endswith(".filt")}
    if sizes == {3}:
        raise UserError(
            f"{path} was trained with --no_antialias_up: here blurring is either on in both "
            "directions or off"
        )


def _discriminator_fields(tensors: Tensors) -> dict[str, Any]:
    """Fields of `config.model`; none of an unknown network."""
    kind = _kind(tensors)
    first = {"patch": "model.0.weight", "pixel": "net.0.weight"}.get(kind)
    if first is None:
        return {}
    fields = {"discriminator": kind, "discriminator_width": len(tensors[first])}
    if kind == "patch":
        convs = [
            name for name, array in tensors.items() if name.endswith("weight") and array.ndim == 4
        ]
        fields["discriminator_layers"] = max(len(convs) - 2, 1)
    return fields


def _require_usual_blurs(path: Path, expected: Tensors, found: Tensors) -> None:
    for name in expected:
        if name.endswith(".filt") and not np.allclose(found[name], expected[name], atol=1e-5):
            raise UserError(
                f"{name} in {path} is not the blur of CUT's networks ([1, 2, 1] down, [1, 3, 3, 1] "
                "up): such a network cannot be imported"
            )


def _summary(config: FrozenConfigDict) -> str:
    fields = config.model
    unet = fields.generator == "unet"
    depth = f"{fields.num_downs} downs" if unet else f"{fields.num_blocks} blocks"
    return (
        f"{fields.name} with a {fields.generator} generator ({depth}, width {fields.width}, norm "
        f"{fields.norm}, {config.data.channels} channels)"
    )

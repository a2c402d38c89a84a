"""Makes a work directory of networks of NVlabs/stylegan2-ada-pytorch.

Everything about the architecture is read off the tensors: resolution, feature maps, depths of the
mappings, latents, classes.
"""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.pickled_modules import PickledNetwork, read_networks
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import imported_run, stylegan2_names
from dermgan_jax.interop.imported_run import Tensors
from dermgan_jax.models.stylegan2 import StyleGan2
from dermgan_jax.runs import provenance
from dermgan_jax.runs.state import init_state

# The originals' names: the averaged generator, the trained one, the discriminator.
NETWORKS = ("G_ema", "G", "D")

_MARKS = {"G": "synthesis.b4.const", "D": "b4.fc.weight"}
_ROLES = {"G": "generator", "D": "discriminator"}


def import_stylegan2(source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0.

    Nets that the source does not hold keep their initial values and are listed in the checkpoint's
    facts under "untrained". Without G_ema, G is taken for the averaged generator as well.

    Args:
      source: a pickle that the original wrote (network-snapshot-NUMBER.pkl), of which nothing is
        executed; a file of one network's state dict or of several's by name; or a folder of
        G_ema.pth, G.pth and D.pth.
      path: the work directory, empty or new.

    Raises:
      UserError: if a file is missing, damaged, holds other networks or anything but tensors and
        modules, or the work directory is in use.
    """
    imported_run.require_empty(path)
    networks = _networks(source)
    if "G_ema" not in networks and "G" not in networks:
        raise UserError(f"{source} holds a discriminator only: a generator is needed as well")
    generator = networks.get("G_ema") or networks["G"]
    fields, side, channels, labels = _architecture(source, generator)
    if "D" in networks:
        fields |= _discriminator_fields(source, networks["D"], fields, side)
    config = _config(source, fields, side, channels)
    # Nothing is known of the training images but the number of classes.
    spec = DataSpec(side, side, channels, (1,) * labels, num_examples=1)
    model = StyleGan2(config, spec)
    if faults := model.faults():
        raise UserError(f"{source} does not make a stylegan2:\n  " + "\n  ".join(faults))
    variables = _variables(source, model, networks)
    nets = {"G_ema": "g", "G": "g", "D": "d"}
    without = {nets[name] for name in variables}
    state = imported_run.initial_state(model, without)
    averaged = variables.get("G_ema", variables.get("G"))
    trained = {"g": variables.get("G", averaged)}
    if "D" in variables:
        trained["d"] = variables["D"]
    state = state.replace(variables={**state.variables, **trained}, ema={"g": averaged})
    untrained = sorted({"g", "d"} - without)
    facts = provenance.imported_facts(model, [str(i) for i in range(labels)])
    imported_run.write(path, config, state, {**facts, "untrained": untrained})
    print(
        f"stylegan2 of {side}x{side} images ({channels} channels, {labels or 'no'} classes, "
        f"{config.model.mapping_layers} mapping layers; {', '.join(variables)}) in {path}"
    )
    if untrained:
        print(f"not in {source}, so untrained: D")


def _networks(source: Path) -> dict[str, PickledNetwork]:
    """The networks of a source by the originals' names."""
    if source.is_dir():
        files = {name: source / f"{name}.pth" for name in NETWORKS}
        present = {name: file for name, file in files.items() if file.is_file()}
        if not present:
            expected = ", ".join(file.name for file in files.values())
            raise UserError(f"{source} holds none of {expected}")
        return {name: _only(file, _ROLES[name[0]]) for name, file in present.items()}
    if networks := read_networks(source):
        found = {name: networks[name] for name in NETWORKS if name in networks}
        if not found:
            raise UserError(
                f"{source} holds {', '.join(networks)}; expected one of {', '.join(NETWORKS)}"
            )
        return {name: _checked(source, name, network) for name, network in found.items()}
    tensors = read_tensors(source)
    parts = {name: imported_run.part(tensors, f"{name}.") for name in NETWORKS}
    if any(parts.values()):
        named = {name: PickledNetwork(part, {}) for name, part in parts.items() if part}
        return {name: _checked(source, name, network) for name, network in named.items()}
    name = "D" if _MARKS["D"] in tensors else "G_ema"
    return {name: _checked(source, name, PickledNetwork(tensors, {}))}


def _only(path: Path, role: str) -> PickledNetwork:
    """The network of a file that holds a state dict."""
    name = "G" if role == _ROLES["G"] else "D"
    return _checked(path, name, PickledNetwork(read_tensors(path), {}))


def _checked(path: Path, name: str, network: PickledNetwork) -> PickledNetwork:
    """The network, if it is what its name says.

    Raises:
      UserError: if it is another one, or not StyleGAN2's.
    """
    if _MARKS[name[0]] in network.tensors:
        return network
    found = next((role for role in _MARKS if _MARKS[role] in network.tensors), None)
    what = f"a {_ROLES[found]}" if found else "another network"
    first = ", ".join(list(network.tensors)[:3])
    raise UserError(
        f"{path} holds {what} where the {_ROLES[name[0]]} of a stylegan2 was expected ({name}, "
        f"with {_MARKS[name[0]]}); it begins with {first}"
    )


def _sides(path: Path, tensors: Tensors, pattern: str, first: int) -> list[int]:
    """Resolutions of the blocks, from `first` on.

    Raises:
      UserError: if they do not double from one to the next.
    """
    matches = (re.match(pattern, name) for name in tensors)
    sides = sorted({int(found[1]) for found in matches if found})
    if sides != [first << level for level in range(len(sides))]:
        raise UserError(
            f"{path} has blocks of resolutions {', '.join(map(str, sides))}; expected {first}, "
            f"{2 * first}, {4 * first} and so on without a gap"
        )
    return sides


def _shape(path: Path, tensors: Tensors, name: str, axes: int) -> tuple[int, ...]:
    """The shape of a tensor that the architecture is read off."""
    if name not in tensors or tensors[name].ndim != axes:
        raise UserError(f"{path} has no {name} of {axes} axes: it is not a stylegan2's network")
    return tensors[name].shape


def _architecture(path: Path, network: PickledNetwork) -> tuple[dict[str, Any], int, int, int]:
    """Fields of `config.model`, side and channels of the images, number of classes."""
    tensors = network.tensors
    sides = _sides(path, tensors, r"synthesis\.b(\d+)\.", 4)
    if len(sides) < 2:
        raise UserError(f"{path} makes images of 4x4; imported are networks from 8x8 on")
    blocks = [f"synthesis.b{side}" for side in sides]
    widths = [_shape(path, tensors, f"{block}.conv1.weight", 4)[0] for block in blocks]
    channels = _shape(path, tensors, f"{blocks[-1]}.torgb.weight", 4)[0]
    if channels not in (1, 3):
        raise UserError(f"{path} makes images of {channels} channels; imported are 1 or 3")
    style_size = _shape(path, tensors, "synthesis.b4.conv1.affine.weight", 2)[1]
    inputs = _shape(path, tensors, "mapping.fc0.weight", 2)[1]
    labels = 0
    if "mapping.embed.weight" in tensors:
        embedding, labels = _shape(path, tensors, "mapping.embed.weight", 2)
        inputs -= embedding
    base, limit = _width_rule(path, sides, widths)
    fields = {
        "latent_size": inputs,
        "style_size": style_size,
        "mapping_layers": _depth(tensors),
        "channel_base": base,
        "channel_max": limit,
        "generator": _generator_architecture(tensors),
        "conv_clamp": float(network.numbers.get("synthesis.b4.conv1.conv_clamp", 0.0)),
        "conditional": labels > 0,
    }
    return fields, sides[-1], channels, labels


def _generator_architecture(tensors: Tensors) -> str:
    if any(name.endswith(".skip.weight") for name in tensors):
        return "resnet"
    return "skip" if "synthesis.b4.torgb.weight" in tensors else "orig"


def _discriminator_architecture(tensors: Tensors, side: int) -> str:
    if f"b{side}.skip.weight" in tensors:
        return "resnet"
    return "skip" if "b4.fromrgb.weight" in tensors else "orig"


def _depth(tensors: Tensors) -> int:
    """Layers of a mapping."""
    return sum(bool(re.fullmatch(r"mapping\.fc\d+\.weight", name)) for name in tensors)


def _width_rule(path: Path, sides: list[int], widths: list[int]) -> tuple[int, int]:
    """`channel_base` and `channel_max` that give these feature maps."""
    limit = max(widths)
    pairs = list(zip(sides, widths, strict=True))
    base = max(side * width for side, width in pairs)
    if any(min(base // side, limit) != width for side, width in pairs):
        listed = ", ".join(f"{width} at {side}" for side, width in pairs)
        raise UserError(
            f"{path} has feature maps {listed}; imported are networks where they halve with each "
            "doubling of the resolution, up to a largest number"
        )
    return base, limit


def _discriminator_fields(
    path: Path, network: PickledNetwork, fields: Mapping[str, Any], side: int
) -> dict[str, Any]:
    """Further fields of `config.model`.

    Raises:
      UserError: if it does not belong to the generator.
    """
    tensors = network.tensors
    own_side = _sides(path, tensors, r"b(\d+)\.", 4)[-1]
    if own_side != side:
        raise UserError(
            f"{path}: the generator makes images of {side}x{side}, but the discriminator judges "
            f"{own_side}x{own_side}: take networks that were trained together"
        )
    inputs = _shape(path, tensors, "b4.conv.weight", 4)[1]
    features = _shape(path, tensors, "b8.conv1.weight", 4)[0]
    found = {
        "stddev_group": int(network.numbers.get("b4.mbstd.group_size") or 4),
        "stddev_channels": inputs - features,
        "discriminator": _discriminator_architecture(tensors, side),
    }
    return found | ({"label_layers": _depth(tensors)} if fields["conditional"] else {})


def _config(source: Path, fields: Mapping[str, Any], side: int, channels: int) -> FrozenConfigDict:
    config = config_schema.experiment("stylegan2")
    config.title = f"imported from {source.name}"
    config.model.update(fields)
    # Data nobody reads, as a configuration has to name some.
    config.data.update({"dataset": "phantom", "resolution": side, "channels": channels})
    config.train.update({"total_kimg": 1.0, "batch_size": config.model.stddev_group})
    return config_schema.validate(config)


def _variables(
    source: Path, model: StyleGan2, networks: Mapping[str, PickledNetwork]
) -> dict[str, dict[str, Any]]:
    """Variables by the originals' names of the networks.

    Raises:
      UserError: if a network has not got the tensors that the configuration asks for, or another
        filter than [1, 3, 3, 1].
    """
    shapes = jax.eval_shape(lambda: init_state(model).variables)
    found = {}
    for name, network in networks.items():
        like = jax.tree.map(
            lambda leaf: np.broadcast_to(np.float32(0), leaf.shape), shapes[name[0].lower()]
        )
        expected = stylegan2_names.state_dict(like)
        imported_run.require_same(source, f"{name} of a stylegan2", expected, network.tensors)
        for key, tensor in network.tensors.items():
            if key.endswith(stylegan2_names.FILTER) and not np.allclose(
                tensor, stylegan2_names.resample_filter(), atol=1e-5
            ):
                raise UserError(
                    f"{key} in {source} is not the filter [1, 3, 3, 1]: such a network cannot be "
                    "imported"
                )
        variables = stylegan2_names.variables(network.tensors)
        found[name] = jax.tree.map(jnp.asarray, variables)
    return found

"""Makes a work directory of a published super-resolution generator.

RRDBNets of ESRGAN and Real-ESRGAN, under any of their three schemes of names or as ncnn's pair of
files; MSRResNets of BasicSR; SRResNets of leftthomas/SRGAN.
"""

import re
from collections.abc import Mapping
from typing import Any

import flax
import jax
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats import ncnn
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import imported_run, superres_names
from dermgan_jax.interop.torch_names import AXES, COUNTER, TensorName
from dermgan_jax.models.superres import SuperResolution
from dermgan_jax.runs import provenance

Tensors = dict[str, np.ndarray]

SIDE = 96  # pixels of the large images that training would go on with; suits every scale
WRAPPERS = ("params_ema.", "params.")  # averaged weights are preferred
OF_NCNN = (".param", ".bin")


def import_esrgan(source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0, whose discriminator is untrained.

    Args:
      source: a file of PyTorch or safetensors that holds the generator, or ncnn's .param or .bin.
      path: the work directory, empty or new.

    Raises:
      UserError: if a file is missing, damaged or of another network, or the work directory is in
        use.
    """
    imported_run.require_empty(path)
    tensors = read_generator(source)
    config, channels = _config(tensors, source)
    model = SuperResolution(config, DataSpec(SIDE, SIDE, channels, (), num_examples=1))
    if faults := model.faults():
        raise UserError(f"{source} cannot be used: " + "; ".join(faults))
    variables = _variables(model, tensors, source)
    state = imported_run.initial_state(model, without=("g",))
    state = state.replace(
        variables={**state.variables, "g": variables},
        ema={"g": jax.tree.map(np.copy, variables)},
    )
    facts = {**provenance.imported_facts(model), "untrained": ["d"]}
    imported_run.write(path, config, state, facts)
    fields = config.model
    print(
        f"{fields.generator} that enlarges {fields.scale} times ({channels} channels, width "
        f"{fields.width}, {fields.num_blocks} blocks) in {path}; the discriminator is untrained"
    )


def tensor_names(model: SuperResolution) -> tuple[TensorName, ...]:
    """The correspondence of the generator's tensors, in the order of the original."""
    fields = model.config.model
    if fields.generator == "rrdbnet":
        return superres_names.rrdbnet(fields.num_blocks)
    if fields.generator == "msrresnet":
        return superres_names.msrresnet(fields.num_blocks, fields.scale)
    return superres_names.srresnet(fields.num_blocks, fields.scale)


def read_generator(source: Path) -> Tensors:
    """The generator's tensors under the names of today, without prefixes and wrappers.

    Raises:
      UserError: if a file is missing or damaged.
    """
    if source.suffix in OF_NCNN:
        return _of_ncnn(source)
    found = read_tensors(source)
    for wrapper in WRAPPERS:
        if part := imported_run.part(found, wrapper):
            found = part
            break
    return superres_names.of_today(
        {name.removeprefix("module."): tensor for name, tensor in found.items()}
    )


def _of_ncnn(source: Path) -> Tensors:
    """Of an RRDBNet, whose convolutions ncnn keeps in the order of the original's."""
    convolutions = ncnn.read_convolutions(source)
    num_blocks, rest = divmod(len(convolutions) - 6, len(superres_names.BLOCK_CONVS))
    if rest or num_blocks < 1:
        raise UserError(
            f"{source} has {len(convolutions)} convolutions: those of an RRDBNet are six, and 15 "
            "for each block"
        )
    names = [name.torch for name in superres_names.rrdbnet(num_blocks)]
    values = (array for one in convolutions for array in (one.weight, one.bias))
    return dict(zip(names, values, strict=True))


def _config(tensors: Tensors, source: Path) -> tuple[FrozenConfigDict, int]:
    """The configuration that the tensors tell, and the images' channels.

    Raises:
      UserError: if they are of no generator that is known.
    """
    try:
        fields, channels = _architecture(tensors)
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        listed = ", ".join(list(tensors)[: imported_run.LISTED])
        raise UserError(
            f"{source} holds no RRDBNet, MSRResNet or SRResNet, whose tensors are called "
            f"conv_first.weight or block1.0.weight and so on; it begins with {listed}"
        ) from error
    config = config_schema.experiment("superres")
    config.title = f"imported from {source.name}"
    config.model.update(fields)
    # The perceptual network has a part in training only, and its weights need not be here.
    config.model.update({"perceptual": 0.0, "discriminator": "unet"})
    config.data.update({"resolution": SIDE, "channels": channels})
    config.train.total_kimg = 1.0
    return config_schema.validate(config), channels


def _architecture(tensors: Tensors) -> tuple[dict[str, Any], int]:
    """Fields of `config.model`, and channels of the images."""
    if "block1.0.weight" in tensors:
        width, channels = tensors["block1.0.weight"].shape[:2]
        blocks = {name.split(".")[0] for name in tensors if ".conv1." in name}
        ups = [name for name in tensors if re.fullmatch(r"block\d+\.\d+\.conv\.weight", name)]
        sizes = {"scale": 2 ** len(ups), "width": width, "num_blocks": len(blocks)}
        return {"generator": "srresnet", **sizes}, channels
    first, last = tensors["conv_first.weight"], tensors["conv_last.weight"]
    width, channels = first.shape[0], last.shape[0]
    indices = [int(name.split(".")[1]) for name in tensors if re.match(r"body\.\d+\.", name)]
    sizes = {"width": width, "num_blocks": max(indices) + 1}
    if "upconv1.weight" in tensors:
        factor = round((tensors["upconv1.weight"].shape[0] / width) ** 0.5)
        scale = 4 if "upconv2.weight" in tensors else factor
        return {"generator": "msrresnet", "scale": scale, **sizes}, channels
    entry = round((first.shape[1] / channels) ** 0.5)
    growth = tensors["body.0.rdb1.conv1.weight"].shape[0]
    return {"generator": "rrdbnet", "scale": 4 // entry, "growth": growth, **sizes}, channels


def _variables(model: SuperResolution, tensors: Tensors, source: Path) -> dict[str, Any]:
    """The generator's variables.

    Raises:
      UserError: if a tensor is missing, unexpected or of another shape than the configuration's.
    """
    names = tensor_names(model)
    shapes = flax.traverse_util.flatten_dict(
        jax.eval_shape(lambda: model.init(jax.random.key(0)))["g"]
    )
    expected: dict[str, np.ndarray] = {}
    for name in names:
        shape = shapes[name.path].shape
        like = np.broadcast_to(np.float32(0), shape if name.index is None else shape[1:])
        expected[name.torch] = like.transpose(np.argsort(AXES[name.kind]))
        if name.torch.endswith("running_var"):
            counter = name.torch.replace("running_var", COUNTER)
            expected[counter] = np.zeros((), np.int64)
    what = f"{model.config.model.generator} that its first and last tensors tell of"
    imported_run.require_same(source, what, expected, tensors)
    return from_torch(names, tensors)


def from_torch(names: tuple[TensorName, ...], tensors: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Variables of these names, float32, tensors of blocks stacked."""
    flat: dict[tuple[str, ...], list[np.ndarray]] = {}
    for name in names:
        tensor = tensors[name.torch].transpose(AXES[name.kind])
        flat.setdefault(name.path, []).append(np.ascontiguousarray(tensor, np.float32))
    stacked = {name.path for name in names if name.index is not None}
    return flax.traverse_util.unflatten_dict(
        {path: np.stack(parts) if path in stacked else parts[0] for path, parts in flat.items()}
    )

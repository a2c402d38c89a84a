"""Makes a work directory of a PyTorch DCGAN's generator, as the tutorial and its kin save it.

Source of the names: pytorch/examples, dcgan/main.py, and the PyTorch DCGAN tutorial.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

import flax
import jax
import numpy as np
from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import imported_run
from dermgan_jax.interop.torch_names import AXES, COUNTER, TensorName
from dermgan_jax.models.dcgan import DeepConvolutionalGan
from dermgan_jax.runs import provenance

Tensors = dict[str, np.ndarray]

NORM_LEAVES = (
    ("weight", ("params", "scale")),
    ("bias", ("params", "bias")),
    ("running_mean", ("batch_stats", "mean")),
    ("running_var", ("batch_stats", "var")),
)


def import_dcgan(source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0, whose discriminator is untrained.

    Args:
      source: a state dict of the generator, or a checkpoint that holds one; tensors are called
        main.0.weight and so on, after any prefix such as "netG_state_dict" or "module".
      path: the work directory, empty or new.

    Raises:
      UserError: if the file is missing or holds another network, or the work directory is in use.
    """
    imported_run.require_empty(path)
    tensors = _generator(read_tensors(source), source)
    config, channels = _config(tensors, source)
    side = config.data.resolution
    model = DeepConvolutionalGan(config, DataSpec(side, side, channels, (), num_examples=1))
    variables = _variables(model, tensors, source)
    state = imported_run.initial_state(model, without=("g",))
    state = state.replace(
        variables={**state.variables, "g": variables},
        ema={"g": jax.tree.map(np.copy, variables)},
    )
    facts = provenance.imported_facts(model)
    imported_run.write(path, config, state, {**facts, "untrained": ["d"]})
    print(
        f"dcgan generator ({side}x{side}, {channels} channels, latent {config.model.latent_size}, "
        f"width {config.model.width}) in {path}; the discriminator is untrained"
    )


def tensor_names(num_ups: int) -> tuple[TensorName, ...]:
    """Of the generator with so many doublings between 4x4 features and the image's last one."""
    layers = ["project", *(f"up{i}" for i in range(num_ups)), "to_image"]
    names = []
    for i, layer in enumerate(layers):
        path = ("params", layer, "kernel")
        names.append(TensorName(f"main.{3 * i}.weight", path, "conv_transpose"))
        if layer != "to_image":
            names += [
                TensorName(f"main.{3 * i + 1}.{theirs}", (kind, f"{layer}_norm", ours), "vector")
                for theirs, (kind, ours) in NORM_LEAVES
            ]
    return tuple(names)


def _generator(tensors: Mapping[str, np.ndarray], source: Path) -> Tensors:
    """The generator's tensors among others, such as the discriminator's and the optimisers'.

    Raises:
      UserError: if there is none, or more than one.
    """
    nets: dict[str, Tensors] = defaultdict(dict)
    for name, array in tensors.items():
        if found := re.fullmatch(r"(.*?)(main\.\d+\.\w+)", name):
            nets[found[1]][found[2]] = array
    # The discriminator's second layer is its activation; the generator's is a normalisation.
    generators = [net for net in nets.values() if "main.1.weight" in net]
    if len(generators) != 1:
        listed = ", ".join(list(tensors)[: imported_run.LISTED])
        raise UserError(
            f"{source} holds {len(generators) or 'no'} DCGAN generators, whose tensors are called "
            f"main.0.weight, main.1.weight and so on; it begins with {listed}"
        )
    return generators[0]


def _config(tensors: Tensors, source: Path) -> tuple[FrozenConfigDict, int]:
    """The configuration that the tensors tell, and the images' channels.

    Raises:
      UserError: if they are not the weights of transposed convolutions.
    """
    indices = sorted(int(name.split(".")[1]) for name, array in tensors.items() if array.ndim == 4)
    first, last = (tensors.get(f"main.{i}.weight") for i in (0, indices[-1] if indices else 0))
    if len(indices) < 2 or first is None or last is None or last.shape[1] not in (1, 3):
        raise UserError(
            f"{source} is not of a DCGAN generator: expected are at least two transposed "
            "convolutions, the first main.0.weight, the last onto 1 or 3 channels"
        )
    config = config_schema.experiment("dcgan")
    config.title = f"imported from {source.name}"
    config.model.latent_size, config.model.max_width = first.shape[:2]
    config.model.width, channels = last.shape[:2]
    config.data.update({"resolution": 4 << (len(indices) - 1), "channels": channels})
    config.train.total_kimg = 1.0
    return config_schema.validate(config), channels


def _variables(model: DeepConvolutionalGan, tensors: Tensors, source: Path) -> dict[str, dict]:
    """The generator's variables.

    Raises:
      UserError: if a tensor is missing, unexpected or of another shape than the configuration's.
    """
    names = tensor_names(len(model.generator.widths) - 1)
    shapes = flax.traverse_util.flatten_dict(
        jax.eval_shape(lambda: model.init(jax.random.key(0)))["g"]
    )
    expected, flat = {}, {}
    for name in names:
        like = np.broadcast_to(np.float32(0), shapes[name.path].shape)
        expected[name.torch] = like.transpose(np.argsort(AXES[name.kind]))
        if name.torch.endswith("running_var"):
            counter = name.torch.replace("running_var", COUNTER)
            expected[counter] = np.zeros((), np.int64)
    imported_run.require_same(source, "generator of a dcgan", expected, tensors)
    for name in names:
        tensor = tensors[name.torch].transpose(AXES[name.kind])
        flat[name.path] = np.ascontiguousarray(tensor, np.float32)
    return flax.traverse_util.unflatten_dict(flat)

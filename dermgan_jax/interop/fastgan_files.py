"""What files of FastGAN and Projected GAN tell of their generators."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import flax
import jax
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.interop import imported_run
from dermgan_jax.interop.torch_names import AXES, COUNTER, TensorName
from dermgan_jax.models.contract import Model
from dermgan_jax.nets.fastgan_generator import SIDES, FastGanGenerator
from dermgan_jax.nets.fastgan_layers import channels_at

Tensors = dict[str, np.ndarray]


def network(tensors: Mapping[str, np.ndarray], mark: str) -> Tensors | None:
    """The tensors beside the one that is called `mark` after any prefix, without the prefix.

    Of several, such as "G.…" and "G_ema.…", the first.
    """
    found = next((name for name in tensors if name.endswith(mark)), None)
    if found is None:
        return None
    return imported_run.part(tensors, found.removesuffix(mark))


def architecture(source: Path, tensors: Tensors, prefix: str) -> FastGanGenerator:
    """The generator that has these tensors.

    Args:
      source: what to call the file in messages.
      tensors: of the generator.
      prefix: "" of FastGAN's names, "synthesis." of Projected GAN's.

    Raises:
      UserError: if they are not those of such a generator.
    """
    first = tensors.get(f"{prefix}init.init.0.weight_orig")
    last = tensors.get(f"{prefix}to_big.weight_orig")
    if first is None or last is None or first.ndim != 4 or last.ndim != 4:
        raise UserError(f"{source} has no {prefix}init.init.0.weight_orig and to_big.weight_orig")
    width, channels = first.shape[1] // 32, last.shape[0]
    blocks = {
        int(found[1])
        for name in tensors
        if (found := re.match(re.escape(prefix) + r"feat_(\d+)\.", name))
    }
    # Originals below 256 px have blocks that they do not use: the last layer tells the side.
    sides = [
        side
        for side in SIDES
        if side in blocks and max(channels_at(side, width), 1) == last.shape[1]
    ]
    if not sides or channels not in (1, 3):
        raise UserError(
            f"{source} is of no generator that is known: its last layer is {last.shape}, its "
            f"blocks are of sides {', '.join(map(str, sorted(blocks))) or 'none'}"
        )
    if not prefix:
        return FastGanGenerator(sides[-1], channels, width)
    noisy = any(f"{prefix}feat_8.{name}.weight_orig" in tensors for name in ("5", "conv2"))
    embedding = tensors.get(f"{prefix}embed.weight")
    return FastGanGenerator(
        *(sides[-1], channels, width, "projected" if noisy else "projected_lite"),
        0 if embedding is None else len(embedding),
    )


def require_valid(source: Path, model: Model) -> None:
    """Checks that the imported configuration is one of its family.

    Raises:
      UserError: naming every fault.
    """
    if faults := model.faults():
        name = model.config.model.name
        raise UserError(f"{source} does not make a {name}:\n  " + "\n  ".join(faults))


def shapes(model: Model) -> dict[str, Any]:
    """Variables of all nets as shapes."""
    return jax.eval_shape(lambda: model.init(jax.random.key(0)))


def variables(
    source: Path,
    what: str,
    names: Iterable[TensorName],
    tensors: Tensors,
    like: Mapping[str, Any],
    unused: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Variables of one net.

    Args:
      source: what to call the file in messages.
      what: the net.
      names: the correspondence.
      tensors: of the file.
      like: shapes of the variables.
      unused: beginnings of names of further tensors that may be there.

    Raises:
      UserError: if a tensor is missing, unexpected or of another shape.
    """
    names, leaves = list(names), flax.traverse_util.flatten_dict(dict(like))
    expected, flat = {}, {}
    for name in names:
        leaf = np.broadcast_to(np.float32(0), leaves[name.path].shape)
        expected[name.torch] = leaf.transpose(np.argsort(AXES[name.kind]))
        if name.torch.endswith("running_var"):
            expected[name.torch.replace("running_var", COUNTER)] = np.zeros((), np.int64)
    found = {key: array for key, array in tensors.items() if not key.startswith(unused or ("\0",))}
    imported_run.require_same(source, what, expected, found)
    for name in names:
        tensor = tensors[name.torch].transpose(AXES[name.kind])
        flat[name.path] = np.ascontiguousarray(tensor, np.float32)
    return flax.traverse_util.unflatten_dict(flat)

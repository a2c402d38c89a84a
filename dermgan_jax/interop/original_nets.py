"""Our translators' nets as pytorch-CycleGAN-and-pix2pix and CUT name and store them.

The originals keep one state dict per net in `latest_net_NAME.pth`. In CycleGAN's, D_A judges domain
B, which G_A makes, so that it is our `d_B`.
"""

from typing import Any

import flax
import numpy as np

from dermgan_jax.interop import torch_names
from dermgan_jax.interop.torch_names import AXES, TensorName
from dermgan_jax.models.contract import Translator

# family -> name of the originals -> our net; the generators first
NETS = {
    "cyclegan": {"G_A": "g_AtoB", "G_B": "g_BtoA", "D_A": "d_B", "D_B": "d_A"},
    "pix2pix": {"G": "g", "D": "d"},
    "cut": {"G": "g", "D": "d", "F": "f"},
}


def file_name(original: str) -> str:
    """Of the file that holds a net, such as latest_net_G_A.pth."""
    return f"latest_net_{original}.pth"


def original_name(family: str, net: str) -> str:
    """The name of our net in the originals."""
    return next(name for name, ours in NETS[family].items() if ours == net)


def tensor_names(model: Translator, net: str) -> tuple[TensorName, ...]:
    """The correspondence of one net's tensors."""
    fields = model.config.model
    if net.startswith("f"):
        return torch_names.patch_sample(len(fields.nce_layers))
    if net.startswith("d"):
        if fields.discriminator == "pixel":
            return torch_names.pixel_discriminator(fields.norm)
        return torch_names.patch_discriminator(
            fields.discriminator_layers, fields.norm, fields.antialias
        )
    if fields.generator == "unet":
        return torch_names.unet_generator(fields.num_downs, fields.norm)
    return torch_names.resnet_generator(
        fields.num_blocks, fields.norm, fields.dropout, fields.antialias
    )


def blur_kernel(size: int, channels: int) -> np.ndarray:
    """The constant `filt` of CUT's Downsample (size 3) and Upsample (size 4), (C, 1, size, size).

    Source: CUT, models/networks.py, get_filter; Upsample multiplies it by 4.
    """
    taps = np.array({3: (1, 2, 1), 4: (1, 3, 3, 1)}[size], np.float32)
    kernel = np.outer(taps, taps) / taps.sum() ** 2 * (4 if size == 4 else 1)
    return np.tile(kernel, (channels, 1, 1, 1))


def state_dict(model: Translator, net: str, variables: dict[str, Any]) -> dict[str, np.ndarray]:
    """The state dict of one net as the originals save it.

    `num_batches_tracked` is 0: no running statistic of the originals depends on it.

    Args:
      model: the family, configured.
      net: our name of the net.
      variables: of this net.
    """
    flat = flax.traverse_util.flatten_dict(variables)
    tensors: dict[str, np.ndarray] = {}
    for name in tensor_names(model, net):
        leaf = np.asarray(flat[name.path] if name.index is None else flat[name.path][name.index])
        tensors[name.torch] = leaf.transpose(np.argsort(AXES[name.kind]))
        if name.torch.endswith("running_var"):
            tensors[name.torch.replace("running_var", torch_names.COUNTER)] = np.zeros((), np.int64)
    return tensors | _blurs(model, net, tensors)


def _blurs(model: Translator, net: str, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The `filt` of every blur, which comes right before the convolution that takes its result."""
    fields = model.config.model
    if not fields.antialias or net == "f":
        return {}
    if net.startswith("g"):
        if fields.generator == "unet":
            return {}
        end = 12 + fields.num_blocks
        following = {"model.8": 3, "model.12.conv_block.1": 3}
        following |= {f"model.{end + 1}": 4, f"model.{end + 5}": 4}
    elif fields.discriminator == "pixel":
        return {}
    else:
        convs = [name.torch for name in tensor_names(model, net) if name.path[1].startswith("conv")]
        convs = [key.removesuffix(".weight") for key in convs if key.endswith(".weight")]
        following = dict.fromkeys(convs[1 : fields.discriminator_layers + 1], 3)
    return {
        f"model.{int(conv.split('.')[1]) - 1}.filt": blur_kernel(
            size, tensors[f"{conv}.weight"].shape[1]
        )
        for conv, size in following.items()
    }


def variables(
    model: Translator, net: str, tensors: dict[str, np.ndarray]
) -> dict[str, dict[str, Any]]:
    """The inverse of `state_dict`, float32; constants of the originals are not looked at."""
    flat: dict[tuple[str, ...], list[np.ndarray]] = {}
    stacked = set()
    for name in tensor_names(model, net):
        tensor = tensors[name.torch].transpose(AXES[name.kind])
        flat.setdefault(name.path, []).append(np.ascontiguousarray(tensor, np.float32))
        if name.index is not None:
            stacked.add(name.path)
    return flax.traverse_util.unflatten_dict(
        {path: np.stack(parts) if path in stacked else parts[0] for path, parts in flat.items()}
    )

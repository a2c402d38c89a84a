"""How the super-resolution networks' variables are called in their PyTorch originals.

Pure correspondence of names: BasicSR's, and for SRGAN's generator those of leftthomas/SRGAN.
"""

import re
from collections.abc import Mapping

import numpy as np

from dermgan_jax.interop.torch_names import AXES, Kind, TensorName

BLOCK_CONVS = tuple((f"rdb{block}", f"conv{conv}") for block in (1, 2, 3) for conv in range(1, 6))

# Names of ESRGAN's own repository, and of its first release for a body of `num_blocks`.
_REPOSITORY = {
    "trunk_conv": "conv_body",
    "upconv1": "conv_up1",
    "upconv2": "conv_up2",
    "HRconv": "conv_hr",
}
_FIRST_RELEASE = {
    "model.0": "conv_first",
    "model.3": "conv_up1",
    "model.6": "conv_up2",
    "model.8": "conv_hr",
    "model.10": "conv_last",
}

_BLOCK = re.compile(r"(?:RRDB_trunk|model\.1\.sub)\.(\d+)\.RDB(\d)\.(conv\d)(?:\.0)?")

_NORM_LEAVES = (
    ("weight", "params", "scale"),
    ("bias", "params", "bias"),
    ("running_mean", "batch_stats", "mean"),
    ("running_var", "batch_stats", "var"),
)


def _layer(
    torch: str,
    path: tuple[str, ...],
    kind: Kind = "conv",
    use_bias: bool = True,
    index: int | None = None,
) -> list[TensorName]:
    names = [TensorName(f"{torch}.weight", ("params", *path, "kernel"), kind, index)]
    if use_bias:
        names.append(TensorName(f"{torch}.bias", ("params", *path, "bias"), "vector", index))
    return names


def _norm(torch: str, layer: str, *inside: str) -> list[TensorName]:
    return [
        TensorName(f"{torch}.{theirs}", (collection, *inside, layer, ours), "vector")
        for theirs, collection, ours in _NORM_LEAVES
    ]


def _slope(torch: str, *path: str) -> TensorName:
    return TensorName(f"{torch}.weight", ("params", *path, "slope"), "vector")


def rrdbnet(num_blocks: int) -> tuple[TensorName, ...]:
    """Of `RrdbNet`, in the order of BasicSR's state dict."""
    names = _layer("conv_first", ("conv_first",))
    for i in range(num_blocks):
        for inside in BLOCK_CONVS:
            names += _layer(f"body.{i}." + ".".join(inside), ("blocks", *inside), index=i)
    for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"):
        names += _layer(name, (name,))
    return tuple(names)


def msrresnet(num_blocks: int, scale: int) -> tuple[TensorName, ...]:
    """Of `MsrResNet`, in the order of BasicSR's state dict."""
    names = _layer("conv_first", ("conv_first",))
    for i in range(num_blocks):
        for conv in ("conv1", "conv2"):
            names += _layer(f"body.{i}.{conv}", ("blocks", conv), index=i)
    ups = ["upconv1", "upconv2"] if scale == 4 else ["upconv1"]
    for name in (*ups, "conv_hr", "conv_last"):
        names += _layer(name, (name,))
    return tuple(names)


def srresnet(num_blocks: int, scale: int) -> tuple[TensorName, ...]:
    """Of `SrResNet`, in the order of the original's state dict."""
    names = [*_layer("block1.0", ("conv_first",)), _slope("block1.1", "prelu_first")]
    for i in range(num_blocks):
        torch, ours = f"block{i + 2}", f"block{i}"
        for k in ("1", "2"):
            names += _layer(f"{torch}.conv{k}", (ours, f"conv{k}"))
            names += _norm(f"{torch}.bn{k}", f"norm{k}", ours)
            if k == "1":
                names.append(_slope(f"{torch}.prelu", ours, "prelu"))
    body, last = f"block{num_blocks + 2}", f"block{num_blocks + 3}"
    names += [*_layer(f"{body}.0", ("conv_body",)), *_norm(f"{body}.1", "norm_body")]
    ups = scale.bit_length() - 1
    for i in range(ups):
        names += _layer(f"{last}.{i}.conv", (f"conv_up{i}",))
        names.append(_slope(f"{last}.{i}.prelu", f"prelu_up{i}"))
    return (*names, *_layer(f"{last}.{ups}", ("conv_last",)))


def vgg_discriminator(side: int) -> tuple[TensorName, ...]:
    """Of `VggDiscriminator` for images of this side."""
    names = _layer("conv0_0", ("conv0_0",))
    for level in range(side.bit_length() - 3):
        for part in (0, 1) if level else (1,):
            names += _layer(f"conv{level}_{part}", (f"conv{level}_{part}",), use_bias=False)
            names += _norm(f"bn{level}_{part}", f"bn{level}_{part}")
    for name in ("linear1", "linear2"):
        names += _layer(name, (name,), "linear")
    return tuple(names)


def srgan_discriminator(num_levels: int) -> tuple[TensorName, ...]:
    """Of `SrganDiscriminator` with so many widths."""
    names, place = _layer("net.0", ("conv0_0",)), 2
    for level in range(num_levels):
        for part in (0, 1) if level else (1,):
            names += _layer(f"net.{place}", (f"conv{level}_{part}",))
            names += _norm(f"net.{place + 1}", f"bn{level}_{part}")
            place += 3
    names += _layer(f"net.{place + 1}", ("hidden",))
    return (*names, *_layer(f"net.{place + 3}", ("score",)))


def unet_discriminator() -> tuple[TensorName, ...]:
    """Of `UnetDiscriminator`."""
    names = _layer("conv0", ("conv0",))
    for i in range(1, 9):
        layer = f"conv{i}"
        names.append(TensorName(f"{layer}.weight_orig", ("params", layer, "kernel"), "conv"))
        for vector in "uv":
            path = ("spectral", layer, vector)
            names.append(TensorName(f"{layer}.weight_{vector}", path, "vector"))
    return (*names, *_layer("conv9", ("conv9",)))


def of_today(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """An RRDBNet's tensors under BasicSR's names, whichever of the three schemes they have.

    Unknown names stay as they are, and so do those of an MSRResNet, which has an `upconv1` too.
    """
    if "body.0.conv1.weight" in tensors:
        return dict(tensors)
    found = {}
    for name, tensor in tensors.items():
        layer, _, leaf = name.rpartition(".")
        layer = _REPOSITORY.get(layer, _FIRST_RELEASE.get(layer, layer))
        if block := _BLOCK.fullmatch(layer):
            layer = "body.{}.rdb{}.{}".format(*block.groups())
        elif re.fullmatch(r"model\.1\.sub\.\d+", layer):
            layer = "conv_body"
        found[f"{layer}.{leaf}"] = tensor
    return found


def to_torch(name: TensorName, leaf: np.ndarray) -> np.ndarray:
    """A variable in PyTorch's layout, of one block if several are stacked."""
    leaf = np.asarray(leaf if name.index is None else leaf[name.index])
    return np.ascontiguousarray(leaf.transpose(np.argsort(AXES[name.kind])))

"""How the translation networks' variables are called in their PyTorch originals.

Pure correspondence of names; nothing here needs PyTorch. Tensors that are constants of the
originals (`filt` of the blurs, `COUNTER`) are not listed.
"""

from typing import Literal, NamedTuple

from dermgan_jax.nets.feature_norm import Norm

COUNTER = "num_batches_tracked"  # batch normalisation's count of updates; nothing depends on it

Kind = Literal["conv", "conv_transpose", "linear", "table", "vector"]

# Axes of the PyTorch tensor in the order that Flax has them: `tensor.transpose(AXES[kind])`.
AXES: dict[Kind, tuple[int, ...]] = {
    "conv": (2, 3, 1, 0),
    "conv_transpose": (2, 3, 0, 1),
    "linear": (1, 0),
    "table": (0, 1),
    "vector": (0,),
}


class TensorName(NamedTuple):
    """One tensor of a PyTorch state dict.

    Attributes:
      torch: its key there.
      path: of the variable, the collection first.
      kind: which layout it has, see `AXES`.
      index: place along the variable's first axis if several tensors are stacked there, else None.
    """

    torch: str
    path: tuple[str, ...]
    kind: Kind
    index: int | None = None


def _layer(
    torch: str,
    path: tuple[str, ...],
    kind: Kind,
    use_bias: bool = True,
    index: int | None = None,
) -> list[TensorName]:
    names = [TensorName(f"{torch}.weight", ("params", *path, "kernel"), kind, index)]
    if use_bias:
        names.append(TensorName(f"{torch}.bias", ("params", *path, "bias"), "vector", index))
    return names


def _norm(
    norm: Norm, torch: str, path: tuple[str, ...], index: int | None = None
) -> list[TensorName]:
    leaves = (
        ("weight", "params", "scale"),
        ("bias", "params", "bias"),
        ("running_mean", "batch_stats", "mean"),
        ("running_var", "batch_stats", "var"),
    )
    return [
        TensorName(f"{torch}.{theirs}", (collection, *path, ours), "vector", index)
        for theirs, collection, ours in leaves
        if norm == "batch"
    ]


def resnet_generator(
    num_blocks: int = 9, norm: Norm = "instance", dropout: bool = False, antialias: bool = False
) -> tuple[TensorName, ...]:
    """Of `ResnetGenerator` with these attributes."""
    use_bias = norm != "batch"
    names = _layer("model.1", ("conv_in",), "conv", use_bias)
    names += _norm(norm, "model.2", ("norm_in",))
    for i, at in enumerate((4, 8) if antialias else (4, 7)):
        names += _layer(f"model.{at}", (f"down{i}",), "conv", use_bias)
        names += _norm(norm, f"model.{at + 1}", (f"down{i}_norm",))
    start = 12 if antialias else 10
    for i in range(num_blocks):
        block = f"model.{start + i}.conv_block"
        for conv, at in enumerate((1, 6 if dropout else 5), start=1):
            names += _layer(f"{block}.{at}", ("blocks", f"conv{conv}"), "conv", use_bias, i)
            names += _norm(norm, f"{block}.{at + 1}", ("blocks", f"norm{conv}"), i)
    end = start + num_blocks
    for i, at in enumerate((end + 1, end + 5) if antialias else (end, end + 3)):
        kind = "conv" if antialias else "conv_transpose"
        names += _layer(f"model.{at}", (f"up{i}",), kind, use_bias)
        names += _norm(norm, f"model.{at + 1}", (f"up{i}_norm",))
    names += _layer(f"model.{end + (9 if antialias else 7)}", ("conv_out",), "conv")
    return tuple(names)


def unet_generator(num_downs: int = 8, norm: Norm = "batch") -> tuple[TensorName, ...]:
    """Of `UnetGenerator` with these attributes."""
    use_bias, prefix, names = norm != "batch", "model.model", []
    for level in range(num_downs):
        outermost, innermost = level == 0, level == num_downs - 1
        down, up = (0, 3) if outermost else (1, 3 if innermost else 5)
        names += _layer(f"{prefix}.{down}", (f"down{level}",), "conv", use_bias)
        if not (outermost or innermost):
            names += _norm(norm, f"{prefix}.2", (f"down{level}_norm",))
        path = (f"up{level}",)
        names += _layer(f"{prefix}.{up}", path, "conv_transpose", use_bias or outermost)
        if not outermost:
            names += _norm(norm, f"{prefix}.{up + 1}", (f"up{level}_norm",))
        prefix += ".1.model" if outermost else ".3.model"
    return tuple(names)


def patch_discriminator(
    num_layers: int = 3, norm: Norm = "instance", antialias: bool = False
) -> tuple[TensorName, ...]:
    """Of `PatchDiscriminator` with these attributes."""
    at, names = 0, []
    for i in range(num_layers + 2):
        outermost = i in (0, num_layers + 1)
        use_bias = outermost or norm == "instance"
        names += _layer(f"model.{at}", (f"conv{i}",), "conv", use_bias)
        # norm="none" is an identity layer in the originals: it has no tensors but a place.
        if not outermost:
            names += _norm(norm, f"model.{at + 1}", (f"norm{i}",))
        at += (2 if outermost else 3) + (antialias and i < num_layers)
    return tuple(names)


def pixel_discriminator(norm: Norm = "instance") -> tuple[TensorName, ...]:
    """Of `PixelDiscriminator` with these attributes."""
    use_bias = norm == "instance"
    names = _layer("net.0", ("conv0",), "conv")
    names += _layer("net.2", ("conv1",), "conv", use_bias)
    names += _norm(norm, "net.3", ("norm1",))
    return (*names, *_layer("net.5", ("conv2",), "conv", use_bias))


def patch_sample(num_features: int = 5) -> tuple[TensorName, ...]:
    """Of `PatchSample` on so many feature maps."""
    return tuple(
        name
        for i in range(num_features)
        for layer, at in enumerate((0, 2))
        for name in _layer(f"mlp_{i}.{at}", (f"mlp{i}_dense{layer}",), "linear")
    )

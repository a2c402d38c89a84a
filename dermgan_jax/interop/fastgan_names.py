"""How FastGAN's and Projected GAN's variables are called in their PyTorch originals.

Sources: FastGAN-pytorch, models.py; projected-gan, pg_modules.
"""

from collections.abc import Iterable

from dermgan_jax.interop.torch_names import Kind, TensorName
from dermgan_jax.nets.fastgan_discriminator import FastGanDiscriminator
from dermgan_jax.nets.fastgan_generator import EXCITES, FastGanGenerator
from dermgan_jax.nets.projected_discriminator import MultiScaleDiscriminator

Path = tuple[str, ...]


def _weight(torch: str, path: Path, kind: Kind, use_bias: bool = False) -> list[TensorName]:
    """A layer with spectral normalisation."""
    names = [
        TensorName(f"{torch}.weight_orig", ("params", *path, "kernel"), kind),
        TensorName(f"{torch}.weight_u", ("spectral", *path, "u"), "vector"),
        TensorName(f"{torch}.weight_v", ("spectral", *path, "v"), "vector"),
    ]
    if use_bias:
        names.append(TensorName(f"{torch}.bias", ("params", *path, "bias"), "vector"))
    return names


def _conv(torch: str, path: Path, use_bias: bool = False) -> list[TensorName]:
    return _weight(torch, path, "conv", use_bias)


def _norm(torch: str, path: Path) -> list[TensorName]:
    leaves = (
        ("weight", "params", "scale"),
        ("bias", "params", "bias"),
        ("running_mean", "batch_stats", "mean"),
        ("running_var", "batch_stats", "var"),
    )
    return [
        TensorName(f"{torch}.{theirs}", (collection, *path, ours), "vector")
        for theirs, collection, ours in leaves
    ]


def _class_norm(torch: str, path: Path) -> list[TensorName]:
    names = [
        TensorName(f"{torch}.stored_{leaf}", ("batch_stats", *path, "norm", leaf), "vector")
        for leaf in ("mean", "var")
    ]
    for part in ("gain", "bias"):
        names += _weight(f"{torch}.{part}", (*path, part), "linear", use_bias=True)
    return names


def up_block(torch: str, path: Path, noisy: bool, conditional: bool = False) -> list[TensorName]:
    """Of `fastgan_layers.UpBlock`."""
    if conditional:
        convs, norms = (("conv1", "conv2"), ("bn1", "bn2")) if noisy else (("conv",), ("bn",))
        names = []
        for index, (conv, norm) in enumerate(zip(convs, norms, strict=True), start=1):
            names += _conv(f"{torch}.{conv}", (*path, f"conv{index}"))
            names += _class_norm(f"{torch}.{norm}", (*path, f"bn{index}"))
        if noisy:
            names.append(TensorName(f"{torch}.noise.weight", ("params", *path, "noise"), "vector"))
        return names
    if not noisy:
        return _conv(f"{torch}.1", (*path, "conv1")) + _norm(f"{torch}.2", (*path, "bn1", "norm"))
    names = []
    for index, at in enumerate((1, 5), start=1):
        noise = ("params", *path, f"noise{index}")
        names += _conv(f"{torch}.{at}", (*path, f"conv{index}"))
        names.append(TensorName(f"{torch}.{at + 1}.weight", noise, "vector"))
        names += _norm(f"{torch}.{at + 2}", (*path, f"bn{index}", "norm"))
    return names


def init_layer(torch: str, path: Path) -> list[TensorName]:
    """Of `fastgan_layers.InitLayer`."""
    names = _weight(f"{torch}.init.0", (*path, "conv"), "conv_transpose")
    return names + _norm(f"{torch}.init.1", (*path, "bn", "norm"))


def excitation(torch: str, path: Path) -> list[TensorName]:
    """Of `fastgan_layers.SkipExcitation`."""
    return _conv(f"{torch}.main.1", (*path, "conv1")) + _conv(f"{torch}.main.3", (*path, "conv2"))


def generator(net: FastGanGenerator) -> tuple[TensorName, ...]:
    """Of a generator; "synthesis." precedes the names of Projected GAN's."""
    is_fastgan, conditional = net.style == "fastgan", net.num_classes > 0
    prefix = "" if is_fastgan else "synthesis."
    names = init_layer(f"{prefix}init", ("init",))
    for side in net.sides:
        path = (f"feat_{side}",)
        names += up_block(f"{prefix}feat_{side}", path, net.is_noisy(side), conditional)
        if side in EXCITES.values():
            names += excitation(f"{prefix}se_{side}", (f"se_{side}",))
    if is_fastgan:
        names += _conv("to_128", ("to_128",))
    names += _conv(f"{prefix}to_big", ("to_big",), use_bias=not is_fastgan)
    if conditional:
        path = ("params", "embed", "kernel")
        names.append(TensorName(f"{prefix}embed.weight", path, "table"))
    return tuple(names)


def down_block(torch: str, path: Path) -> list[TensorName]:
    """Of `fastgan_discriminator.DownBlock`."""
    return _conv(f"{torch}.main.0", (*path, "conv")) + _norm(f"{torch}.main.1", (*path, "bn"))


def down_comp_block(torch: str, path: Path) -> list[TensorName]:
    """Of `fastgan_discriminator.DownCompBlock`."""
    names = _conv(f"{torch}.main.0", (*path, "conv1")) + _norm(f"{torch}.main.1", (*path, "bn1"))
    names += _conv(f"{torch}.main.3", (*path, "conv2")) + _norm(f"{torch}.main.4", (*path, "bn2"))
    names += _conv(f"{torch}.direct.1", (*path, "direct"))
    return names + _norm(f"{torch}.direct.2", (*path, "direct_bn"))


def decoder(torch: str, path: Path, num_ups: int = 4) -> list[TensorName]:
    """Of `fastgan_discriminator.Decoder`."""
    names = []
    for index in range(1, num_ups + 1):
        names += up_block(f"{torch}.main.{index}", (*path, f"up{index}"), noisy=False)
    return names + _conv(f"{torch}.main.{num_ups + 1}", (*path, "to_image"))


def discriminator(net: FastGanDiscriminator) -> tuple[TensorName, ...]:
    """Of FastGAN's discriminator of images from 256 px on, which the original has."""
    names = _conv("down_from_big.0", ("entry0",))
    if net.side == 1024:
        names += _conv("down_from_big.2", ("entry1",)) + _norm("down_from_big.3", ("entry1_bn",))
    for theirs, side in ((4, 128), (8, 64), (16, 32), (32, 16), (64, 8)):
        names += down_comp_block(f"down_{theirs}", (f"down_{side}",))
    for theirs, side in (("2_16", 32), ("4_32", 16), ("8_64", 8)):
        names += excitation(f"se_{theirs}", (f"se_{side}",))
    names += _conv("rf_big.0", ("rf_big0",)) + _norm("rf_big.1", ("rf_big_bn",))
    names += _conv("rf_big.3", ("rf_big1",))
    names += _conv("down_from_small.0", ("small_entry",))
    for theirs, side in ((2, 32), (3, 16), (4, 8)):
        names += down_block(f"down_from_small.{theirs}", (f"small_{side}",))
    names += _conv("rf_small", ("rf_small",))
    for part in ("big", "part", "small"):
        names += decoder(f"decoder_{part}", (f"decoder_{part}",))
    return tuple(names)


def feature_discriminator(
    torch: str, path: Path, num_blocks: int, separable: bool, patch: bool, conditional: bool
) -> list[TensorName]:
    """Of `projected_discriminator.FeatureDiscriminator`."""
    names = []
    for index in range(num_blocks):
        block, own = f"{torch}main.{index}", (*path, f"down{index}")
        inner = f"{block}.main.0" if patch else block
        if separable:
            names += _conv(f"{inner}.main.0.depthwise", (*own, "depthwise"))
            names += _conv(f"{inner}.main.0.pointwise", (*own, "pointwise"))
        else:
            names += _conv(f"{inner}.main.0", (*own, "conv"), use_bias=True)
        names += _norm(f"{inner}.main.1", (*own, "bn"))
        if patch:
            names += _conv(f"{block}.main.1", (*own, "mix"))
            names += _norm(f"{block}.main.2", (*own, "mix_bn"))
    if not conditional:
        return names + _conv(f"{torch}main.{num_blocks}", (*path, "logits"))
    names += _conv(f"{torch}cls", (*path, "label_map"))
    dense = ("params", *path, "embed_proj")
    return [
        *names,
        TensorName(f"{torch}embed.weight", ("params", *path, "embed", "embedding"), "table"),
        TensorName(f"{torch}embed_proj.0.weight", (*dense, "kernel"), "linear"),
        TensorName(f"{torch}embed_proj.0.bias", (*dense, "bias"), "vector"),
    ]


def multi_scale_discriminator(net: MultiScaleDiscriminator) -> tuple[TensorName, ...]:
    """Of Projected GAN's discriminators; "discriminator." precedes the names in whole files."""
    names = []
    for index, widths in enumerate(net.widths):
        names += feature_discriminator(
            f"mini_discs.{index}.",
            (f"disc{index}",),
            len(widths),
            net.each.separable,
            net.each.patch,
            net.each.num_classes > 0,
        )
    return tuple(names)


def random_projection(levels: Iterable[int] = range(4), csm: bool = True) -> tuple[TensorName, ...]:
    """Of `RandomProjection`, "feature_network.scratch." left out."""
    names = []
    for level in levels:
        for part, layer in (("ccm", "ccm"), ("csm.out_conv", "csm")):
            if layer == "ccm" or csm:
                path = ("params", f"{layer}{level}")
                torch = f"layer{level}_{part}"
                names.append(TensorName(f"{torch}.weight", (*path, "kernel"), "conv"))
                names.append(TensorName(f"{torch}.bias", (*path, "bias"), "vector"))
    return tuple(names)


# Blocks of each of EfficientNet-Lite's stages by the layer of Projected GAN that holds the stage.
_LAYERS = ((0, (0, 1)), (1, (2,)), (2, (3, 4)), (3, (5, 6)))


def efficientnet_lite(depths: tuple[int, ...] = (1, 2, 2, 3, 3, 4, 1)) -> tuple[TensorName, ...]:
    """Of the feature network as timm names it, "feature_network.pretrained." left out.

    Args:
      depths: blocks per stage.
    """
    names = [TensorName("layer0.0.weight", ("params", "conv_stem", "kernel"), "conv")]
    names += _norm("layer0.1", ("bn0",))
    for layer, stages in _LAYERS:
        for place, stage in enumerate(stages):
            for block in range(depths[stage]):
                torch = f"layer{layer}.{place + (3 if layer == 0 else 0)}.{block}"
                ours = f"blocks_{sum(depths[:stage]) + block}"
                names += _inverted_bottleneck(torch, ours, widens=stage > 0)
    return tuple(names)


def _inverted_bottleneck(torch: str, ours: str, widens: bool) -> list[TensorName]:
    parts = [("conv_dw", "depthwise_conv", "bn1"), ("conv_pwl", "project_conv", "bn2")]
    if widens:
        parts.insert(0, ("conv_pw", "expand_conv", "bn0"))
    else:
        parts[1] = ("conv_pw", *parts[1][1:])
    names = []
    for index, (conv, layer, norm) in enumerate(parts, start=1):
        names.append(
            TensorName(f"{torch}.{conv}.weight", ("params", ours, layer, "kernel"), "conv")
        )
        names += _norm(f"{torch}.bn{index}", (ours, norm))
    return names

"""Makes a work directory of networks of autonomousvision/projected-gan.

Everything about the architecture is read off the tensors. Whole pickles (network-snapshot.pkl) name
the originals' classes; of these only the tensors are read, and nothing is executed.
"""

import re
from typing import Any

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.pickled_modules import read_networks
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import fastgan_files, fastgan_names, imported_run
from dermgan_jax.interop.fastgan_files import Tensors
from dermgan_jax.models.projected import ProjectedGan
from dermgan_jax.nets.fastgan_generator import SIDES, FastGanGenerator
from dermgan_jax.runs import provenance

_G = "synthesis.init.init.0.weight_orig"
_FIRST = "discriminator.mini_discs.0.main.0.main.0"  # layer of the discriminators
# Its weight, and the same of separable ones.
_D, _SEPARABLE = f"{_FIRST}.weight_orig", f"{_FIRST}.pointwise.weight_orig"
_FEATURES, _SCRATCH = "feature_network.pretrained.", "feature_network.scratch."
_JUDGES = "discriminator."
# Depths of the stages -> the network.
_NETWORKS = {
    (1, 2, 2, 3, 3, 4, 1): "efficientnet_lite0",
    (1, 3, 3, 4, 4, 5, 1): "efficientnet_lite1",
}


def import_projected(source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0.

    Nets that the source does not hold keep their initial values and are listed in the checkpoint's
    facts under "untrained". Without G_ema, G is taken for the averaged generator as well.

    Args:
      source: network-snapshot.pkl, or a file of state dicts: of a generator alone, or of several
        under "G_ema", "G" and "D".
      path: the work directory, empty or new.

    Raises:
      UserError: if the file is missing, damaged or holds other networks, or the work directory is
        in use.
    """
    imported_run.require_empty(path)
    networks = _networks(source)
    averaged = networks.get("G_ema", networks.get("G"))
    if averaged is None:
        raise UserError(
            f"{source} holds no generator of a projected GAN with FastGAN's layers, whose tensors "
            f"are called {_G} and so on"
        )
    generator = fastgan_files.architecture(source, averaged, "synthesis.")
    judge = networks.get("D")
    config = _config(source, generator, averaged[_G].shape[0], judge)
    side, classes = generator.side, generator.num_classes
    spec = DataSpec(side, side, generator.channels, (64,) * classes, 64 * max(classes, 1))
    model = ProjectedGan(config, spec)
    fastgan_files.require_valid(source, model)
    shapes, names = fastgan_files.shapes(model), fastgan_names.generator(model.generator)
    # The original keeps blocks up to 256 px in generators of smaller images.
    unused = tuple(
        f"synthesis.{part}_{larger}."
        for part in ("feat", "se")
        for larger in SIDES
        if larger > side
    )
    read = {
        name: fastgan_files.variables(
            *(source, f"{name} of a projected GAN", names, tensors, shapes["g"], unused)
        )
        for name, tensors in networks.items()
        if name != "D"
    }
    nets = {"g": read.get("G", read.get("G_ema"))}
    if judge is not None:
        nets |= _judge(source, model, judge, shapes)
    state = imported_run.initial_state(model, nets)
    average = read.get("G_ema", read.get("G"))
    state = state.replace(variables={**state.variables, **nets}, ema={"g": average})
    untrained = [net for net in ("d", "f") if net not in nets]
    facts = provenance.imported_facts(model, [str(label) for label in range(classes)])
    imported_run.write(path, config, state, {**facts, "untrained": untrained})
    print(
        f"projected GAN of {side}x{side} images ({generator.channels} channels, {classes or 'no'} "
        f"classes, {config.model.generator} of width {generator.width}; {', '.join(networks)}) "
        f"in {path}"
    )
    if skipped := [name for name in averaged if name.startswith(unused)]:
        print(f"left out, as images of this side do not use them: {len(skipped)} tensors")
    if untrained:
        print(f"not in {source}, so untrained: D and its features")


def _networks(source: Path) -> dict[str, Tensors]:
    """Tensors of G_ema, G and D, as far as they are there."""
    if pickled := read_networks(source):
        found = {name: pickled[name].tensors for name in ("G_ema", "G", "D") if name in pickled}
        for name, tensors in found.items():
            _require_kind(source, name, tensors)
        return found
    tensors = read_tensors(source)
    found = {}
    for name in ("G_ema", "G", "D"):
        if part := imported_run.part(tensors, f"{name}."):
            _require_kind(source, name, part)
            found[name] = part
    if not found and (alone := fastgan_files.network(tensors, _G)) is not None:
        found["G_ema"] = alone
    return found


def _require_kind(source: Path, name: str, tensors: Tensors) -> None:
    """Checks that a network is what its name says.

    Raises:
      UserError: if it is not, such as a generator with StyleGAN2's layers.
    """
    if name == "D":
        if _D not in tensors and _SEPARABLE not in tensors:
            raise UserError(f"{source}: D is no discriminator of a projected GAN ({_D} is missing)")
    elif _G not in tensors:
        raise UserError(
            f"{source}: {name} is no generator of a projected GAN with FastGAN's layers ({_G} is "
            "missing)"
        )


def _judge(
    source: Path, model: ProjectedGan, tensors: Tensors, shapes: dict[str, Any]
) -> dict[str, Any]:
    """Variables of "d" and "f"."""

    def read(what, names, prefix, like):
        own = imported_run.part(tensors, prefix)
        return fastgan_files.variables(source, what, names, own, like)

    f = shapes["f"]
    network = read(
        "features of a projected GAN",
        fastgan_names.efficientnet_lite(_depths(tensors)),
        _FEATURES,
        {collection: f[collection]["network"] for collection in ("params", "batch_stats")},
    )
    projection = read(
        "random projection of a projected GAN",
        fastgan_names.random_projection(csm=model.config.model.mixing == "scales"),
        _SCRATCH,
        {"params": f["params"]["projection"]},
    )
    names = fastgan_names.multi_scale_discriminator(model.discriminator)
    judge = read("discriminator of a projected GAN", names, _JUDGES, shapes["d"])
    variables = {collection: {"network": tree} for collection, tree in network.items()}
    variables["params"] |= {"projection": projection["params"]}
    return {"d": judge, "f": variables}


def _depths(tensors: Tensors) -> tuple[int, ...]:
    """Blocks per stage of the feature network."""
    places = {
        (int(found[1]), int(found[2]), int(found[3]))
        for name in tensors
        if (found := re.match(re.escape(_FEATURES) + r"layer(\d)\.(\d+)\.(\d+)\.", name))
    }
    stages = sorted({place[:2] for place in places})
    return tuple(sum(place[:2] == stage for place in places) for stage in stages)


def _config(
    source: Path, generator: FastGanGenerator, latent_size: int, judge: Tensors | None
) -> FrozenConfigDict:
    config = config_schema.experiment("projected")
    config.title = f"imported from {source.name}"
    lite = generator.style == "projected_lite"
    config.model.update(
        {
            "latent_size": latent_size,
            "generator": "fastgan_lite" if lite else "fastgan",
            "width": generator.width,
            "conditional": generator.num_classes > 0,
            # The file has the features' weights, or they have no part in what it is used for.
            "pretrained": False,
        }
    )
    if judge is not None:
        config.model.update(_judge_fields(source, judge))
    config.data.update({"resolution": generator.side, "channels": generator.channels})
    config.train.total_kimg = 1.0
    return config_schema.validate(config)


def _judge_fields(source: Path, judge: Tensors) -> dict[str, Any]:
    depths = _depths(judge)
    if depths not in _NETWORKS:
        raise UserError(
            f"{source}: the features are of a network with {depths} blocks; known are "
            f"{', '.join(_NETWORKS.values())}"
        )
    mixed = [judge.get(f"{_SCRATCH}layer{level}_ccm.weight") for level in (0, 1)]
    fields: dict[str, Any] = {"features": _NETWORKS[depths], "mixing": "none"}
    if mixed[0] is not None and mixed[1] is not None:
        scales = f"{_SCRATCH}layer0_csm.out_conv.weight" in judge
        fields |= {"mixing": "scales" if scales else "channels"}
        fields |= {"projection_width": len(mixed[0])}
        fields |= {"projection_expand": len(mixed[1]) > len(mixed[0])}
    separable = _SEPARABLE in judge
    width = len(judge[_SEPARABLE if separable else _D])
    return fields | {"separable": separable, "discriminator_width": width}

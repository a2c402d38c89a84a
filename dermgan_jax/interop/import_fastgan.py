"""Makes a work directory of FastGAN's networks as FastGAN-pytorch, train.py, saves them.

The files are `N.pth` (state dicts "g", averaged, and "d") and `all_N.pth`, whose "g" is not
averaged and whose "g_ema" is a list of the averaged parameters in the order of "g".
"""

from ml_collections import FrozenConfigDict

from dermgan_jax import config as config_schema
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.tensor_files import read_tensors
from dermgan_jax.interop import fastgan_files, fastgan_names, imported_run
from dermgan_jax.interop.fastgan_files import Tensors
from dermgan_jax.models.fastgan import FastGan
from dermgan_jax.runs import provenance

_G, _D = "init.init.0.weight_orig", "down_from_big.0.weight_orig"
_BUFFERS = ("weight_u", "weight_v", "running_mean", "running_var", "num_batches_tracked")


def import_fastgan(source: Path, path: Path) -> None:
    """Writes a work directory with one checkpoint, at step 0.

    Samples are normalised by the file's running statistics, where the original's script normalises
    by what is drawn together. A net that the source does not hold keeps its initial values and is
    listed in the checkpoint's facts under "untrained".

    Args:
      source: a file of the original, or a state dict of the generator.
      path: the work directory, empty or new.

    Raises:
      UserError: if the file is missing, damaged or holds other networks, or the work directory is
        in use.
    """
    imported_run.require_empty(path)
    tensors = read_tensors(source)
    trained = fastgan_files.network(tensors, _G)
    if trained is None or "to_128.weight_orig" not in trained:
        listed = ", ".join(list(tensors)[: imported_run.LISTED])
        raise UserError(
            f"{source} holds no generator of a fastgan, whose tensors are called {_G}, "
            f"to_128.weight_orig and so on; it begins with {listed}"
        )
    averaged = _averaged(source, tensors, trained)
    discriminator = fastgan_files.network(tensors, _D)
    generator = fastgan_files.architecture(source, trained, prefix="")
    width = 64
    if discriminator is not None:
        width = discriminator["rf_big.0.weight_orig"].shape[0] // 16
    config = _config(source, generator, trained[_G].shape[0], width)
    side, channels = generator.side, generator.channels
    model = FastGan(config, DataSpec(side, side, channels, (), num_examples=8))
    fastgan_files.require_valid(source, model)
    names, what = fastgan_names.generator(model.generator), "generator of a fastgan"
    shapes = fastgan_files.shapes(model)
    nets = {"g": fastgan_files.variables(source, what, names, trained, shapes["g"])}
    average = fastgan_files.variables(source, what, names, averaged, shapes["g"])
    if discriminator is not None:
        names = fastgan_names.discriminator(model.discriminator)
        what = "discriminator of a fastgan"
        nets["d"] = fastgan_files.variables(source, what, names, discriminator, shapes["d"])
    state = imported_run.initial_state(model, nets)
    state = state.replace(variables={**state.variables, **nets}, ema={"g": average})
    untrained = [net for net in ("d",) if net not in nets]
    facts = {**provenance.imported_facts(model), "untrained": untrained}
    imported_run.write(path, config, state, facts)
    print(
        f"fastgan of {side}x{side} images ({channels} channels, latent "
        f"{config.model.latent_size}, width {generator.width}) in {path}; samples are normalised "
        "by its running statistics"
    )
    if untrained:
        print(f"not in {source}, so untrained: D")


def _averaged(source: Path, tensors: Tensors, trained: Tensors) -> Tensors:
    """The generator's tensors with the averaged parameters, if there are such, in their place."""
    listed = [name for name in tensors if name.startswith("g_ema.") and name[6:].isdigit()]
    if not listed:
        return trained
    parameters = [name for name in trained if not name.endswith(_BUFFERS)]
    values = [tensors[f"g_ema.{index}"] for index in range(len(listed))]
    if [v.shape for v in values] != [trained[name].shape for name in parameters]:
        raise UserError(
            f"{source}: the {len(values)} averaged parameters under g_ema are not those of g"
        )
    return {**trained, **dict(zip(parameters, values, strict=True))}


def _config(
    source: Path, generator: fastgan_files.FastGanGenerator, latent_size: int, width: int
) -> FrozenConfigDict:
    config = config_schema.experiment("fastgan")
    config.title = f"imported from {source.name}"
    config.model.update({"latent_size": latent_size, "width": generator.width})
    # LPIPS has a part in training only, and its weights need not be here.
    config.model.update({"discriminator_width": width, "distance": "pixels"})
    config.model.statistics = "running"
    config.data.update({"resolution": generator.side, "channels": generator.channels})
    config.train.total_kimg = 1.0
    return config_schema.validate(config)

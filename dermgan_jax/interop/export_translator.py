"""Writes a translator as the files that its PyTorch original loads."""

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop import original_nets
from dermgan_jax.runs.restore import restore


def export_translator(workdir: Path, out: Path, checkpoint: str = "latest") -> list[Path]:
    """Writes one `latest_net_NAME.pth` per net, which load with `load_state_dict(strict=True)`.

    Nets that an import left untrained are not written.

    Args:
      workdir: of a CycleGAN, pix2pix or CUT.
      out: folder; files of these names are replaced.
      checkpoint: "latest", "best" or a step.

    Returns:
      The files.

    Raises:
      UserError: if there is no such checkpoint, or the original has no such networks.
    """
    restored = restore(workdir, checkpoint)
    model = restored.model
    family = model.config.model.name
    if model.config.model.norm == "none":
        raise UserError(
            f"{workdir} was trained with model.norm='none'; without normalisation the original's "
            "networks have no biases either, so that they could not load these"
        )
    written = []
    for original, net in original_nets.NETS[family].items():
        if net not in restored.untrained:
            tensors = original_nets.state_dict(model, net, restored.variables[net])
            written.append(out / original_nets.file_name(original))
            write_state_dict(written[-1], tensors)
    print("written: " + ", ".join(map(str, written)))
    return written

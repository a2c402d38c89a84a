"""Writes a StyleGAN2 as the files that NVlabs/stylegan2-ada-pytorch loads."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop import stylegan2_names
from dermgan_jax.models.stylegan2 import StyleGan2
from dermgan_jax.nets.style_layers import singular_value
from dermgan_jax.runs.restore import restore


def export_stylegan2(workdir: Path, out: Path, checkpoint: str = "latest") -> list[Path]:
    """Writes G_ema.pth and D.pth, which load with `load_state_dict(strict=True)`.

    Spectrally normalised kernels are written as the plain ones that act alike. A discriminator that
    an import left untrained is not written.

    Args:
      workdir: of a StyleGAN2.
      out: folder; files of these names are replaced.
      checkpoint: "latest", "best" or a step.

    Returns:
      The files.

    Raises:
      UserError: if there is no such checkpoint, or it is of another family.
    """
    restored = restore(workdir, checkpoint)
    if not isinstance(restored.model, StyleGan2):
        raise UserError(f"{workdir} holds a {restored.model.config.model.name}, no stylegan2")
    written = []
    for name, net in (("G_ema", "g"), ("D", "d")):
        if net not in restored.untrained:
            tensors = stylegan2_names.state_dict(_plain(restored.variables[net]))
            written.append(out / f"{name}.pth")
            write_state_dict(written[-1], tensors)
    print("written: " + ", ".join(map(str, written)))
    return written


def _plain(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Variables without spectral normalisation, kernels scaled so as to act as with it."""

    def scaled(params: Any, vectors: Any) -> Any:
        if "u" not in vectors:
            changed = {name: scaled(params[name], vectors[name]) for name in vectors}
            return {**params, **changed}
        kernel = jnp.asarray(params["kernel"])
        value, _ = singular_value(kernel, jnp.asarray(vectors["u"]))
        # The usual scale, which the plain layer applies, is taken back.
        fan_in = kernel.size / kernel.shape[-1]
        return {**params, "kernel": kernel / value * np.sqrt(fan_in)}

    plain = {name: tree for name, tree in variables.items() if name != "spectral"}
    return plain | {"params": scaled(plain["params"], variables.get("spectral", {}))}

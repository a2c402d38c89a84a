"""Writes a super-resolution generator as the file that its PyTorch original loads."""

import flax
import numpy as np

from dermgan_jax.files import Path
from dermgan_jax.formats.torch_writer import write_state_dict
from dermgan_jax.interop import superres_names
from dermgan_jax.interop.import_esrgan import tensor_names
from dermgan_jax.interop.torch_names import COUNTER
from dermgan_jax.runs.restore import restore


def export_esrgan(workdir: Path, out: Path, checkpoint: str = "latest") -> list[Path]:
    """Writes `net_g.pth`, which loads with `load_state_dict(strict=True)`.

    It is a state dict under BasicSR's names, or those of leftthomas/SRGAN, not wrapped.

    Args:
      workdir: of a superres model.
      out: folder; a file of this name is replaced.
      checkpoint: "latest", "best" or a step.

    Returns:
      The file.

    Raises:
      UserError: if there is no such checkpoint.
    """
    restored = restore(workdir, checkpoint)
    flat = flax.traverse_util.flatten_dict(restored.variables["g"])
    tensors: dict[str, np.ndarray] = {}
    for name in tensor_names(restored.model):
        tensors[name.torch] = superres_names.to_torch(name, flat[name.path])
        if name.torch.endswith("running_var"):
            tensors[name.torch.replace("running_var", COUNTER)] = np.zeros((), np.int64)
    path = out / "net_g.pth"
    write_state_dict(path, tensors)
    print(f"written: {path}")
    return [path]

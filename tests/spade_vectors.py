"""Reference vectors of SPADE, and its tensors' names here.

Paths are the original's, but that its layers may be wrapped (`mlp_shared.0`, `layer1.0`,
`model1.0.0`).
"""

import functools

import flax
import vector_case

from dermgan_jax.interop.torch_names import AXES

found = functools.partial(vector_case.found, "spade")
LEAVES = {
    "weight": ("params", "kernel"),
    "weight_orig": ("params", "kernel"),
    "bias": ("params", "bias"),
    "weight_u": ("spectral", "u"),
    "weight_v": ("spectral", "v"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}
LAYOUTS = {4: "conv", 2: "linear", 1: "vector"}


def own_path(torch):
    """The variable of a tensor, the collection first."""
    *layers, leaf = [part for part in torch.split(".") if not part.isdigit()]
    collection, name = LEAVES[leaf]
    return (collection, *layers, name)


class Case(vector_case.VectorCase):
    """One case of SPADE."""

    def __init__(self, name):
        super().__init__("spade", name)

    @property
    def mask(self):
        """The integer map, (N, H, W)."""
        return self["in:label"][..., 0]

    def variables(self):
        flat = {}
        for name, tensor in self.tensors().items():
            flat[own_path(name)] = tensor.transpose(AXES[LAYOUTS[tensor.ndim]])
        return flax.traverse_util.unflatten_dict(flat)

    def check_state(self, prefix, changed):
        """Whether running statistics and singular vectors moved as the original's did."""
        flat = flax.traverse_util.flatten_dict(changed)
        keys = [
            key
            for key in self.arrays
            if key.startswith(f"out:{prefix}") and ("running" in key or "weight_" in key)
        ]
        assert keys
        for key in keys:
            self.check(key, flat[own_path(key.removeprefix(f"out:{prefix}"))])

"""Reference vectors of super-resolution, and their weights as Flax variables."""

import functools

import flax
import numpy as np
import vector_case

from dermgan_jax.interop.torch_names import AXES

found = functools.partial(vector_case.found, "superres")


class Case(vector_case.VectorCase):
    """One case of super-resolution."""

    def __init__(self, name):
        super().__init__("superres", name)

    def variables(self, names, prefix="param:"):
        """Flax variables; every tensor must have a name."""
        tensors, flat = self.tensors(prefix), {}
        for name in names:
            tensor = tensors.pop(name.torch).transpose(AXES[name.kind])
            flat.setdefault(name.path, []).append(tensor)
        assert not tensors, "tensors without a name"
        stacked = {name.path for name in names if name.index is not None}
        return flax.traverse_util.unflatten_dict(
            {path: np.stack(parts) if path in stacked else parts[0] for path, parts in flat.items()}
        )

    def check_state(self, prefix, names, changed):
        """Whether running statistics and singular vectors moved as the original's did."""
        flat, checked = flax.traverse_util.flatten_dict(changed), 0
        for name in names:
            if (key := f"out:{prefix}{name.torch}") in self.arrays:
                self.check(key, flat[name.path])
                checked += 1
        assert checked == sum(key.startswith(f"out:{prefix}") for key in self.arrays)

"""Whether what is about to be saved consists of numbers."""

import jax
import jax.numpy as jnp
import numpy as np

from dermgan_jax.errors import UserError
from dermgan_jax.runs.state import TrainState


def require_finite(state: TrainState) -> None:
    """Checks networks and averages, which a loss that is looked at first can outlive by a step.

    Raises:
      UserError: naming what is no longer finite.
    """
    parts = {"weights": state.variables, "averaged weights": state.ema}
    spoiled = [
        f"{part} {jax.tree_util.keystr(path, simple=True, separator='/')}"
        for part, tree in parts.items()
        for path, leaf in jax.tree.leaves_with_path(tree)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
        and not np.isfinite(np.asarray(leaf, np.float32)).all()
    ]
    if spoiled:
        others = f" and {len(spoiled) - 1} more" if len(spoiled) > 1 else ""
        raise UserError(
            f"step {int(state.clock.step)}: {spoiled[0]}{others} became NaN or infinite, and "
            "nothing was saved: continue from an earlier checkpoint with a lower learning rate"
        )

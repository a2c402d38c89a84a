"""Layers that keep their weights while the rest of their net is trained.

FreezeD (Mo et al., 2020, arXiv:2002.10964) keeps the first layers of a discriminator that was
trained on other images. What a layer remembers of batches (running statistics, singular vectors)
goes on to follow.
"""

from collections.abc import Sequence

import jax

from dermgan_jax.models.contract import Model, Variables
from dermgan_jax.registry import did_you_mean

_SHOWN = 12  # names of layers in a message


def held(trainable: Variables, layers: Sequence[str]) -> Variables:
    """The parameters, those of frozen layers without a gradient.

    Args:
      trainable: net -> parameters.
      layers: such as "d/b64": the net, then names as parameters.txt has them.
    """
    if not layers:
        return trainable

    def hold(path: jax.tree_util.KeyPath, leaf: jax.Array) -> jax.Array:
        return jax.lax.stop_gradient(leaf) if _is_within(_name(path), layers) else leaf

    return jax.tree.map_with_path(hold, trainable)


def faults(model: Model) -> list[str]:
    """Layers of `train.freeze` that the model does not have."""
    layers = tuple(model.config.train.freeze)
    if not layers:
        return []
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0)))
    trained = {net for phase in model.phases() for net in phase.trains}
    params = {net: variables[net]["params"] for net in sorted(trained)}
    names = [_name(path) for path, _ in jax.tree.leaves_with_path(params)]
    found = []
    for layer in layers:
        if not any(_is_within(name, [layer]) for name in names):
            first = dict.fromkeys("/".join(name.split("/")[:2]) for name in names)
            known = ", ".join(list(first)[:_SHOWN])
            hint = did_you_mean(layer, tuple(first))
            found.append(
                f"train.freeze names {layer!r}, which is no trained layer{hint}"
                + ("" if "known" in hint else f"; there are {known}, …")
            )
    frozen = [name for name in names if _is_within(name, layers)]
    if len(frozen) == len(names):
        found.append(f"train.freeze is {layers}, which leaves nothing to be trained")
    return found


def _name(path: jax.tree_util.KeyPath) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _is_within(name: str, layers: Sequence[str]) -> bool:
    return any(name == layer or name.startswith(f"{layer}/") for layer in layers)

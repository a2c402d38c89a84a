"""Everything a training run needs in order to continue: one pytree."""

from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import optax

from dermgan_jax.models import keys
from dermgan_jax.models.contract import Model, Variables


class Clock(NamedTuple):
    """Where a run stands, as integers on the host or as int32 scalars on a device.

    Attributes:
      step: iterations done.
      images_seen: real images shown.
      scheduled_at: `images_seen` when the curriculum was last looked at, which happens every
        `train.schedule_interval` iterations (minibatch_repeats of the original PGAN).
    """

    step: Any
    images_seen: Any
    scheduled_at: Any

    def advance(self, images: int, schedule_interval: int) -> "Clock":
        """The clock after one more iteration that showed `images` real images."""
        step, images_seen = self.step + 1, self.images_seen + images
        due = step % schedule_interval == 0
        return Clock(step, images_seen, self.scheduled_at + due * (images_seen - self.scheduled_at))


@flax.struct.dataclass
class TrainState:
    """A run's state. Random keys and data order follow from (seed, clock) and are not in it.

    Attributes:
      clock: int32 scalars.
      variables: the nets as trained.
      opt_state: net name -> optimiser state.
      ema: net name -> averaged variables, for the nets in `Model.averaged`.
      extra: the model's own state.
    """

    clock: Clock
    variables: Variables
    opt_state: dict[str, Any]
    ema: Variables
    extra: Any

    @property
    def averaged(self) -> Variables:
        """All nets, the averaged ones in place of those as trained: what is sampled."""
        return {**self.variables, **self.ema}


def optimizers(model: Model) -> dict[str, optax.GradientTransformation]:
    """Net name -> Adam without its learning rate, which each stage gives anew."""
    rates = {net: model.adam(net) for net in model.config.optimizers}
    return {
        net: optax.scale_by_adam(b1=fields["b1"], b2=fields["b2"], eps=fields["eps"])
        for net, fields in rates.items()
    }


def init_moments(model: Model, variables: Variables) -> dict[str, Any]:
    """Fresh optimiser states of all nets."""
    return {
        net: optimizer.init(variables[net]["params"])
        for net, optimizer in optimizers(model).items()
    }


def init_state(model: Model, seed: jax.Array | None = None) -> TrainState:
    """The state before the first iteration, a function of the seed alone.

    Args:
      model: the family, configured.
      seed: uint32 scalar, `config.seed` by default; traced, one compiled program serves all seeds.
    """
    seed = model.config.seed if seed is None else seed
    key = keys.purpose_key(seed, keys.Purpose.INITIALISATION)
    nets_rng, extra_rng = jax.random.split(key)
    variables = model.init(nets_rng)
    return TrainState(
        clock=Clock(*jnp.zeros((3,), jnp.int32)),
        variables=variables,
        opt_state=init_moments(model, variables),
        ema=jax.tree.map(jnp.copy, {net: variables[net] for net in model.averaged}),
        extra=model.init_extra(extra_rng),
    )

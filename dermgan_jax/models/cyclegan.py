"""CycleGAN (Zhu et al., ICCV 2017, arXiv:1703.10593).

Follows pytorch-CycleGAN-and-pix2pix: both generators are updated first, then both discriminators
with the fakes made before that update, taken through image pools. Nets: `g_AtoB` (there G_A),
`g_BtoA` (G_B), `d_A` judges images of domain A (there D_B), `d_B` those of B (there D_A).
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.models import image_pool
from dermgan_jax.models.contract import Aux, Phase, Variables, bind
from dermgan_jax.models.patchgan_translator import (
    ADAM,
    BOUNDS,
    PatchGanTranslator,
    default_fields,
    mean_metrics,
)


@dataclasses.dataclass(frozen=True)
class CycleGan(PatchGanTranslator):
    """Two generators and two discriminators, trained on unpaired images of two domains."""

    directions = ("AtoB", "BtoA")

    bounds: ClassVar[Mapping[str, str]] = {
        **BOUNDS,
        "cycle_a": "[0, 1e6]",
        "cycle_b": "[0, 1e6]",
        "identity": "[0, 1e6]",
        "pool_size": "[0, 1e5]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        return ConfigDict(
            {
                "model": {
                    **default_fields(),
                    "cycle_a": 10.0,  # weight of |G_BtoA(G_AtoB(a)) − a|
                    "cycle_b": 10.0,
                    "identity": 0.5,  # of |G_AtoB(b) − b| and its like, times the cycle weights
                    "pool_size": 50,
                },
                "optimizers": {net: dict(ADAM) for net in ("g_AtoB", "g_BtoA", "d_A", "d_B")},
                "train": {"batch_size": 1, "total_epochs": 200.0},
            }
        )

    def init(self, rng: jax.Array) -> Variables:
        image = jnp.zeros((1, *self.image_shape))
        nets = {
            "g_AtoB": self.generator,
            "g_BtoA": self.generator,
            "d_A": self.discriminator,
            "d_B": self.discriminator,
        }
        keys = jax.random.split(rng, len(nets))
        return {
            name: dict(net.init(key, image, train=False))
            for key, (name, net) in zip(keys, nets.items(), strict=True)
        }

    def init_extra(self, rng: jax.Array) -> dict[str, image_pool.Pool]:
        del rng
        size = self.config.model.pool_size
        return {domain: image_pool.init(size, self.image_shape) for domain in ("a", "b")}

    def translate(self, variables: Variables, images: jax.Array, direction: str) -> jax.Array:
        return self.generator.apply(variables[f"g_{direction}"], images, train=False)

    def phases(self) -> tuple[Phase, ...]:
        return (
            Phase("g", ("g_AtoB", "g_BtoA"), self._g_phase),
            Phase("d", ("d_A", "d_B"), self._d_phase),
        )

    def _g_phase(self, trainable, frozen, batch, rng, context):
        """Adversarial, cycle and identity terms of both directions, added up."""
        del context
        fields = self.config.model
        a, b = batch["a"], batch["b"]
        rngs = jax.random.split(rng, 6)
        changed: Variables = {}

        def run(net: str, images: jax.Array, key: jax.Array) -> jax.Array:
            variables = {**bind(trainable, frozen, net), **changed.get(net, {})}
            if net.startswith("d"):
                return self.discriminator.apply(variables, images, train=True)
            made, moved = self.generator.apply(
                *(variables, images), train=True, rngs={"dropout": key}, mutable=["batch_stats"]
            )
            if moved:
                changed[net] = moved
            return made

        # What a generator makes of its own domain is asked of it in the same pass, unless batch
        # statistics would then mix the two.
        in_one_pass = fields.identity and fields.norm != "batch"
        same_a, same_b = a, b
        if in_one_pass:
            fake_b, same_b = jnp.split(run("g_AtoB", jnp.concatenate([a, b]), rngs[0]), 2)
            fake_a, same_a = jnp.split(run("g_BtoA", jnp.concatenate([b, a]), rngs[1]), 2)
        else:
            fake_b, fake_a = run("g_AtoB", a, rngs[0]), run("g_BtoA", b, rngs[1])
        again_a, again_b = run("g_BtoA", fake_b, rngs[2]), run("g_AtoB", fake_a, rngs[3])
        if fields.identity and not in_one_pass:
            same_b, same_a = run("g_AtoB", b, rngs[4]), run("g_BtoA", a, rngs[5])
        terms = {
            "adversarial_AtoB": losses.toward_real(fields.loss, run("d_B", fake_b, rng)),
            "adversarial_BtoA": losses.toward_real(fields.loss, run("d_A", fake_a, rng)),
            "cycle_a": fields.cycle_a * losses.absolute_error(again_a, a),
            "cycle_b": fields.cycle_b * losses.absolute_error(again_b, b),
            "identity_b": fields.cycle_b * fields.identity * losses.absolute_error(same_b, b),
            "identity_a": fields.cycle_a * fields.identity * losses.absolute_error(same_a, a),
        }
        handoff = {"fake_a": fake_a, "fake_b": fake_b}
        return sum(terms.values()).mean(), Aux(
            mean_metrics(terms), collections=changed, handoff=handoff
        )

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Half of each discriminator's judgement of reals and of fakes out of the pool."""
        pools, terms, loss = {}, {}, 0.0
        for domain, key in zip(("a", "b"), jax.random.split(rng), strict=True):
            pool_rng, penalty_rng = jax.random.split(key)
            pools[domain], fake = image_pool.exchange(
                context.extra[domain], context.handoff[f"fake_{domain}"], pool_rng
            )
            net = f"d_{domain.upper()}"
            own_loss, metrics = self.discriminator_loss(
                bind(trainable, frozen, net), batch[domain], fake, penalty_rng
            )
            loss += own_loss
            terms |= {f"{name}_{domain}": value for name, value in metrics.items()}
        return loss, Aux(terms, extra=pools)

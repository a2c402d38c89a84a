"""CUT and FastCUT (Park et al., ECCV 2020, arXiv:2007.15651): one-sided unpaired translation.

Follows taesungp/contrastive-unpaired-translation: patches of the result are held to the patches of
the input in the same places, in the features of the generator's own encoder. The discriminator is
updated first, then generator and patch embeddings. `fields.identity_nce` and the defaults are CUT;
FastCUT is `nce=10`, `identity_nce=False`, `flip_equivariance=True`, 150 + 50 epochs.
"""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from dermgan_jax import losses
from dermgan_jax.models.contract import Aux, Phase, Variables, bind
from dermgan_jax.models.patchgan_translator import (
    ADAM,
    BOUNDS,
    PatchGanTranslator,
    default_fields,
    mean_metrics,
)
from dermgan_jax.nets.patch_sample import PatchSample, patch_ids


@dataclasses.dataclass(frozen=True)
class Cut(PatchGanTranslator):
    """A generator, A to B, a discriminator, and an embedding of patches."""

    first_drop = 1

    bounds: ClassVar[Mapping[str, str]] = {
        **BOUNDS,
        "adversarial": "[0, 1e6]",
        "nce": "[0, 1e6]",
        "nce_layers": "[0, 1000]",
        "num_patches": "[1, 1e6]",
        "temperature": "(0, 1e6]",
        "embedding": "[1, 65536]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        fields = {
            **default_fields(),
            "antialias": True,
            "init": "xavier",
            "adversarial": 1.0,  # weight
            "nce": 1.0,  # weight of the contrastive loss
            "identity_nce": True,  # also hold G(b) to b
            "flip_equivariance": False,  # flip inputs, and features back, half of the time
            "nce_layers": (0, 4, 8, 12, 16),  # of the generator's encoder, the original's numbers
            "num_patches": 256,  # per layer
            "temperature": 0.07,
            "embedding": 256,
            "all_negatives": False,  # negatives from the whole batch, as single-image CUT
            "constant_epochs": 200,
            "decay_epochs": 200,
        }
        return ConfigDict(
            {
                "model": fields,
                "optimizers": {net: dict(ADAM) for net in ("g", "d", "f")},
                "train": {"batch_size": 1, "total_epochs": 400.0},
            }
        )

    @property
    def embedding(self) -> PatchSample:
        fields = self.config.model
        return PatchSample(fields.embedding, fields.init, jnp.dtype(self.config.precision))

    def faults(self) -> list[str]:
        fields = self.config.model
        found = super().faults()
        if fields.generator != "resnet":
            found.append("model.generator has to be 'resnet': CUT takes features from its encoder")
        if fields.norm == "batch":
            found.append("model.norm is 'batch': CUT normalises each image by itself")
        # Layers of the encoder, numbered as in the original's Sequential.
        num = (12 if fields.antialias else 10) + fields.num_blocks
        if not fields.nce_layers or max(fields.nce_layers) >= num:
            found.append(
                f"model.nce_layers is {tuple(fields.nce_layers)}: expected one or more of 0 to "
                f"{num - 1}"
            )
        return found

    def _features(self, variables, images: jax.Array) -> list[jax.Array]:
        _, features = self.generator.apply(
            variables, images, train=False, features=self.config.model.nce_layers, encode_only=True
        )
        return features

    def init(self, rng: jax.Array) -> Variables:
        g_rng, d_rng, f_rng = jax.random.split(rng, 3)
        image = jnp.zeros((1, *self.image_shape))
        g = dict(self.generator.init(g_rng, image, train=False))
        features = self._features(g, image)
        ids = [jnp.zeros((1,), jnp.int32)] * len(features)
        return {
            "g": g,
            "d": dict(self.discriminator.init(d_rng, image, train=False)),
            "f": dict(self.embedding.init(f_rng, features, ids)),
        }

    def translate(self, variables: Variables, images: jax.Array, direction: str) -> jax.Array:
        del direction
        return self.generator.apply(variables["g"], images, train=False)

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("d", ("d",), self._d_phase), Phase("g", ("g", "f"), self._g_phase))

    def _make(self, generator, images, noise_rng) -> tuple[jax.Array, jax.Array]:
        """(results, whether they are flipped)."""
        flip_key, dropout_key = jax.random.split(noise_rng)
        flipped = jnp.zeros((), bool)
        if self.config.model.flip_equivariance:
            flipped = jax.random.bernoulli(flip_key)
            images = jnp.where(flipped, images[..., ::-1, :], images)
        made = self.generator.apply(generator, images, train=True, rngs={"dropout": dropout_key})
        return made, flipped

    def _d_phase(self, trainable, frozen, batch, rng, context):
        """Hands on the key of its fakes, which the generator's phase judges anew."""
        del context
        noise_rng, loss_rng = jax.random.split(rng)
        fake, _ = self._make(bind(trainable, frozen, "g"), batch["a"], noise_rng)
        loss, metrics = self.discriminator_loss(
            bind(trainable, frozen, "d"), batch["b"], fake, loss_rng
        )
        return loss, Aux(metrics, handoff={"noise_rng": noise_rng})

    def _g_phase(self, trainable, frozen, batch, rng, context):
        fields = self.config.model
        generator, num = bind(trainable, frozen, "g"), len(batch["a"])
        inputs = batch["a"]
        if fields.identity_nce:
            inputs = jnp.concatenate([inputs, batch["b"]])
        made, flipped = self._make(generator, inputs, context.handoff["noise_rng"])
        scores = self.discriminator.apply(bind(trainable, frozen, "d"), made[:num], train=True)
        contrast = self._contrast(
            generator, bind(trainable, frozen, "f"), inputs, made, flipped, rng
        )
        terms = {
            "adversarial": fields.adversarial * losses.toward_real(fields.loss, scores),
            "nce": fields.nce * contrast[:num],
        }
        if fields.identity_nce:
            terms = {
                **terms,
                "nce": terms["nce"] / 2,
                "nce_identity": fields.nce * contrast[num:] / 2,
            }
        return sum(terms.values()).mean(), Aux(mean_metrics(terms))

    def _contrast(self, generator, embedding, inputs, made, flipped, rng) -> jax.Array:
        """Contrastive loss of each result against its input, mean over layers: (N,)."""
        fields = self.config.model
        queries, keys = (self._features(generator, images) for images in (made, inputs))
        if fields.flip_equivariance:
            queries = [jnp.where(flipped, query[..., ::-1, :], query) for query in queries]
        ids = patch_ids(rng, [query.shape[1:3] for query in queries], fields.num_patches)
        queries, keys = (self.embedding.apply(embedding, maps, ids) for maps in (queries, keys))
        per_layer = [
            losses.patch_nce(query, key, fields.temperature, fields.all_negatives).mean(-1)
            for query, key in zip(queries, keys, strict=True)
        ]
        return sum(per_layer) / len(per_layer)

"""Image classifiers, trained by the same engine as the GANs.

Transfer learning as in the study of StyleGAN2-augmented melanoma recognition: a published network
whose first stages are frozen, the last ones trained, and a head of dropout and dense layers; Adam
on the cross entropy, its learning rate reduced on plateaus of the validation loss, training ended
when that no longer falls. Freezing is the engine's own: the one phase moves the net "tail" only.
"""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dermgan_jax import registry
from dermgan_jax.classify import networks, trunk_features
from dermgan_jax.classify.classical_augmentation import Amounts, augment
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pipeline import Feed
from dermgan_jax.features.base import CPU_BATCH
from dermgan_jax.gans.base import Aux, Gan, Phase, Variables, bind

AUGMENTATIONS = ("none", "classical")
WATCHED = "loss"  # the validation metric that plateaus and stopping look at


class Classifier(Gan):
    """A frozen trunk and a trained tail; "extra" is what plateaus and stopping remember.

    Its values after an evaluation: "best", the least validation loss so far; "waited" and "stale",
    evaluations since it fell, and since it fell or the learning rate was reduced; "scale", of the
    learning rate.
    """

    metric_kind: ClassVar[str] = "classifier_metric"

    @staticmethod
    def default_config() -> ConfigDict:
        amounts = Amounts()
        fields = {
            "network": "resnet50",  # see networks.ARCHITECTURES
            "pretrained": True,  # on ImageNet; False: random, which only trained_stages=-1 mends
            "image_size": 224,  # side in pixels to which images are resized for the network
            "trained_stages": 1,  # so many of the last; 0: the head alone; -1: all
            "hidden": (512,),  # widths of the head's layers before the last
            "dropout": 0.5,
            "class_weights": False,  # weigh every class alike, whatever its number of images
            "label_smoothing": 0.0,
            "augment": "none",  # none | classical
            "classical": {name: getattr(amounts, name) for name in amounts.__dataclass_fields__},
            # If not 0: activations of the frozen stages are computed once, of so many augmented
            # views of every image, and training reads them.
            "views": 0,
            "view_seed": 0,
            "plateau_patience": 5,  # evaluations without a lower validation loss; 0: never
            "plateau_factor": 0.1,  # of the learning rate, each time
            "stop_patience": 15,  # evaluations; 0: never
        }
        adam = {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
        metrics = registry.names("classifier_metric")
        return ConfigDict(
            {
                "gan": fields,
                "optimizers": {"tail": adam},
                "data": {"mirror": False},
                "train": {"total_epochs": 100.0, "batch_size": 64},
                "checkpoint": {"best_metric": "balanced_accuracy", "every_epochs": 1.0},
                "eval": {
                    "metrics": metrics,
                    "every_epochs": 1.0,
                    "num_images": 100_000,
                    "budget_fraction": 1.0,
                    "snapshot_epochs": 10.0,
                },
            }
        )

    def faults(self) -> list[str]:
        gan, data = self.config.gan, self.data
        found = [*self.amounts.faults(), *self._label_faults()]

        def require(holds: bool, message: str) -> None:
            if not holds:
                found.append(message)

        require(
            data.height == data.width,
            f"classifiers take square images, not {data.height}x{data.width}",
        )
        require(
            gan.augment in AUGMENTATIONS,
            f"gan.augment is {gan.augment!r}; expected one of {', '.join(AUGMENTATIONS)}",
        )
        require(0 <= gan.dropout < 1, f"gan.dropout is {gan.dropout}; expected 0 to below 1")
        require(
            0 <= gan.label_smoothing < 1,
            f"gan.label_smoothing is {gan.label_smoothing}; expected 0 to below 1",
        )
        require(
            all(isinstance(width, int) and width > 0 for width in gan.hidden),
            f"gan.hidden is {tuple(gan.hidden)}; expected widths of layers, such as (512,)",
        )
        require(gan.image_size >= 4, f"gan.image_size is {gan.image_size}; at least 4")
        return found + self._network_faults() + self._view_faults() + self._patience_faults()

    def _label_faults(self) -> list[str]:
        counts = self.data.class_counts
        if len(counts) < 2:
            return [f"a classifier needs two classes or more; the data have {len(counts)}"]
        unlabelled = self.data.num_examples - sum(counts)
        if unlabelled:
            return [f"{unlabelled} training images have no class: leave them out (data.classes)"]
        return []

    def _network_faults(self) -> list[str]:
        gan, known = self.config.gan, tuple(networks.ARCHITECTURES)
        if gan.network not in known:
            hint = registry.did_you_mean(gan.network, known)
            return [f"gan.network: unknown network {gan.network!r}{hint}"]
        architecture, found = networks.ARCHITECTURES[gan.network], []
        if not -1 <= gan.trained_stages <= architecture.num_stages:
            found.append(
                f"gan.trained_stages is {gan.trained_stages}; {gan.network} has "
                f"{architecture.num_stages}, -1 trains all"
            )
        if gan.image_size % architecture.least_side:
            found.append(
                f"gan.image_size is {gan.image_size}; {gan.network} takes multiples of its patches "
                f"of {architecture.least_side} pixels"
            )
        if gan.pretrained and architecture.from_torch is None:
            found.append(f"{gan.network} has no published weights: set gan.pretrained=False")
        return found

    def _view_faults(self) -> list[str]:
        gan, data, found = self.config.gan, self.config.data, []
        if gan.views < 0:
            found.append(f"gan.views is {gan.views}; at least 0")
        if gan.views > 1 and gan.augment == "none":
            found.append(
                f"gan.views is {gan.views}, all of them alike with gan.augment='none': set 1"
            )
        if gan.views and gan.network in networks.ARCHITECTURES and not self.trunk.num_stages:
            found.append("gan.views keeps what frozen stages give out, and none is: set it to 0")
        if gan.views and (data.mirror or data.load_resolution not in (0, data.resolution)):
            found.append(
                "gan.views are taken of whole images: set data.mirror=False and "
                "data.load_resolution=0; gan.augment='classical' flips"
            )
        return found

    def _patience_faults(self) -> list[str]:
        gan, evaluation = self.config.gan, self.config.eval
        if min(gan.plateau_patience, gan.stop_patience) < 0 or not 0 < gan.plateau_factor <= 1:
            return [
                "gan.plateau_patience and gan.stop_patience are numbers of evaluations from 0 on, "
                "gan.plateau_factor is above 0 and at most 1"
            ]
        if not (gan.plateau_patience or gan.stop_patience):
            return []
        found = []
        if WATCHED not in evaluation.metrics:
            found.append(f"gan.plateau_patience and stop_patience need {WATCHED!r} in eval.metrics")
        if not (evaluation.every_kimg or evaluation.every_epochs):
            found.append("gan.plateau_patience and stop_patience need eval.every_epochs above 0")
        if evaluation.budget_fraction < 1:
            found.append(
                "gan.plateau_patience and stop_patience need every evaluation: set "
                "eval.budget_fraction=1.0, so that none is left out to save time"
            )
        return found

    @property
    def amounts(self) -> Amounts:
        return Amounts(**self.config.gan.classical)

    @property
    def trunk(self) -> networks.Trunk:
        gan = self.config.gan
        frozen, _ = networks.cut(gan.network, gan.trained_stages)
        return networks.Trunk(gan.network, frozen, gan.image_size, self.config.precision)

    @property
    def tail(self) -> networks.Tail:
        gan = self.config.gan
        _, backbone = networks.cut(gan.network, gan.trained_stages)
        return networks.Tail(backbone, tuple(gan.hidden), gan.dropout, self.data.num_classes)

    @property
    def views(self) -> tuple[trunk_features.View, ...]:
        """Of every training image, where activations are kept; empty where they are not."""
        gan = self.config.gan
        if gan.augment == "none":
            return (trunk_features.PLAIN,) * gan.views
        numbers = range(gan.views)
        return tuple(trunk_features.View(self.amounts, n, gan.view_seed) for n in numbers)

    def init(self, rng: jax.Array) -> Variables:
        """Random variables; those that published ones replace (`pretrained`) are zeros."""
        trunk_rng, tail_rng = jax.random.split(rng)
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        abstract = jax.eval_shape(self.trunk.init, trunk_rng)
        if self.config.gan.pretrained:
            trunk = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), abstract)
        else:
            trunk = self.trunk.init(trunk_rng)
        given = jax.eval_shape(self.trunk.apply, abstract, images)
        tail = self.tail.init(tail_rng, jnp.zeros(given.shape))
        return {"trunk": trunk, "tail": dict(tail)}

    def pretrained(self, variables: Variables) -> Variables:
        """Published weights of the trunk and of the trained stages, if the configuration says so.

        Raises:
          UserError: if the file is not found, saying how to get it.
        """
        gan = self.config.gan
        if not gan.pretrained:
            return variables
        whole = networks.published(gan.network)
        tail = {collection: dict(layers) for collection, layers in variables["tail"].items()}
        for collection, layers in tail.items():
            if "backbone" in layers:
                part = {collection: layers["backbone"]}
                layers["backbone"] = networks.fill(part, whole)[collection]
        return {"trunk": networks.fill(variables["trunk"], whole), "tail": tail}

    def init_extra(self, rng: jax.Array) -> dict[str, jax.Array]:
        del rng
        return {
            "best": jnp.asarray(np.inf, jnp.float32),
            "waited": jnp.zeros((), jnp.int32),
            "stale": jnp.zeros((), jnp.int32),
            "scale": jnp.ones((), jnp.float32),
        }

    def observe(self, extra: Any, values: Mapping[str, float]) -> dict[str, jax.Array]:
        """Counts an evaluation, and reduces the learning rate if it was one too many."""
        gan, loss = self.config.gan, values.get(WATCHED, np.inf)
        fell = loss < extra["best"]
        waited = jnp.where(fell, 0, extra["waited"] + 1)
        stale = jnp.where(fell, 0, extra["stale"] + 1)
        reduce = (stale >= gan.plateau_patience) if gan.plateau_patience else jnp.zeros((), bool)
        return {
            "best": jnp.where(fell, np.float32(loss), extra["best"]),
            "waited": waited,
            "stale": jnp.where(reduce, 0, stale),
            "scale": jnp.where(reduce, gan.plateau_factor * extra["scale"], extra["scale"]),
        }

    def learning_rate_scale(self, extra: Any) -> jax.Array:
        return extra["scale"]

    def done(self, extra: Any) -> bool:
        patience = self.config.gan.stop_patience
        return patience > 0 and int(extra["waited"]) >= patience

    def open_feed(self, catalogue: Catalogue, mesh: Mesh, variables: Variables) -> Feed:
        """Of images, or of what the trunk makes of them."""
        if not self.views:
            return super().open_feed(catalogue, mesh, variables)
        return trunk_features.TrunkFeed(
            self.config, catalogue, mesh, self.trunk, variables["trunk"], self.views
        )

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("classify", ("tail",), self._loss),)

    def class_weights(self) -> np.ndarray:
        """Of the loss (K,): 1, or inverse class frequencies whose mean over the images is 1."""
        counts = np.asarray(self.data.class_counts, np.float32)
        if not self.config.gan.class_weights:
            return np.ones_like(counts)
        present = counts > 0
        inverse = np.divide(counts.sum(), counts, out=np.zeros_like(counts), where=present)
        return inverse / present.sum()

    def _loss(self, trainable, frozen, batch, rng, context):
        """Cross entropy; "image" holds images, or activations of the trunk where these are kept."""
        del context
        gan = self.config.gan
        augment_rng, dropout_rng = jax.random.split(rng)
        inputs = batch["image"]
        if not self.views:
            if gan.augment == "classical":
                inputs = augment(augment_rng, inputs, self.amounts)
            inputs = jax.lax.stop_gradient(self.trunk.apply(frozen["trunk"], inputs))
        variables = bind(trainable, frozen, "tail")
        logits, changed = self.tail.apply(
            *networks.at_precision(self.config.precision, variables, inputs),
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_rng},
        )
        logits, labels = logits.astype(jnp.float32), batch["label"]
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, self.data.num_classes), gan.label_smoothing
        )
        entropies = optax.softmax_cross_entropy(logits, targets)
        loss = jnp.mean(jnp.asarray(self.class_weights())[labels] * entropies)
        accuracy = jnp.mean((logits.argmax(-1) == labels).astype(jnp.float32))
        return loss, Aux({"accuracy": accuracy}, collections={"tail": changed})


def probabilities(gan: Classifier, variables: Variables, images: ImageSet) -> np.ndarray:
    """Probabilities float32 (N, K) of the classes of images uint8 (N, H, W, C).

    Args:
      gan: the classifier, configured.
      variables: of both nets, on any devices.
      images: read a batch at a time.
    """
    return probabilities_of(gan, variables, inputs_of(gan, variables, images))


def inputs_of(gan: Classifier, variables: Variables, images: ImageSet, title: str = "images"):
    """What `probabilities_of` takes: the images or, where a run keeps them, their activations."""
    if not gan.views:
        return images
    return trunk_features.activations(gan.trunk, variables["trunk"], images, title=title)


def probabilities_of(
    gan: Classifier, variables: Variables, inputs: ImageSet | np.ndarray
) -> np.ndarray:
    """As `probabilities`, of `inputs_of`. Compiled once per network and size of images."""
    device = jax.local_devices()[0]
    size = CPU_BATCH if device.platform == "cpu" and not gan.views else trunk_features.GPU_BATCH
    needed = ("tail",) if gan.views else ("trunk", "tail")
    local = jax.device_put(jax.device_get({net: variables[net] for net in needed}), device)
    if gan.views:
        run = functools.partial(_from_activations, gan.tail, gan.config.precision)
    else:
        run = functools.partial(_from_images, gan.trunk, gan.tail)
    found = []
    for first in range(0, len(inputs), size):
        batch = np.asarray(inputs[first : first + size])
        filled = np.resize(batch, (size, *batch.shape[1:]))
        found.append(np.asarray(run(local, filled))[: len(batch)])
    return np.concatenate(found)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _from_activations(tail, precision, variables, activations):
    logits = tail.apply(*networks.at_precision(precision, variables["tail"], activations))
    return jax.nn.softmax(logits.astype(jnp.float32))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _from_images(trunk, tail, variables, images):
    activations = trunk.apply(variables["trunk"], images.astype(jnp.float32) * (2 / 255) - 1)
    return _from_activations(tail, trunk.precision, variables, activations)

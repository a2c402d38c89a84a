"""Image classifiers, trained by the same engine as the GANs.

Transfer learning as in the study of StyleGAN2-augmented melanoma recognition: a published network
whose first stages are frozen, the last ones trained, and a head of dropout and dense layers; Adam
on the cross entropy, its learning rate reduced on plateaus of the validation loss, training ended
when that no longer falls. Freezing is the engine's own: the one phase moves the net "tail" only.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from ml_collections import ConfigDict

from dermgan_jax import registry
from dermgan_jax.augment.classical import Amounts, augment
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pipeline import Feed
from dermgan_jax.models import classifier_networks, prediction, trunk_features
from dermgan_jax.models.contract import Aux, Classifier, Phase, Stage, Variables, bind

AUGMENTATIONS = ("none", "classical")
WATCHED = "loss"  # the validation metric that plateaus and stopping look at


class TransferClassifier(Classifier):
    """A frozen trunk and a trained tail; "extra" is what plateaus and stopping remember.

    Its values after an evaluation: "best", the least validation loss so far; "waited" and "stale",
    evaluations since it fell, and since it fell or the learning rate was reduced; "scale", of the
    learning rate.
    """

    bounds: ClassVar[Mapping[str, str]] = {
        "image_size": "[4, 8192]",
        "trained_stages": "[-1, 100]",
        "hidden": "[1, 65536]",
        "dropout": "[0, 1)",
        "label_smoothing": "[0, 1)",
        "classical.horizontal_flip": "[0, 1]",
        "classical.vertical_flip": "[0, 1]",
        "classical.rotation": "[0, 180]",
        "classical.brightness": "[0, 1]",
        "classical.contrast": "[0, 1]",
        "classical.saturation": "[0, 1]",
        "classical.hue": "[0, 0.5]",
        "views": "[0, 1000]",
        "view_seed": "[0, 4294967295]",
        "plateau_patience": "[0, 1e9]",
        "plateau_factor": "(0, 1]",
        "stop_patience": "[0, 1e9]",
    }

    @staticmethod
    def default_config() -> ConfigDict:
        amounts = Amounts()
        fields = {
            "network": "resnet50",  # see classifier_networks.ARCHITECTURES
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
                "model": fields,
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
        fields, data = self.config.model, self.data
        found = [*self.amounts.faults(), *self._label_faults()]

        def require(holds: bool, message: str) -> None:
            if not holds:
                found.append(message)

        require(
            data.height == data.width,
            f"classifiers take square images, not {data.height}x{data.width}",
        )
        require(
            fields.augment in AUGMENTATIONS,
            f"model.augment is {fields.augment!r}; expected one of {', '.join(AUGMENTATIONS)}",
        )
        require(
            all(isinstance(width, int) for width in fields.hidden),
            f"model.hidden is {tuple(fields.hidden)}; expected widths of layers, such as (512,)",
        )
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
        fields, known = self.config.model, tuple(classifier_networks.ARCHITECTURES)
        if fields.network not in known:
            hint = registry.did_you_mean(fields.network, known)
            return [f"model.network: unknown network {fields.network!r}{hint}"]
        architecture, found = classifier_networks.ARCHITECTURES[fields.network], []
        if not -1 <= fields.trained_stages <= architecture.num_stages:
            found.append(
                f"model.trained_stages is {fields.trained_stages}; {fields.network} has "
                f"{architecture.num_stages}, -1 trains all"
            )
        if fields.image_size % architecture.least_side:
            found.append(
                f"model.image_size is {fields.image_size}; {fields.network} takes multiples of its "
                f"patches of {architecture.least_side} pixels"
            )
        if fields.pretrained and architecture.from_torch is None:
            found.append(f"{fields.network} has no published weights: set model.pretrained=False")
        return found

    def _view_faults(self) -> list[str]:
        fields, data, found = self.config.model, self.config.data, []
        if fields.views > 1 and fields.augment == "none":
            found.append(
                f"model.views is {fields.views}, all of them alike with model.augment='none': set 1"
            )
        if (
            fields.views
            and fields.network in classifier_networks.ARCHITECTURES
            and not self.trunk.num_stages
        ):
            found.append("model.views keeps what frozen stages give out, and none is: set it to 0")
        if fields.views and (data.mirror or data.load_resolution not in (0, data.resolution)):
            found.append(
                "model.views are taken of whole images: set data.mirror=False and "
                "data.load_resolution=0; model.augment='classical' flips"
            )
        return found

    def _patience_faults(self) -> list[str]:
        fields, evaluation = self.config.model, self.config.eval
        if not (fields.plateau_patience or fields.stop_patience):
            return []
        found = []
        if WATCHED not in evaluation.metrics:
            found.append(
                f"model.plateau_patience and stop_patience need {WATCHED!r} in eval.metrics"
            )
        if not (evaluation.every_kimg or evaluation.every_epochs):
            found.append("model.plateau_patience and stop_patience need eval.every_epochs above 0")
        if evaluation.budget_fraction < 1:
            found.append(
                "model.plateau_patience and stop_patience need every evaluation: set "
                "eval.budget_fraction=1.0, so that none is left out to save time"
            )
        return found

    @property
    def amounts(self) -> Amounts:
        return Amounts(**self.config.model.classical)

    @property
    def trunk(self) -> classifier_networks.Trunk:
        fields = self.config.model
        frozen, _ = classifier_networks.cut(fields.network, fields.trained_stages)
        return classifier_networks.Trunk(
            fields.network, frozen, fields.image_size, self.config.precision
        )

    @property
    def tail(self) -> classifier_networks.Tail:
        fields = self.config.model
        _, backbone = classifier_networks.cut(fields.network, fields.trained_stages)
        return classifier_networks.Tail(
            backbone, tuple(fields.hidden), fields.dropout, self.data.num_classes
        )

    @property
    def views(self) -> tuple[trunk_features.AugmentedView, ...]:
        """Of every training image, where activations are kept; empty where they are not."""
        fields = self.config.model
        if fields.augment == "none":
            return (trunk_features.PLAIN,) * fields.views
        numbers = range(fields.views)
        return tuple(
            trunk_features.AugmentedView(self.amounts, n, fields.view_seed) for n in numbers
        )

    def init(self, rng: jax.Array) -> Variables:
        """Random variables; those that published ones replace (`pretrained`) are zeros."""
        trunk_rng, tail_rng = jax.random.split(rng)
        images = jnp.zeros((1, self.data.height, self.data.width, self.data.channels))
        abstract = jax.eval_shape(self.trunk.init, trunk_rng)
        if self.config.model.pretrained:
            trunk = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), abstract)
        else:
            trunk = self.trunk.init(trunk_rng)
        given = jax.eval_shape(self.trunk.apply, abstract, images)
        tail = self.tail.init(tail_rng, jnp.zeros(given.shape))
        return {"trunk": trunk, "tail": dict(tail)}

    @property
    def published_weights(self) -> tuple[str, ...]:
        """The network's, if the configuration says so."""
        return (self.config.model.network,) if self.config.model.pretrained else ()

    def pretrained(self, variables: Variables) -> Variables:
        """Published weights of the trunk and of the trained stages, if the configuration says so.

        Raises:
          UserError: if the file is not found, saying how to get it.
        """
        fields = self.config.model
        if not fields.pretrained:
            return variables
        whole = classifier_networks.published(fields.network)
        tail = {collection: dict(layers) for collection, layers in variables["tail"].items()}
        for collection, layers in tail.items():
            if "backbone" in layers:
                part = {collection: layers["backbone"]}
                layers["backbone"] = classifier_networks.fill(part, whole)[collection]
        return {"trunk": classifier_networks.fill(variables["trunk"], whole), "tail": tail}

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
        fields, loss = self.config.model, values.get(WATCHED, np.inf)
        fell = loss < extra["best"]
        waited = jnp.where(fell, 0, extra["waited"] + 1)
        stale = jnp.where(fell, 0, extra["stale"] + 1)
        reduce = (
            (stale >= fields.plateau_patience) if fields.plateau_patience else jnp.zeros((), bool)
        )
        return {
            "best": jnp.where(fell, np.float32(loss), extra["best"]),
            "waited": waited,
            "stale": jnp.where(reduce, 0, stale),
            "scale": jnp.where(reduce, fields.plateau_factor * extra["scale"], extra["scale"]),
        }

    def learning_rate_scale(self, extra: Any) -> jax.Array:
        return extra["scale"]

    def done(self, extra: Any) -> bool:
        patience = self.config.model.stop_patience
        return patience > 0 and int(extra["waited"]) >= patience

    def open_feed(self, catalogue: Catalogue, mesh: Mesh, variables: Variables) -> Feed:
        """Of images, or of what the trunk makes of them."""
        if not self.views:
            return super().open_feed(catalogue, mesh, variables)
        return trunk_features.TrunkFeed(
            self.config, catalogue, mesh, self.trunk, variables["trunk"], self.views
        )

    def fed(self, stage: Stage) -> dict[str, jax.ShapeDtypeStruct]:
        found = super().fed(stage)
        if self.views:
            variables = jax.eval_shape(self.init, jax.random.key(0))["trunk"]
            image = jax.ShapeDtypeStruct((1, *found["image"].shape), np.float32)
            kept = jax.eval_shape(self.trunk.apply, variables, image)
            found["image"] = jax.ShapeDtypeStruct(kept.shape[1:], np.float16)
        return found

    def phases(self) -> tuple[Phase, ...]:
        return (Phase("classify", ("tail",), self._loss),)

    def class_weights(self) -> np.ndarray:
        """Of the loss (K,): 1, or inverse class frequencies whose mean over the images is 1."""
        counts = np.asarray(self.data.class_counts, np.float32)
        if not self.config.model.class_weights:
            return np.ones_like(counts)
        present = counts > 0
        inverse = np.divide(counts.sum(), counts, out=np.zeros_like(counts), where=present)
        return inverse / present.sum()

    def _loss(self, trainable, frozen, batch, rng, context):
        """Cross entropy; "image" holds images, or activations of the trunk where these are kept."""
        del context
        fields = self.config.model
        augment_rng, dropout_rng = jax.random.split(rng)
        inputs = batch["image"]
        if not self.views:
            if fields.augment == "classical":
                inputs = augment(augment_rng, inputs, self.amounts)
            inputs = jax.lax.stop_gradient(self.trunk.apply(frozen["trunk"], inputs))
        variables = bind(trainable, frozen, "tail")
        logits, changed = self.tail.apply(
            *classifier_networks.at_precision(self.config.precision, variables, inputs),
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": dropout_rng},
        )
        logits, labels = logits.astype(jnp.float32), batch["label"]
        targets = optax.smooth_labels(
            jax.nn.one_hot(labels, self.data.num_classes), fields.label_smoothing
        )
        entropies = optax.softmax_cross_entropy(logits, targets)
        loss = jnp.mean(jnp.asarray(self.class_weights())[labels] * entropies)
        accuracy = jnp.mean((logits.argmax(-1) == labels).astype(jnp.float32))
        return loss, Aux({"accuracy": accuracy}, collections={"tail": changed})

    def inputs(
        self, variables: Variables, images: ImageSet, title: str = "images"
    ) -> ImageSet | np.ndarray:
        """The images or, where a run keeps them, their activations."""
        if not self.views:
            return images
        return trunk_features.activations(self.trunk, variables["trunk"], images, title=title)

    def probabilities(self, variables: Variables, inputs: ImageSet | np.ndarray) -> np.ndarray:
        if self.views:
            return prediction.of_activations(
                self.tail, self.config.precision, variables["tail"], inputs
            )
        nets = {net: variables[net] for net in ("trunk", "tail")}
        return prediction.of_images(self.trunk, self.tail, nets, inputs)

"""The contract of a model.

A model is one frozen dataclass of pure methods in one file of this package. The engine
(`dermgan_jax.train.step`) knows no model: it runs the phases, differentiates each with respect to
that phase's nets only, updates them, and moves the average of the weights.

There are three kinds: a `Sampler` makes images from noise, a `Translator` makes them from images,
a `Classifier` says what they show. What is measured and reported of a model follows from its kind.
"""

import abc
import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.data import pipeline
from dermgan_jax.data.catalogue import Catalogue
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.records import DataSpec

# net name -> {"params": ..., and further collections such as "batch_stats"}
Variables = dict[str, dict[str, Any]]
Batch = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Stage:
    """Where training stands in a model's own curriculum.

    Attributes:
      image_size: (height, width) of the batches that this stage consumes. Static.
      batch_size: images per minibatch over all devices. Static.
      learning_rates: net name -> learning rate. Traced.
      traced: further values the losses read, such as a fade-in alpha. Traced.
      moments: optimiser state starts anew whenever this changes. Compared on the host.
      phases: names of the phases that run in this stage; None: all of them. Static.
    """

    image_size: tuple[int, int]
    batch_size: int
    learning_rates: Mapping[str, float]
    traced: Mapping[str, float] = dataclasses.field(default_factory=dict)
    moments: Hashable = 0
    phases: tuple[str, ...] | None = None

    @property
    def static(self) -> Hashable:
        """What a compiled step depends on: there is one trace per value."""
        return (self.image_size, self.batch_size, self.phases)

    @property
    def size(self) -> str:
        """Height and width, as "64x64"."""
        return "x".join(str(side) for side in self.image_size)

    def __str__(self) -> str:
        return self.size if self.phases is None else f"{self.size} {'+'.join(self.phases)}"


class Context(NamedTuple):
    """What a loss may look at besides its nets and its batch.

    Attributes:
      image_size: (height, width) of the stage, static.
      traced: the stage's traced values as float32 scalars.
      images_seen: int32 scalar, real images shown before this iteration.
      handoff: what earlier phases of the same iteration passed on.
      extra: the model's own state (image pools, augmentation strength, running means).
    """

    image_size: tuple[int, int]
    traced: Mapping[str, jax.Array]
    images_seen: jax.Array
    handoff: Mapping[str, Any]
    extra: Any


class Aux(NamedTuple):
    """What a loss returns besides its value.

    Attributes:
      metrics: name -> float32 scalar, a mean over the global batch.
      collections: net name -> changed non-parameter collections, for instance batch statistics.
      handoff: values for later phases of the same iteration.
      extra: the model's own state after this phase; None leaves it as it was.
    """

    metrics: Mapping[str, jax.Array]
    collections: Mapping[str, Mapping[str, Any]] = {}
    handoff: Mapping[str, Any] = {}
    extra: Any = None


# loss(trainable, frozen, batch, rng, context) -> (scalar, Aux)
#   trainable: net name -> parameters, of the phase's own nets
#   frozen: Variables of every net, without the parameters in `trainable`
#   batch: "image" float32 (B, H, W, C) in [-1, 1] at the stage's size and "label" int32 (B,); with
#     `data.masks` also "mask" int32 (B, H, W), class indices; of two domains "a" and "b", both as
#     "image"
Loss = Callable[[Variables, Variables, Batch, jax.Array, Context], tuple[jax.Array, Aux]]


@dataclasses.dataclass(frozen=True)
class Phase:
    """One kind of update within a training iteration.

    Attributes:
      name: prefix of its metrics.
      trains: the nets whose parameters this phase moves.
      loss: see `Loss`.
      every: run in iterations whose number is a multiple of this (lazy regularisation).
      repeat: updates per iteration, each with a minibatch of its own (n_critic).
    """

    name: str
    trains: tuple[str, ...]
    loss: Loss
    every: int = 1
    repeat: int = 1


def bind(trainable: Variables, frozen: Variables, net: str) -> dict[str, Any]:
    """All variables of one net, wherever its parameters are, for `module.apply`."""
    variables = dict(frozen[net])
    if net in trainable:
        variables["params"] = trainable[net]
    return variables


@dataclasses.dataclass(frozen=True)
class Model(abc.ABC):
    """A family of models, configured. Instances are immutable and their methods pure.

    A family extends one of the kinds below.

    Attributes:
      config: the whole resolved configuration; a family's own fields are under `config.model`.
      data: facts about the training data.
    """

    config: FrozenConfigDict
    data: DataSpec

    # The registered kind: what draws and measures the model in training, and what reports it.
    kind: ClassVar[str]
    # Nets whose weights are averaged; the averages are what is used and evaluated.
    averaged: ClassVar[tuple[str, ...]] = ()
    # The registered kind of what `eval.metrics` names.
    metric_kind: ClassVar[str] = "metric"
    # Where the numbers of `default_config().model` lie, by field, as in `config_bounds`.
    bounds: ClassVar[Mapping[str, str]] = {}
    # Whether its losses look at the masks of images.
    uses_masks: ClassVar[bool] = False

    @staticmethod
    @abc.abstractmethod
    def default_config() -> ConfigDict:
        """The family's fields: "model" (architecture, losses, curriculum) and "optimizers" by net.

        Other groups of the schema may be given other defaults.
        """

    @abc.abstractmethod
    def init(self, rng: jax.Array) -> Variables:
        """Initial variables of every net."""

    @abc.abstractmethod
    def phases(self) -> tuple[Phase, ...]:
        """The updates of one iteration, in order."""

    def phases_in(self, stage: Stage) -> tuple[Phase, ...]:
        """Those that run in a stage, in order."""
        return tuple(
            phase for phase in self.phases() if stage.phases is None or phase.name in stage.phases
        )

    def iteration_images(self, stage: Stage) -> int:
        """Real images that one iteration of a stage consumes."""
        return stage.batch_size * max(phase.repeat for phase in self.phases_in(stage))

    def init_extra(self, rng: jax.Array) -> Any:
        """The model's own part of the training state (image pools, augmentation strength)."""
        del rng
        return {}

    @property
    def published_weights(self) -> tuple[str, ...]:
        """Weights that a new run starts from, by the names of `features.published_weights`."""
        return ()

    def pretrained(self, variables: Variables) -> Variables:
        """Initial variables with published weights in place of some; read on the host, once."""
        return variables

    def open_feed(self, catalogue: Catalogue, mesh: Mesh, variables: Variables) -> pipeline.Feed:
        """What the phases are fed; by default the images of `data.split`."""
        del variables
        return pipeline.open_feed(self.config, catalogue, mesh)

    def fed(self, stage: Stage) -> dict[str, jax.ShapeDtypeStruct]:
        """One image's part of each array of the batches that `open_feed` gives."""
        side = self.config.data.load_resolution
        size = (side, side) if side else stage.image_size
        image = jax.ShapeDtypeStruct((*size, self.data.channels), np.uint8)
        if self.data.domain_counts:
            return {"a": image, "b": image}
        found = {"image": image, "label": jax.ShapeDtypeStruct((), np.int32)}
        if self.data.mask_classes:
            found["mask"] = jax.ShapeDtypeStruct((*size, 1), np.uint8)
        return found

    def observe(self, extra: Any, values: Mapping[str, float]) -> Any:
        """The model's own state after an evaluation during training; unchanged unless overridden.

        Args:
          extra: before it.
          values: key of a measurement -> its value, finite.
        """
        del values
        return extra

    def learning_rate_scale(self, extra: Any) -> jax.Array | float:
        """What the learning rates of all nets are multiplied by."""
        del extra
        return 1.0

    def done(self, extra: Any) -> bool:
        """Whether training ends here, before all images are shown; asked after `observe`."""
        del extra
        return False

    def adam(self, net: str) -> Mapping[str, float]:
        """The decay rates "b1", "b2" and "eps" of one net's Adam."""
        return self.config.optimizers[net]

    def stage(self, images_seen: int) -> Stage:
        """The stage after `images_seen` real images. Constant unless overridden."""
        del images_seen
        return Stage(
            image_size=(self.data.height, self.data.width),
            batch_size=self.config.train.batch_size,
            learning_rates={
                net: self.config.optimizers[net].learning_rate for net in self.config.optimizers
            },
        )

    def faults(self) -> list[str]:
        """Why this configuration and data do not go together; empty if they do."""
        return []


@dataclasses.dataclass(frozen=True)
class Sampler(Model):
    """A model that makes images from noise."""

    kind: ClassVar[str] = "sampler"
    averaged: ClassVar[tuple[str, ...]] = ("g",)

    @abc.abstractmethod
    def latents(self, rng: jax.Array, num: int) -> jax.Array:
        """Latents (num, D), float32."""

    @abc.abstractmethod
    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        """Images (N, H, W, C), float32 in about [-1, 1], from latents (N, D) and labels int32 (N,).

        `labels` are ignored by unconditional models. The result has the full size whatever the
        stage. Only `stage.image_size` and `stage.traced` are read.
        """

    def score(self, variables: Variables, images: jax.Array, stage: Stage) -> jax.Array:
        """Realism (N,) of full-size images (N, H, W, C) in [-1, 1] as the discriminator sees it."""
        raise TypeError(f"{type(self).__name__} has no discriminator score")

    @property
    def conditional(self) -> bool:
        """Whether labels change what is sampled."""
        return False

    def one_hot(self, labels: jax.Array) -> jax.Array | None:
        """(N, L) of labels int32 (N,); None if the model is unconditional."""
        return jax.nn.one_hot(labels, self.data.num_classes) if self.conditional else None

    def random_labels(self, rng: jax.Array, num: int) -> jax.Array:
        """Labels int32 (num,) with the class frequencies of the data; zeros if unconditional."""
        if not self.conditional:
            return jnp.zeros(num, jnp.int32)
        frequencies = jnp.array(self.data.class_counts, jnp.float32)
        return jax.random.categorical(rng, jnp.log(frequencies), shape=(num,))

    def label_faults(self) -> list[str]:
        """A fault if labels are to change what is sampled and training images have none."""
        if not self.conditional:
            return []
        if self.data.num_classes:
            return unlabelled_faults(self.data)
        return [
            "model.conditional is set but the data have no classes: set it to False or use "
            "labelled data"
        ]


def unlabelled_faults(data: DataSpec) -> list[str]:
    """A fault if training images are of no class, from which nothing conditional can learn."""
    unlabelled = data.num_examples - sum(data.class_counts)
    if unlabelled <= 0:
        return []
    return [
        f"{unlabelled} of {data.num_examples} training images have no class: leave them out (name "
        "the classes in data.classes), or set model.conditional=False"
    ]


@dataclasses.dataclass(frozen=True)
class StyleSampler(Sampler):
    """A sampler that maps latents to styles, one per layer, and makes images of these."""

    @abc.abstractmethod
    def styles(self, variables: Variables, latents: jax.Array, labels: jax.Array) -> jax.Array:
        """Styles w (N, layers, D) of latents (N, L) and labels int32 (N,), not truncated."""

    @abc.abstractmethod
    def mean_style(self, variables: Variables) -> jax.Array:
        """The average style (D,), towards which truncation draws."""

    @abc.abstractmethod
    def synthesize(
        self, variables: Variables, styles: jax.Array, noise: str | jax.Array = "const"
    ) -> jax.Array:
        """Full-size images (N, H, W, C), float32 in about [-1, 1].

        Args:
          variables: of every net.
          styles: (N, layers, D).
          noise: "const", the same for every image, "none", or a key for random noise.
        """

    def truncate(
        self,
        variables: Variables,
        styles: jax.Array,
        truncation: jax.Array | float,
        cutoff: int | None = None,
    ) -> jax.Array:
        """Styles drawn towards the average one: all the way at 0, not at all at 1.

        Args:
          variables: of every net.
          styles: (N, layers, D).
          truncation: how far.
          cutoff: only the first so many layers; None: all.
        """
        mean = self.mean_style(variables)
        truncated = mean + truncation * (styles - mean)
        if cutoff is None:
            return truncated
        return jnp.where(jnp.arange(styles.shape[1])[:, None] < cutoff, truncated, styles)

    def sample(
        self, variables: Variables, latents: jax.Array, labels: jax.Array, stage: Stage
    ) -> jax.Array:
        del stage
        return self.synthesize(variables, self.styles(variables, latents, labels))


@dataclasses.dataclass(frozen=True)
class Translator(Model):
    """A model that makes images of one domain from images of another."""

    kind: ClassVar[str] = "translator"
    directions: ClassVar[tuple[str, ...]] = ("AtoB",)

    @abc.abstractmethod
    def translate(self, variables: Variables, images: jax.Array, direction: str) -> jax.Array:
        """Images of the other domain, as at test time: nothing about it is random.

        Args:
          variables: of every net.
          images: (N, H, W, C), float32 in [-1, 1]; H and W multiples of `multiple`, not below
            `smallest`.
          direction: one of `directions`.

        Returns:
          (N, H, W, C), float32 in [-1, 1].
        """

    @property
    @abc.abstractmethod
    def multiple(self) -> int:
        """What the sides of an image have to be multiples of."""

    @property
    def smallest(self) -> int:
        """The shortest side that can be translated, in pixels."""
        return self.multiple


@dataclasses.dataclass(frozen=True)
class Classifier(Model):
    """A model that says which class an image shows."""

    kind: ClassVar[str] = "classifier"
    metric_kind: ClassVar[str] = "classifier_metric"

    @abc.abstractmethod
    def inputs(
        self, variables: Variables, images: ImageSet, title: str = "images"
    ) -> ImageSet | np.ndarray:
        """What `probabilities` takes: the images, or what a run keeps of them on disk.

        Args:
          variables: of every net.
          images: uint8 (N, H, W, C).
          title: what the images are, for the bar of what takes long.
        """

    @abc.abstractmethod
    def probabilities(self, variables: Variables, inputs: ImageSet | np.ndarray) -> np.ndarray:
        """Probabilities float32 (N, K) of the classes, as at test time: nothing is random.

        Args:
          variables: of every net, on any devices.
          inputs: of `inputs`, N of them, read a batch at a time.
        """

"""What a synthetic image is scored by, so that the better ones can be kept."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax import Array

from dermgan_jax import registry
from dermgan_jax.data.image_sets import ImageSet
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.features.feature_spaces import FeatureSpace, open_space
from dermgan_jax.files import Path
from dermgan_jax.metrics import precision_recall
from dermgan_jax.metrics.feature_arrays import check_one
from dermgan_jax.models.contract import Sampler, Stage, Variables
from dermgan_jax.progress_bar import progress_bar
from dermgan_jax.runs.restore import Restored
from dermgan_jax.runs.training_data import RealImages, TrainingData
from dermgan_jax.synthesis import linear_probe

RULES = DISCRIMINATOR, REALISM, CONFIDENCE = registry.names("quality rule")
BATCH = 32  # images that the discriminator sees together
ROUNDS = 4  # companies in which it judges each image
K = 3  # neighbours that a real image's radius reaches to


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule of quality.

    Attributes:
      protocol: what scores are comparable by.
      score: images uint8 (N, H, W, C) and the names of their classes ("" if unknown) -> float (N,),
        larger for better images.
      details: how the rule came about, as JSON values.
    """

    protocol: str
    score: Callable[[ImageSet, Sequence[str]], np.ndarray]
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Judging:
    """What a rule may look at.

    Attributes:
      restored: the model that made the images.
      workdir: its work directory.
      features: of `registry.names("feature space")`, for realism and confidence.
      weights: folder where pretrained weights are looked for first.
    """

    restored: Restored
    workdir: Path
    features: str = "lite0"
    weights: Path | None = None

    def space(self) -> FeatureSpace:
        """The feature space, opened."""
        return open_space(self.features, self.weights)


def discriminator(judging: Judging) -> Rule:
    """The model's own discriminator: the filter of the StyleGAN2 melanoma study.

    Some discriminators compare the images of a batch with each other. The score of an image is
    therefore its mean over several batches, each put together at random.

    Raises:
      UserError: if the model has none.
    """
    restored, model = judging.restored, judging.restored.model
    if type(model).score is Sampler.score or "d" in restored.untrained:
        raise UserError(
            f"{judging.workdir} has no trained discriminator: use --rule=realism or "
            "--rule=confidence"
        )

    def score(images: ImageSet, class_names: Sequence[str]) -> np.ndarray:
        del class_names
        rounds = [_judge(restored, images, seed=0)]
        for seed in range(1, ROUNDS):
            rounds.append(_judge(restored, images, seed))
            if np.allclose(rounds[-1], rounds[-2], rtol=1e-4, atol=1e-4):
                break  # its company does not matter to an image
        return np.mean(rounds, axis=0)

    return Rule(f"{DISCRIMINATOR}:{model.config.model.name}", score)


def _judge(restored: Restored, images: ImageSet, seed: int) -> np.ndarray:
    """Scores (N,). The images are put into batches at random."""
    order = np.random.default_rng(seed).permutation(len(images))
    filled = np.resize(order, -(-len(order) // BATCH) * BATCH)
    stage = restored.stage
    traced = {name: np.float32(value) for name, value in stage.traced.items()}
    scores = np.empty(len(images))
    with progress_bar(len(filled), "scoring") as bar:
        for first in range(0, len(filled), BATCH):
            rows = filled[first : first + BATCH]
            found = _score(
                restored.model, restored.variables, images[rows], traced, stage.image_size
            )
            scores[rows] = np.asarray(found, np.float64)
            bar.update(BATCH)
    return scores


@functools.partial(jax.jit, static_argnames=("model", "image_size"))
def _score(
    model: Sampler,
    variables: Variables,
    images: Array,
    traced: Mapping[str, Array],
    image_size: tuple[int, int],
) -> Array:
    stage = Stage(image_size, len(images), {}, traced)
    return model.score(variables, to_signed(images), stage)


def realism(judging: Judging) -> Rule:
    """The realism score of Kynkäänniemi et al. (2019), by the images the model learned from."""
    data, space = TrainingData(judging.workdir), judging.space()
    real = space.features(data.learned_from().images, "training images", keep=True)

    def score(images: ImageSet, class_names: Sequence[str]) -> np.ndarray:
        del class_names
        return realism_scores(real, space.features(images, "scored images"))

    details = {"num_real": len(real), "inside": "scores of 1 and more lie among the real images"}
    return Rule(f"{REALISM}:k{K}:{space.protocol}", score, details)


def realism_scores(real: np.ndarray, fake: np.ndarray, k: int = K) -> np.ndarray:
    """R(g) = max over real r of |r - NN_k(r)| / |g - r| (equation 3), float (n_fake,).

    A copy of a real image has an enormous score; finding copies is what the audit is for.

    Args:
      real, fake: features (n_real, d) and (n_fake, d).
      k: which neighbour.

    Raises:
      UserError: if there are not more than k real images, or a feature is not finite.
    """
    check_one("realism", real, side="real", at_least=k + 1)
    check_one("realism", fake, side="synthetic", at_least=1)
    return np.sqrt(precision_recall.realism(real, fake, k, pruned=True)[0])


def confidence(judging: Judging) -> Rule:
    """How sure a classifier of real images is that an image shows its intended class.

    The classifier is a linear probe. It is fitted on the training split, with all classes of the
    data set, and its penalty is chosen on the validation split. An image without a class gets the
    probability of its likeliest class, among those that the model learned from.

    This rule finds images of the wrong class. It does not find bad pictures: a classifier may be
    very sure of an image that nobody would take for real.

    Raises:
      UserError: if there are fewer than two classes, or no validation images.
    """
    space, data = judging.space(), TrainingData(judging.workdir, all_classes=True)
    known = data.catalogue.classes
    if len(known) < 2:
        raise UserError(
            f"--rule=confidence tells classes apart, and the data of {data.workdir} have "
            f"{len(known)}: use --rule=discriminator or realism"
        )
    train, val = (
        _labelled(real, space)
        for real in (data.learned_from(), data.validation("--rule=confidence"))
    )
    if len(np.unique(train[1])) < 2 or not len(val[1]):
        raise UserError(
            "--rule=confidence needs labelled training images of two classes, and labelled "
            f"validation images: the data of {data.workdir} lack them"
        )
    probe = linear_probe.fit(train, val, len(known))
    of_model = tuple(judging.restored.model.config.data.classes) or known
    learned = [known.index(name) for name in of_model]

    def score(images: ImageSet, class_names: Sequence[str]) -> np.ndarray:
        shares = probe.probabilities(space.features(images, "scored images"))
        return np.array(
            [
                row[known.index(name)] if name in known else row[learned].max()
                for row, name in zip(shares, class_names, strict=True)
            ]
        )

    details = {
        "classes": list(known),
        "penalty": probe.penalty,
        "validation_loss": probe.loss,
        "validation_balanced_accuracy": _balanced_accuracy(probe.probabilities(val[0]), val[1]),
    }
    return Rule(f"{CONFIDENCE}:linear_probe:{space.protocol}", score, details)


def _labelled(real: RealImages, space: FeatureSpace) -> tuple[np.ndarray, np.ndarray]:
    features = space.features(real.images, "real images", keep=True)
    labelled = real.labels >= 0
    return features[labelled], real.labels[labelled]


def _balanced_accuracy(shares: np.ndarray, labels: np.ndarray) -> float:
    right = shares.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))

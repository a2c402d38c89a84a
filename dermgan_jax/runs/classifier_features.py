"""Distances in the features of a classifier that a user has trained on images of the same kind.

FID's network, and that of Projected GAN's discriminators, learned from ImageNet, which flatters
Projected GAN (Kynkäänniemi et al., 2023, arXiv:2203.06026). A classifier that learned from nothing
but images of the same disease knows nothing of ImageNet.
"""

import jax

from dermgan_jax import files
from dermgan_jax.data.pixel_range import to_signed
from dermgan_jax.errors import UserError
from dermgan_jax.features.extractor import Extractor, Features, Variables, batched
from dermgan_jax.features.feature_spaces import RegisteredSpace
from dermgan_jax.files import Path
from dermgan_jax.metrics import frechet, kid
from dermgan_jax.metrics.named_metrics import Metric, of_features
from dermgan_jax.models.classifier_networks import at_precision
from dermgan_jax.runs.restore import BEST, Restored
from dermgan_jax.runs.restored_classifier import restore_classifier

LAYER = "before the logits"


def space(run: str) -> RegisteredSpace:
    """The features of the best checkpoint of a classifier, as a feature space "workdir:RUN".

    Args:
      run: its work directory, with a colon and a checkpoint ("latest", "best" or a step) behind it
        if that is not to be the best.

    Loading raises:
      UserError: if there is no such checkpoint, it is of no classifier, or it has learned nothing
        of its own.
    """
    workdir, _, checkpoint = run.rpartition(":")
    if not workdir or "/" in checkpoint:
        workdir, checkpoint = run, BEST

    def load(folder: Path | None) -> Extractor:
        del folder
        return _extractor(_own(files.to_path(workdir), checkpoint))

    return RegisteredSpace(load, LAYER)


def metrics(workdir: Path) -> dict[str, Metric]:
    """ "fd_classifier", as FID, and "kd_classifier", as KID, by name.

    Args:
      workdir: of a classifier with at least one checkpoint; its best is taken.

    Raises:
      UserError: see `space`.
    """
    registered = space(str(workdir))
    extractor = registered.load(None)
    return {
        name: Metric((name,), of_features(compute), lambda folder: extractor, LAYER, {theirs: name})
        for name, compute, theirs in (
            ("fd_classifier", frechet.compute, "frechet"),
            ("kd_classifier", kid.compute, "kid"),
        )
    }


def _own(workdir: Path, checkpoint: str) -> Restored:
    classifier = restore_classifier(workdir, checkpoint)
    fields = classifier.model.config.model
    if fields.pretrained and fields.trained_stages == 0 and not fields.hidden:
        raise UserError(
            f"{workdir} holds a classifier whose features are {fields.network}'s own: train some "
            "of its stages (model.trained_stages)"
        )
    return classifier


def _extractor(classifier: Restored) -> Extractor:
    model, nets = classifier.model, classifier.variables
    trunk, tail = model.trunk, model.tail.clone(head=False)

    def network(variables: Variables, images: jax.Array) -> Features:
        activations = trunk.apply(variables["trunk"], images)
        own = at_precision(model.config.precision, variables["tail"], activations)
        return {LAYER: tail.apply(*own).astype("float32").reshape(len(images), -1)}

    variables = jax.device_get({net: nets[net] for net in ("trunk", "tail")})
    shape = (1, model.data.height, model.data.width, 3)
    found = jax.eval_shape(network, variables, jax.ShapeDtypeStruct(shape, "float32"))
    return Extractor(
        name=f"classifier:{classifier.run}",
        weights_id=str(classifier.step),
        dim=found[LAYER].shape[-1],
        extract=batched(to_signed, network, variables),
    )

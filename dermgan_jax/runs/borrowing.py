"""Makes a trained sampler the generator of a detector, from the folder of its run."""

from ml_collections import ConfigDict

from dermgan_jax import files, registry
from dermgan_jax.errors import UserError
from dermgan_jax.models import borrowed_sampler
from dermgan_jax.models.contract import Sampler
from dermgan_jax.runs.restore import checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir

SHARED = ("dataset", "dir", "csv", "resolution", "fit", "channels", "classes", "normal", "mirror")
SPLIT = ("split", "split_fractions", "split_seed", "split_by", "groups", "num_images")


def is_run(text: str) -> bool:
    """Whether a variant of a configuration names the folder of a run."""
    return bool(text) and WorkDir(files.to_path(text)).exists


def borrow_sampler(config: ConfigDict, workdir: str) -> None:
    """Sets whatever it takes to train the encoder alone, on the images that the sampler learned.

    The sampler's classes become the normal ones; validation and test images are of every class.

    Args:
      config: of an f-AnoGAN, whose data and model are changed.
      workdir: of a run of a sampler with at least one checkpoint.

    Raises:
      UserError: if it has no checkpoint, or its model is no sampler.
    """
    path = files.to_path(workdir)
    theirs = WorkDir(path).read_config()
    family = theirs.model.name
    if not issubclass(registry.load("model", family), Sampler):
        raise UserError(f"{workdir} holds a {family}, which draws nothing from noise")
    facts = checkpoint_facts(path)[1]
    for key in (*SHARED, *SPLIT):
        config.data[key] = theirs.data[key]
    config.data.normal = tuple(theirs.data.normal) or tuple(theirs.data.classes)
    config.data.classes = () if not theirs.data.normal else tuple(theirs.data.classes)
    config.model.update({"sampler": borrowed_sampler.as_text(theirs, facts["data_spec"])})
    config.model.update({"kappa": 0.0, "gan_kimg": 0.0})
    config.train.init_from = workdir
    config.title = f"Encoder of a {family} as f-AnoGAN"

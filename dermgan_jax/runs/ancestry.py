"""What the networks of a run learned from before it began (`train.init_from`)."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from dermgan_jax import stored_json
from dermgan_jax.data.splits import TRAIN
from dermgan_jax.errors import UserError
from dermgan_jax.files import Path
from dermgan_jax.runs import provenance
from dermgan_jax.runs.restore import LATEST, checkpoint_facts
from dermgan_jax.runs.workdir import WorkDir

# In place of a split: runs that began from others did not always write down which.
_UNTOLD = "untold"


@dataclasses.dataclass(frozen=True)
class Ancestor:
    """A run whose networks another one began with.

    Attributes:
      workdir: as it was named then.
      split_hash: of its data set's split, or what stands in its place if that is not known.
      dataset, split, classes: the images it learned from; empty if they are not known.
    """

    workdir: str
    split_hash: str
    dataset: str = ""
    split: str = ""
    classes: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it is known what it learned from."""
        return self.split_hash not in (provenance.IMPORTED, _UNTOLD)

    @property
    def images(self) -> str:
        """The images it learned from, in words."""
        if not self.is_known:
            return "images that are not known"
        return f"{self.dataset}:{self.split} ({', '.join(self.classes)})"

    def may_have_seen_held_out(self, split_hash: str) -> bool:
        """Whether images that this split holds out may be among those it learned from."""
        return self.split_hash != split_hash or self.split != TRAIN


class _Told(TypedDict):
    init_from: NotRequired[str]
    ancestors: NotRequired[list[Ancestor]]


def lineage(workdir: Path, checkpoint: str = LATEST) -> tuple[Ancestor, ...]:
    """What a run is to one that begins with its networks: itself, then its own ancestors."""
    config = WorkDir(workdir).read_config()
    _, facts = checkpoint_facts(workdir, checkpoint)
    own = Ancestor(str(workdir), facts["split_hash"])
    if own.is_known:
        classes = tuple(config.data.normal) or tuple(facts["classes"])
        own = Ancestor(own.workdir, own.split_hash, config.data.dataset, config.data.split, classes)
    return (own, *ancestors(workdir))


def ancestors(workdir: Path) -> tuple[Ancestor, ...]:
    """Those of a run, the nearest first.

    Raises:
      UserError: if the file that names them is damaged.
    """
    file = WorkDir(workdir).init_from
    if not stored_json.is_there(file):
        return ()
    told = stored_json.read(file, _Told, "put the file of that run's training back")
    if "ancestors" in told:
        return tuple(told["ancestors"])
    if "init_from" in told:
        return (Ancestor(told["init_from"], _UNTOLD),)
    raise UserError(
        f"{file} is damaged (it names no run): put the file of that run's training back"
    )


def to_json(found: Sequence[Ancestor]) -> list[dict[str, Any]]:
    """What `ancestors` reads."""
    return [dataclasses.asdict(each) for each in found]


def beyond_own_images(workdir: Path) -> tuple[Ancestor, ...]:
    """Ancestors of a run that learned, or may have, from images which it did not learn from."""
    found = ancestors(workdir)
    if not found:
        return ()
    own = lineage(workdir)[0]
    return tuple(
        each
        for each in found
        if (each.split_hash, each.split) != (own.split_hash, own.split)
        or not set(each.classes) <= set(own.classes)
    )

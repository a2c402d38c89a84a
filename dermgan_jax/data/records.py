"""What a data set is to the rest of the program: records, classes, and a way to read images."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from dermgan_jax.files import Path

UNLABELLED = -1
# Whether it is known which images belong together: as the data say, as `found_groups` did, or not.
GIVEN, FOUND, UNKNOWN = "given", "found", "unknown"


@dataclasses.dataclass(frozen=True)
class Record:
    """One image.

    Attributes:
      id: unique within the data set.
      label: index into `Dataset.classes`, or `UNLABELLED`.
      group: lesion, patient or case; records of one group never cross splits.
      image: the file, or None where images are drawn rather than stored.
      mask: lesion segmentation file, if there is one.
      further_masks: more of them. A pixel is lesion if any file marks it; of several classes
        (`data.mask_values`) what a later file marks lies over earlier ones.
      split: the split the publisher assigned ("train", "val", "test"), or None.
      subgroups: columns that results are broken down by, such as age, sex, localization.
      domain: what kind of picture it is, such as "clinical"; "" where a data set has one kind.
      pair: records of different domains with the same pair, unless "", show the same thing.
      synthetic: the image was made by a model.
    """

    id: str
    label: int
    group: str
    image: Path | None = None
    mask: Path | None = None
    split: str | None = None
    subgroups: Mapping[str, str] = dataclasses.field(default_factory=dict)
    domain: str = ""
    pair: str = ""
    synthetic: bool = False
    further_masks: tuple[Path, ...] = ()

    @property
    def masks(self) -> tuple[Path, ...]:
        """All mask files."""
        return () if self.mask is None else (self.mask, *self.further_masks)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A listed data set. Listing reads tables and file names, never pixels.

    Attributes:
      name: as registered.
      classes: class names; `Record.label` indexes them.
      records: in a deterministic order.
      read: record -> uint8 (H, W, C), any H and W, C as the data configuration asks.
      read_mask: record -> bool (H, W), or None where the record has no mask.
      licence: one line for reports.
      group_noun: what `Record.group` is, in the singular: lesion, patient, case.
      grouping: `GIVEN`, `FOUND` or `UNKNOWN`.
      group_table: the table of the groups that were found, or None.
      synthetic: True where the images are drawn by a program and must be labelled as such; masks
        are drawn with them.
      source_version: changes whenever `read` would return other pixels without a file changing.
      found_bit_depth: of 16-bit files, see `set_reader.SetReader.found_bit_depth`.
    """

    name: str
    classes: tuple[str, ...]
    records: tuple[Record, ...]
    read: Callable[[Record], np.ndarray]
    read_mask: Callable[[Record], np.ndarray | None]
    licence: str
    group_noun: str = "group"
    grouping: str = GIVEN
    group_table: Path | None = None
    synthetic: bool = False
    source_version: str = ""
    found_bit_depth: Callable[[], int] = lambda: 0

    def has_mask(self, record: Record) -> bool:
        """Whether `read_mask` will give one; nothing is read."""
        return record.mask is not None or (self.synthetic and not record.synthetic)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Static facts about prepared data that networks and losses depend on. Hashable.

    Attributes:
      height, width, channels: of the images that networks are fed.
      class_counts: images per class in the training split; empty if unlabelled.
      num_examples: images in the training split; of two domains the larger one counts, of paired
        ones the pairs.
      domain_counts: images in the training split of domains A and B; empty if there is one domain.
      mask_classes: classes that a pixel may have in masks; 0 if batches carry none.
    """

    height: int
    width: int
    channels: int
    class_counts: tuple[int, ...]
    num_examples: int
    domain_counts: tuple[int, ...] = ()
    mask_classes: int = 0

    @property
    def num_classes(self) -> int:
        return len(self.class_counts)


def load_resolution(data_config: ConfigDict | FrozenConfigDict) -> int:
    """Side in pixels of the squares that images are prepared as; training may crop them."""
    return data_config.load_resolution or data_config.resolution

"""The data sets of this package for users of TensorFlow Datasets.

  import tensorflow_datasets as tfds
  import dermgan_jax.data.tfds_builder  # registers "dermgan"
  place = tfds.download.DownloadConfig(manual_dir="…/HAM10000")
  tfds.load("dermgan/ham10000", split="train",
            download_and_prepare_kwargs={"download_config": place})

There is one configuration per registered data set, such as dermgan/phantom or dermgan/derm7pt.
Listing, decoding and splits are those of the rest of the program; images keep their size. Pictures
of several kinds are told apart by `domain`, and those of equal `pair` show the same thing. For
other settings pass a `Config` with a name of your own as `config` in `builder_kwargs`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from dermgan_jax import registry
from dermgan_jax.data.catalogue import Catalogue, catalogue
from dermgan_jax.data.datasets import chest_xray, derm7pt, ham10000
from dermgan_jax.data.splits import SPLITS


@dataclasses.dataclass(kw_only=True)
class Config(tfds.core.BuilderConfig):
    """A registered data set and the fields of `config.data` that bear on it.

    Attributes:
      dataset: as registered.
      channels: 3, or 1 for images that are grey as published.
      classes: names for integer labels; empty leaves labels as text.
      resolution: of the phantoms.
      paired: image_folders: images of equal name are partners.
      group_pattern: image_folder, image_folders: finds the patient in paths.
      bit_depth: of 16-bit files, 0: found from the set.
      frame: of files that hold several images.
    """

    dataset: str
    classes: tuple[str, ...] = ()
    csv: str = ""
    channels: int = 3
    paired: bool = False
    group_pattern: str = ""
    bit_depth: int = 0
    frame: str = ""
    resolution: int = 256
    num_images: int = 0
    split_fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_seed: int = 0


CLASSES = {
    "phantom": ham10000.CLASSES,
    "phantom_pairs": ham10000.CLASSES,
    "ham10000": ham10000.CLASSES,
    "isic2018": ham10000.CLASSES,
    "derm7pt": derm7pt.CLASSES,
    "chest_xray": chest_xray.CLASSES,
}


class Dermgan(tfds.core.GeneratorBasedBuilder):
    """Medical images with diagnoses, groups (lesions, cases or patients), pairs and masks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Unpack the original download and give its folder as manual_dir; the modules in "
        "dermgan_jax/data/datasets/ describe the layouts. The phantoms need none."
    )
    BUILDER_CONFIGS: ClassVar[list[Config]] = [
        Config(
            name=name,
            dataset=name,
            channels=1 if name == "chest_xray" else 3,
            classes=CLASSES.get(name, ()),
        )
        for name in registry.names("dataset")
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        classes, channels = self.builder_config.classes, self.builder_config.channels
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(
                        shape=(None, None, channels), encoding_format="png"
                    ),
                    "label": tfds.features.ClassLabel(names=classes)
                    if classes
                    else tfds.features.Text(),
                    "id": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "domain": tfds.features.Text(),
                    "pair": tfds.features.Text(),
                    "has_mask": np.bool_,
                    "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        settings = self.builder_config
        listed = catalogue(
            ConfigDict(
                {
                    "dataset": settings.dataset,
                    "dir": ""
                    if settings.dataset in registry.DRAWN_DATASETS
                    else str(dl_manager.manual_dir),
                    "csv": settings.csv,
                    "group_pattern": settings.group_pattern,
                    "groups": "given",
                    "bit_depth": settings.bit_depth,
                    "frame": settings.frame,
                    "resolution": settings.resolution,
                    "load_resolution": 0,
                    "channels": settings.channels,
                    "classes": (),
                    "split_by": "group",
                    "synthetic": "",
                    "normal": (),
                    "half": "",
                    "domain_a": (),
                    "domain_b": (),
                    "paired": settings.paired,
                    "num_images": settings.num_images,
                    "split_fractions": settings.split_fractions,
                    "split_seed": settings.split_seed,
                }
            )
        )
        return {
            split: self._generate_examples(listed, split)
            for split in SPLITS
            if len(listed.indices(split))
        }

    def _generate_examples(
        self, listed: Catalogue, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for index in listed.indices(split):
            record, label = listed.records[index], listed.labels[index]
            image, mask = listed.dataset.read(record), listed.dataset.read_mask(record)
            shown = np.zeros(image.shape[:2], bool) if mask is None else mask
            yield (
                record.id,
                {
                    "image": image,
                    "label": listed.classes[label] if label >= 0 else self._unlabelled,
                    "id": record.id,
                    "group": record.group,
                    "domain": record.domain,
                    "pair": record.pair,
                    "has_mask": mask is not None,
                    "mask": shown[..., None].astype(np.uint8) * 255,
                },
            )

    @property
    def _unlabelled(self) -> int | str:
        return -1 if self.builder_config.classes else ""

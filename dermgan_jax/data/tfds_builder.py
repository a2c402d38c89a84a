"""The data sets of this package for users of TensorFlow Datasets.

  import tensorflow_datasets as tfds
  import dermgan_jax.data.tfds_builder  # registers "dermgan"
  place = tfds.download.DownloadConfig(manual_dir="…/HAM10000")
  tfds.load("dermgan/ham10000", split="train",
            download_and_prepare_kwargs={"download_config": place})

There is one configuration per registered data set: dermgan/phantom, dermgan/image_folder,
dermgan/ham10000 and dermgan/isic2018. Listing, decoding and splits are those of the rest of the
program; images keep their size. For other settings pass a `Config` with a name of your own as
`config` in `builder_kwargs`.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from dermgan_jax import registry
from dermgan_jax.data.datasets.ham10000 import CLASSES
from dermgan_jax.data.prepare import Catalogue, catalogue
from dermgan_jax.data.splits import SPLITS


@dataclasses.dataclass(kw_only=True)
class Config(tfds.core.BuilderConfig):
    """A registered data set and the fields of `config.data` that bear on it.

    Attributes:
      dataset: as registered.
      classes: names for integer labels; empty leaves labels as text.
    """

    dataset: str
    classes: tuple[str, ...] = ()
    csv: str = ""
    resolution: int = 256  # of the phantom
    num_images: int = 0
    split_fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    split_seed: int = 0


class Dermgan(tfds.core.GeneratorBasedBuilder):
    """Dermatology images with diagnoses, lesion groups and masks."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Unpack the original download and give its folder as manual_dir; the modules in "
        "dermgan_jax/data/datasets/ describe the layouts. dermgan/phantom needs none."
    )
    BUILDER_CONFIGS: ClassVar[list[Config]] = [
        Config(name=name, dataset=name, classes=() if name == "image_folder" else CLASSES)
        for name in registry.names("dataset")
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        classes = self.builder_config.classes
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=classes)
                    if classes
                    else tfds.features.Text(),
                    "id": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "has_mask": np.bool_,
                    "mask": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        settings = self.builder_config
        drawn = settings.dataset == "phantom"
        listed = catalogue(
            ConfigDict(
                {
                    "dataset": settings.dataset,
                    "dir": "" if drawn else str(dl_manager.manual_dir),
                    "csv": settings.csv,
                    "resolution": settings.resolution,
                    "channels": 3,
                    "classes": (),
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
                    "has_mask": mask is not None,
                    "mask": shown[..., None].astype(np.uint8) * 255,
                },
            )

    @property
    def _unlabelled(self) -> int | str:
        return -1 if self.builder_config.classes else ""

"""What a model needs to know of data that are not here: the numbers their publishers give."""

from collections.abc import Mapping

from ml_collections import FrozenConfigDict

from dermgan_jax import files, registry
from dermgan_jax.data.catalogue import catalogue
from dermgan_jax.data.datasets import chest_xray, derm7pt, ham10000
from dermgan_jax.data.masks_as_pictures import MASK
from dermgan_jax.data.records import DataSpec
from dermgan_jax.errors import UserError

# Images per class that are trained on: of all (HAM10000 and ISIC 2018: Tschandl et al. 2018, table
# 3), or of the publisher's training split (derm7pt: Kawahara et al. 2019, train_indexes.csv, cases
# of two pictures each; chest X-rays: Kermany et al. 2018).
SKIN = dict(zip(ham10000.CLASSES, (327, 514, 1099, 115, 1113, 6705, 142), strict=True))
IMAGES: dict[str, Mapping[str, int]] = {
    "ham10000": SKIN,
    "isic2018": SKIN,
    "derm7pt": dict(zip(derm7pt.CLASSES, (19, 256, 90, 29, 19), strict=True)),
    "chest_xray": dict(zip(chest_xray.CLASSES, (1349, 2538, 1345), strict=True)),
}
IN_SPLITS = ("derm7pt", "chest_xray")  # numbers are of the training split already


def data_spec(config: FrozenConfigDict) -> tuple[DataSpec, str]:
    """What networks need to know about the images, and where that is from, in words.

    Of data that are here they are counted; of the others the publishers' numbers are taken.

    Raises:
      DataError: if data that are here are at fault.
      UserError: if they are not here, and nobody has published their number.
    """
    data = config.data
    drawn = data.dataset in registry.DRAWN_DATASETS
    if drawn or (data.dir and files.to_path(data.dir).is_dir()):
        return catalogue(data).spec(data.split, data), "counted in the data"
    if data.dataset not in IMAGES:
        raise UserError(
            f"how many images {data.dataset} has is not known without them: set data.dir to them"
        )
    return _published(config), f"published numbers of {data.dataset}, as data.dir is not here"


def _published(config: FrozenConfigDict) -> DataSpec:
    data = config.data
    share = 1.0 if data.dataset in IN_SPLITS or data.split == "all" else data.split_fractions[0]
    counts = {name: round(share * num) for name, num in IMAGES[data.dataset].items()}
    wanted = data.normal or data.classes or tuple(counts)
    domains = (tuple(data.domain_a), tuple(data.domain_b))
    per_domain: tuple[int, ...] = ()
    if domains[0]:
        kinds = (*derm7pt.DOMAINS, MASK)
        per_domain = tuple(
            sum(counts[name] for name in (names if set(names) <= set(counts) else wanted))
            for names in domains
        )
        if not set(sum(domains, ())) & set(kinds):
            wanted = sum(domains, ())
    classes = data.classes or (wanted if domains[0] else tuple(counts))
    if data.half:
        counts = {name: round(count / 2) for name, count in counts.items()}
        per_domain = tuple(round(count / 2) for count in per_domain)
    num = max(per_domain, default=sum(counts[name] for name in wanted))
    return DataSpec(
        height=data.resolution,
        width=data.resolution,
        channels=data.channels,
        class_counts=tuple(counts[name] if name in wanted else 0 for name in classes),
        num_examples=min(num, data.num_images) if data.num_images else num,
        domain_counts=per_domain,
        mask_classes=(len(data.mask_values) or 2) if data.masks else 0,
    )

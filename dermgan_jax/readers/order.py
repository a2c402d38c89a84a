"""Who sees which images in which order: at random for every reader, from the study's seed."""

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.stats import mannwhitneyu

from dermgan_jax.errors import UserError
from dermgan_jax.readers.design import FAKE, REAL, Design, split_evenly
from dermgan_jax.readers.folder import Item, KeyRow

ID_LENGTH = 16  # hexadecimal digits of an image's id
SORTED = 0.2  # p-value of ids that sort by truth, up to which they are drawn again


def generator(seed: int, *purpose: str) -> np.random.Generator:
    """Random numbers of a study for one purpose, such as the order of a reader."""
    digest = hashlib.sha256("\n".join([str(seed), *purpose]).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def new_ids(real: Sequence[bool], seed: int) -> list[str]:
    """Opaque ids of images. They are drawn again where, by chance, they sort by truth.

    Args:
      real: whether each image is real.
      seed: of the study.
    """
    rng, truth = generator(seed, "ids"), np.asarray(real, bool)
    while True:
        digits = rng.bytes(len(truth) * ID_LENGTH // 2).hex()
        ids = [digits[i * ID_LENGTH : (i + 1) * ID_LENGTH] for i in range(len(truth))]
        if sorting_p(ids, truth) > SORTED:
            return ids


def sorting_p(ids: Sequence[str], real: np.ndarray) -> float:
    """p-value of the hypothesis that ids of real and of synthetic images sort alike.

    Args:
      ids: of N images.
      real: bool (N,); of one kind only, p is 1.
    """
    ranks = np.argsort(np.argsort(ids))
    if real.all() or not real.any():
        return 1.0
    return float(mannwhitneyu(ranks[real], ranks[~real]).pvalue)


def needed(design: Design) -> dict[str, int]:
    """How many different images of each truth the design needs, practice included."""
    sets = 1 if design.same_images else len(design.readers)
    practice = [block for block in design.blocks if block.practice]
    return {
        REAL: design.num_real * sets + sum(block.num_real for block in practice),
        FAKE: design.num_fake * sets + sum(block.num_fake for block in practice),
    }


def orders(design: Design, key: Sequence[KeyRow]) -> dict[str, list[Item]]:
    """Each reader's images in order, block by block.

    Practice images are the same for all. In the other blocks classes are spread evenly; all readers
    see an image in the same block, or each has images of their own.

    Raises:
      UserError: if the key has other numbers of images than the design needs.
    """
    pools = {
        (truth, practice): [row for row in key if row.truth == truth and row.practice == practice]
        for truth in (REAL, FAKE)
        for practice in (True, False)
    }
    for truth, number in needed(design).items():
        found = sum(row.truth == truth for row in key)
        if found != number:
            raise UserError(f"the study needs {number} {truth} images and has {found}")
    found = {}
    for position, reader in enumerate(design.readers):
        items: list[Item] = []
        for index, rows in enumerate(_blocks(design, pools, position)):
            shuffled = generator(design.seed, "order", reader.name, str(index)).permutation(
                len(rows)
            )
            items += [Item(rows[i].image, index) for i in shuffled]
        found[reader.name] = items
    return found


def _blocks(
    design: Design, pools: dict[tuple[str, bool], list[KeyRow]], reader: int
) -> list[list[KeyRow]]:
    """The images of a reader in each block, not yet in order."""
    own = {}
    for truth, number in ((REAL, design.num_real), (FAKE, design.num_fake)):
        rows = pools[truth, False]
        first = 0 if design.same_images else reader * number
        own[truth] = _interleaved(rows[first : first + number])
    taken = {(truth, practice): 0 for truth in (REAL, FAKE) for practice in (True, False)}
    found = []
    for block in design.blocks:
        rows = []
        for truth, number in ((REAL, block.num_real), (FAKE, block.num_fake)):
            pool = pools[truth, True] if block.practice else own[truth]
            at = taken[truth, block.practice]
            rows += pool[at : at + number]
            taken[truth, block.practice] += number
        found.append(rows)
    return found


def _interleaved(rows: Sequence[KeyRow]) -> list[KeyRow]:
    """Rows in an order in which any stretch has about the same share of each class and side."""
    kinds: dict[tuple[str, str], list[KeyRow]] = {}
    for row in rows:
        kinds.setdefault((row.of_class, row.side), []).append(row)
    ranked = [
        ((position + 0.5) / len(members), kind, row)
        for kind, members in kinds.items()
        for position, row in enumerate(members)
    ]
    return [row for _, _, row in sorted(ranked, key=lambda each: each[:2])]


def sections(num_real: int, num_fake: int, parts: int) -> list[tuple[int, int]]:
    """Real and synthetic images of each of `parts` sections of about equal size."""
    return list(zip(split_evenly(num_real, parts), split_evenly(num_fake, parts), strict=True))

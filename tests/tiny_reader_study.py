"""A reader study of eight tiny images for two readers."""

import dataclasses

import numpy as np

from dermgan_jax.readers import encoding, order
from dermgan_jax.readers.answers import Answers
from dermgan_jax.readers.design import FAKE, REAL, Block, Design, Reader, question
from dermgan_jax.readers.entries import Entry
from dermgan_jax.readers.folder import KeyRow, StudyFolder

SIDE = 16


def tiny_design(**others):
    """Four real and four synthetic images, two readers, the question of truth."""
    blocks = (Block(4, 4),)
    readers = (Reader("ann", "doctors"), Reader("bob", "engineers"))
    design = Design(
        study="0123456789abcdef",
        title="A tiny study",
        preset="turing",
        seed=0,
        readers=readers,
        questions=(question("real"),),
        blocks=blocks,
        classes=(),
        same_images=True,
        revisable=True,
        time_limit=None,
        size=(SIDE, SIDE, 3),
        told=False,
        phantom=True,
        texts={},
    )
    return dataclasses.replace(design, **others)


def write_tiny_study(path, design=None):
    """Writes a study without its pages; returns its folder."""
    design = design or tiny_design()
    numbers = order.needed(design)
    truths = [REAL] * numbers[REAL] + [FAKE] * numbers[FAKE]
    practice = {
        truth: sum(getattr(b, f"num_{truth}") for b in design.blocks if b.practice)
        for truth in (REAL, FAKE)
    }
    key = []
    for name, truth in zip(
        order.new_ids([t == REAL for t in truths], design.seed), truths, strict=True
    ):
        of_class = design.classes[len(key) % len(design.classes)] if design.classes else ""
        key.append(KeyRow(name, truth, of_class, truth, str(len(key)), practice[truth] > 0))
        practice[truth] -= 1
    images = np.random.default_rng(0).integers(0, 256, (len(key), *design.size), np.uint8)
    folder = StudyFolder(path)
    encoding.write_images(
        folder, {row.image: image for row, image in zip(key, images, strict=True)}
    )
    folder.write_key(key)
    folder.write_orders(order.orders(design, key))
    folder.write_links(
        design, {reader.name: f"token-of-{reader.name}" for reader in design.readers}
    )
    folder.write_design(design)
    return folder


def answer(folder, wrong=2, stops=()):
    """Every reader answers; `wrong` answers of each are wrong. Who `stops` answers two images."""
    store, key = Answers(folder.answers), folder.read_key()
    for reader, items in folder.read_orders().items():
        for position, item in enumerate(items[: 2 if reader in stops else None]):
            truth = key[item.image].truth
            other = {"real": "fake", "fake": "real"}[truth]
            answers = {"real": other if position < wrong else truth}
            entry = Entry(f"{reader}-{position:05d}", item.image, answers, 3.0, "2030-01-01T00Z")
            store.add(reader, entry)
    store.close()

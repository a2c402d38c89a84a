"""Who is missing from synthetic images."""

import numpy as np

from dermgan_jax.evaluation.subgroup_coverage import subgroup_coverage
from dermgan_jax.synthesis.subgroup_columns import Classed

LIGHT, DARK = (224, 186, 160), (92, 58, 42)


class Pixels:
    """A feature space of mean colours."""

    protocol = "colours"

    def features(self, images, title, keep=False):
        return np.asarray(images[np.arange(len(images))]).mean((1, 2))


def skins(num, num_dark, seed):
    rng = np.random.default_rng(seed)
    colours = np.array([DARK] * num_dark + [LIGHT] * (num - num_dark))
    images = colours[:, None, None] + rng.integers(-3, 4, (num, 1, 1, 3))
    return np.tile(images, (1, 16, 16, 1)).astype(np.uint8)


def test_a_generator_that_leaves_out_dark_skin_is_told():
    real = Classed(skins(200, 60, 0), ["mel"] * 100 + ["nv"] * 100)
    fake = Classed(skins(100, 0, 1), [""] * 100)
    found = subgroup_coverage(real, fake, Pixels())
    dark = next(row for row in found.coverage if row.value == "dark")
    assert (dark.n, dark.chosen) == (60, 0)
    said = found.warnings()
    assert any(line.startswith("warning: tone dark: 0.0% of the synthetic") for line in said)
    assert any("tone dark: 0 of 60 real images have a synthetic one near them" in x for x in said)
    assert {row.column for row in found.shares} == {"tone", "brightness"}
    assert "class" in {row.column for row in found.coverage}


def test_a_generator_like_the_reals_is_not_blamed():
    real, fake = (Classed(skins(200, 60, seed), [""] * 200) for seed in (0, 1))
    assert subgroup_coverage(real, fake, Pixels()).warnings() == []


def test_too_few_for_neighbours():
    few = Classed(skins(5, 2, 0), [""] * 5)
    assert subgroup_coverage(few, few, Pixels()) is None

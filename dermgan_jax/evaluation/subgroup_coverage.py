"""Who is missing from synthetic images: their subgroups beside those of the real ones, and which
real images have nothing like them.

Covered is a real image whose ball, which reaches to its fifth nearest real neighbour, holds a
synthetic one (Naeem et al. 2020). Real images of one lesion are not independent; p-values take them
as if they were, and are somewhat too small where many images share a lesion.
"""

import dataclasses
from typing import Any

import numpy as np

from dermgan_jax.features.feature_spaces import FeatureSpace
from dermgan_jax.metrics import density_coverage
from dermgan_jax.statistics.acceptance import Accepted, acceptance
from dermgan_jax.statistics.subgroups import UNKNOWN
from dermgan_jax.synthesis import subgroup_columns
from dermgan_jax.synthesis.subgroup_columns import COMPARED, Classed


@dataclasses.dataclass(frozen=True)
class Represented:
    """Two tables.

    Attributes:
      shares: of real and synthetic images together; "chosen" are the synthetic ones.
      coverage: of the real images; "chosen" are the covered ones.
      num_real, num_fake: images looked at.
      protocol: of the coverage.
    """

    shares: list[Accepted]
    coverage: list[Accepted]
    num_real: int
    num_fake: int
    protocol: str

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "shares": [row.to_json() for row in self.shares],
            "coverage": [row.to_json() for row in self.coverage],
            "num_real": self.num_real,
            "num_fake": self.num_fake,
            "protocol": self.protocol,
        }

    def warnings(self) -> list[str]:
        """A line for each subgroup that is rarer among synthetic images, or less covered."""
        found = []
        for row in self.shares:
            if row.disfavoured and row.value != UNKNOWN:
                reals = (row.n - row.chosen) / self.num_real
                found.append(
                    f"warning: {row.column} {row.value}: {row.chosen / self.num_fake:.1%} of the "
                    f"synthetic images, {reals:.1%} of the real ones (p {row.p:.1g}, corrected)"
                )
        for row in self.coverage:
            if row.disfavoured and row.value != UNKNOWN:
                found.append(
                    f"warning: {row.column} {row.value}: {row.chosen} of {row.n} real images have "
                    f"a synthetic one near them, by chance {row.by_chance:.0f} would (p "
                    f"{row.p:.1g}, corrected)"
                )
        return found


def subgroup_coverage(real: Classed, fake: Classed, space: FeatureSpace) -> Represented | None:
    """Compares at most 2,000 images of each side; None if either has too few for neighbours."""
    real, fake = real.some(COMPARED), fake.some(COMPARED)
    if min(len(real.classes), len(fake.classes)) <= density_coverage.K:
        return None
    of_fake, of_real = subgroup_columns.measured(fake, real)
    both = {
        name: np.concatenate([of_real[name], of_fake[name]]) for name in of_fake if name in of_real
    }
    is_fake = np.arange(len(real.classes) + len(fake.classes)) >= len(real.classes)
    features = (
        space.features(real.images, "training images", keep=True),
        space.features(fake.images, "images", keep=True),
    )
    covered = density_coverage.count(*features).covered
    return Represented(
        acceptance(is_fake, both, order=subgroup_columns.ORDER),
        acceptance(covered, of_real, order=subgroup_columns.ORDER),
        len(real.classes),
        len(fake.classes),
        f"coverage:k{density_coverage.K}:{space.protocol}",
    )

"""Is a score the same as its reference, within a margin? Two one-sided tests (Schuirmann 1987).

That a difference was not seen does not show that there is none: a small study sees nothing. What
shows it is that a difference as large as the margin, either way, can be ruled out.
"""

import dataclasses

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import group_bootstrap
from dermgan_jax.statistics.group_bootstrap import LEVEL, Uncertainty
from dermgan_jax.statistics.intervals import Estimate

EQUIVALENT, DIFFERENT, SMALL, CANNOT_TELL = "equivalent", "different", "small", "cannot tell"


@dataclasses.dataclass(frozen=True)
class Equivalence:
    """Whether a score equals its reference within a margin.

    Attributes:
      outcome: EQUIVALENT: a difference as large as the margin is ruled out; DIFFERENT: no
        difference is ruled out; SMALL: both, so that there is one, and it is below the margin;
        CANNOT_TELL: neither.
      difference: score − reference, with the 95 % interval that the two tests amount to.
      margin: of the difference.
      p_equivalent: of the two one-sided tests.
      p_different: two-sided.
      barred: why equivalence is never concluded here, whatever the p-values; "" if it may be.
    """

    outcome: str
    difference: Estimate
    margin: float
    p_equivalent: float
    p_different: float
    barred: str = ""


def two_one_sided_tests(
    found: Uncertainty, reference: float, margin: float, barred: str = ""
) -> Equivalence:
    """Both tests, each at the level of 2.5 %, and that of a difference at 5 %.

    So all three can be read off one 95 % interval: within the margin, or without 0.

    Args:
      found: the score.
      reference: that it is compared with.
      margin: the largest difference that would not matter.
      barred: why equivalence must not be concluded; "" if it may be.

    Raises:
      UserError: if the margin is not above 0.
    """
    if not margin > 0:
        raise UserError(f"a margin of {margin:g}: it has to be above 0")
    difference = found._replace(value=found.value - reference)
    half = group_bootstrap.half_width(difference)
    above = _one_sided(difference._replace(value=difference.value + margin))
    below = _one_sided(difference._replace(value=margin - difference.value))
    p_equivalent, p_different = max(above, below), group_bootstrap.p_value(difference)
    outcome = {
        (True, False): EQUIVALENT,
        (False, True): DIFFERENT,
        (True, True): SMALL,
        (False, False): CANNOT_TELL,
    }[p_equivalent < LEVEL / 2 and not barred, p_different < LEVEL]
    ends = difference.value - half, difference.value + half
    return Equivalence(
        outcome, Estimate(difference.value, *ends), margin, p_equivalent, p_different, barred
    )


def _one_sided(found: Uncertainty) -> float:
    """p-value of "not above 0"."""
    half = group_bootstrap.p_value(found) / 2
    return half if found.value > 0 else 1 - half

"""Agreement between raters beyond chance.

Kappa of Fleiss (1971), Randolph (2005) and Cohen (1960), and AC1 of Gwet (2008).
"""

from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from dermgan_jax.errors import UserError
from dermgan_jax.statistics.intervals import TAIL


class FleissKappa(NamedTuple):
    """Kappa and kappa per category (k,), each with its standard error if raters only guessed."""

    kappa: float
    standard_error: float
    per_category: np.ndarray
    per_category_standard_error: float


class GwetAc1(NamedTuple):
    """Gwet's AC1 with its standard error over subjects and 95 % interval, NaN where undefined."""

    ac1: float
    standard_error: float
    low: float
    high: float


def count_ratings(ratings: np.ndarray, num_categories: int) -> np.ndarray:
    """How many raters put each subject in each category, int (subjects, categories).

    Args:
      ratings: categories 0 to num_categories − 1, (subjects, raters).
      num_categories: including those that nobody chose.
    """
    return (ratings[:, :, None] == np.arange(num_categories)).sum(axis=1)


def fleiss_kappa(table: np.ndarray) -> FleissKappa:
    """Fleiss' kappa of counts (subjects, categories), chance agreement from observed shares.

    Standard errors are those of Fleiss, Nee and Landis (1979), for testing kappa = 0. A category
    that nobody or everybody chose has NaN; if there is only such a category, so has kappa.

    Raises:
      UserError: if subjects were rated by different numbers of raters, or by fewer than two.
    """
    raters = _raters(table)
    p = table.sum(axis=0) / table.sum()
    variance = p * (1 - p)
    ratings = len(table) * raters * (raters - 1)
    total = variance.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        per_category = 1 - (table * (raters - table)).sum(axis=0) / (ratings * variance)
        kappa = (_observed(table, raters) - np.square(p).sum()) / total
        spread = np.square(total) - (variance * (1 - 2 * p)).sum()
        error = np.sqrt(2 * spread / ratings) / total
    per_category[variance == 0] = np.nan
    return FleissKappa(float(kappa), float(error), per_category, float(np.sqrt(2 / ratings)))


def fleiss_kappa_of_some(table: np.ndarray) -> FleissKappa:
    """Fleiss' kappa of counts (subjects, categories) with different numbers of ratings.

    For missing ratings as Gwet (2014, Handbook of Inter-Rater Reliability, 4th ed.) has it:
    observed agreement is the mean, over subjects with two or more ratings, of the share of pairs of
    raters that agree; chance agreement is from mean shares over all subjects with a rating. With
    the same number of ratings each it is `fleiss_kappa`. The standard error is that of guessing,
    for numbers of pairs that differ.

    Raises:
      UserError: if no subject has two ratings.
    """
    rated = table[table.sum(axis=1) > 0]
    table = table[table.sum(axis=1) > 1]
    if not len(table):
        raise UserError("kappa: no subject has two ratings")
    raters = table.sum(axis=1)
    pairs = raters * (raters - 1)
    p = (rated / rated.sum(axis=1, keepdims=True)).mean(axis=0)
    variance = p * (1 - p)
    total, ratings = variance.sum(), len(table) ** 2 / (1 / pairs).sum()
    apart = (table * (raters[:, None] - table) / pairs[:, None]).mean(axis=0)
    spread = np.square(total) - (variance * (1 - 2 * p)).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        per_category = 1 - apart / variance
        kappa = 1 - apart.sum() / total
        error = np.sqrt(2 * spread / ratings) / total
    per_category[variance == 0] = np.nan
    return FleissKappa(float(kappa), float(error), per_category, float(np.sqrt(2 / ratings)))


def randolph_kappa(table: np.ndarray) -> float:
    """Kappa with chance agreement 1 / categories, empty categories included (free marginals).

    Raises:
      UserError: as `fleiss_kappa`.
    """
    chance = 1 / table.shape[1]
    return float((_observed(table, _raters(table)) - chance) / (1 - chance))


def gwet_ac1(table: np.ndarray) -> GwetAc1:
    """AC1 of counts (subjects, categories): chance agreement that falls as answers get one-sided.

    Kappa is low, however well raters agree, where nearly all answers are of one category; AC1 is
    not (Gwet 2008, Brit J Math Stat Psychol 61). Subjects may have different numbers of ratings.
    The standard error takes subjects as random and raters as given; the interval is Student's, cut
    off at 1.

    Args:
      table: two categories at least, those that nobody chose included.

    Raises:
      UserError: if no subject has two ratings.
    """
    raters, num_categories = table.sum(axis=1), table.shape[1]
    table, raters = table[raters > 0], raters[raters > 0]
    paired = raters > 1
    if not paired.any():
        raise UserError("AC1: no subject has two ratings")
    shares = table / raters[:, None]
    p = shares.mean(axis=0)
    chance = (p * (1 - p)).sum() / (num_categories - 1)
    pairs = np.maximum(raters * (raters - 1), 1)
    observed = ((table * (table - 1)).sum(axis=1) / pairs)[paired].mean()
    value = (observed - chance) / (1 - chance)
    n = len(table)
    own = np.where(paired, (table * (table - 1)).sum(axis=1) / pairs - chance, 0.0)
    own *= n / paired.sum() / (1 - chance)
    own_chance = (shares * (1 - p)).sum(axis=1) / (num_categories - 1)
    linear = own - 2 * (1 - value) * (own_chance - chance) / (1 - chance)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = float(np.sqrt(np.square(linear - value).sum() / np.float64(n * (n - 1))))
    half = -special.stdtrit(max(n - 1, 1), TAIL) * error
    return GwetAc1(float(value), error, float(value - half), float(min(value + half, 1.0)))


def cohen_kappa(
    first: np.ndarray,
    second: np.ndarray,
    num_categories: int,
    weights: Literal["none", "linear", "quadratic"] = "none",
) -> float:
    """Cohen's kappa of two raters' categories (subjects,); weights are for ordered categories.

    NaN if both always chose the same one.
    """
    observed = np.zeros((num_categories, num_categories))
    np.add.at(observed, (first, second), 1 / len(first))
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0))
    gap = np.abs(np.subtract.outer(np.arange(num_categories), np.arange(num_categories)))
    cost = {"none": gap > 0, "linear": gap, "quadratic": gap**2}[weights]
    with np.errstate(invalid="ignore"):
        return float(1 - (cost * observed).sum() / (cost * expected).sum())


def _raters(table: np.ndarray) -> int:
    raters = table.sum(axis=1)
    if (raters != raters[0]).any() or raters[0] < 2:
        raise UserError(
            f"kappa: subjects have {raters.min()} to {raters.max()} ratings; every subject needs "
            "the same number, at least two"
        )
    return int(raters[0])


def _observed(table: np.ndarray, raters: int) -> float:
    """Mean share of agreeing pairs of raters."""
    return (np.square(table).sum(axis=1) - raters).mean() / (raters * (raters - 1))

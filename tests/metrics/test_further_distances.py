"""PRDC, MMD of unit length, Vendi, rarity, MiFID and FD∞: references, and what they must say."""

from pathlib import Path

import numpy as np
import pytest
from memorised_sets import sets
from scipy.spatial.distance import cdist

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import (
    frechet,
    frechet_infinity,
    kid,
    memorisation_informed,
    prdc,
    precision_recall,
    rarity,
    unit_length_mmd,
    vendi,
)

TRAIN, HELD_OUT, FAKE = sets()
GOLDEN = Path(__file__).parents[1] / "golden" / "metrics" / "prdc.npz"


@pytest.mark.parametrize("k", [1, 3, 5])
def test_prdc_equals_prdc(k):
    golden = np.load(GOLDEN)
    balls, reached = prdc.count(golden["in:real"], golden["in:fake"], k)
    found = {
        "precision": (balls.per_fake > 0).mean(),
        "recall": reached.mean(),
        "density": balls.per_fake.mean() / k,
        "coverage": balls.covered.mean(),
    }
    for name, value in found.items():
        assert value == pytest.approx(float(golden[f"out:k{k}_{name}"])), name


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    collapsed = TRAIN[:1] + 1e-4 * np.random.default_rng(0).normal(size=(50, 24))
    precision, recall, density, coverage = prdc.compute(TRAIN, collapsed, seed=0)
    assert (precision.value, recall.value) == (1, 0)
    assert coverage.value == pytest.approx(density.value * prdc.K / 120, rel=0.2)
    other = prdc.compute(collapsed, TRAIN, seed=0)
    assert (other[0].value, other[1].value) == (1 / 120, 1)  # sides exchanged; all but one image


def test_mmd_equals_its_definition():
    x, y = (unit_length_mmd.of_unit_length("", side) for side in (TRAIN, FAKE))
    kernels = [np.exp(-cdist(a, b, "sqeuclidean") / 200) for a, b in ((x, x), (y, y), (x, y))]
    expected = 1000 * (kernels[0].mean() + kernels[1].mean() - 2 * kernels[2].mean())
    (found,) = unit_length_mmd.compute(TRAIN, FAKE, seed=0)
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert found.interval[0] <= found.value <= found.interval[1]


def test_mmd_is_nearly_linear():
    """With σ = 10 and points of unit length, 10 |Δμ|²."""
    x, y = (unit_length_mmd.of_unit_length("", side) for side in (TRAIN, FAKE))
    (found,) = unit_length_mmd.compute(TRAIN, FAKE, seed=0)
    assert found.value == pytest.approx(10 * np.square(x.mean(0) - y.mean(0)).sum(), rel=0.01)
    (same,) = unit_length_mmd.compute(TRAIN, 3 * TRAIN, seed=0)
    assert abs(same.value) < 1e-9


def test_zero_features_have_no_direction():
    with pytest.raises(UserError, match="features of 1 images are all zero"):
        unit_length_mmd.compute(TRAIN, np.concatenate([FAKE, np.zeros((1, 24))]), seed=0)


@pytest.mark.parametrize(("num", "expected"), [(100, 21.280034705474947), (15, 10.500320014091107)])
def test_vendi_equals_dgm_eval(num, expected):
    """With more images than numbers, and with fewer."""
    assert vendi.score(FAKE[:num])[0] == pytest.approx(expected, abs=1e-9)


def test_vendi_of_one_image_and_of_orthogonal_ones():
    same, different = np.tile(FAKE[:1], (20, 1)), np.eye(20)
    assert vendi.score(same)[0] == pytest.approx(1)
    assert vendi.score(different)[0] == pytest.approx(20)
    (found,) = vendi.compute(TRAIN, FAKE[:15], seed=0)
    ((name, of_real),) = found.details.items()
    assert name == "of 15 real images"
    assert 1 < of_real <= 15


def test_vendis_influence_is_its_derivative():
    _, influence = vendi.score(FAKE)
    more = np.concatenate([np.tile(FAKE, (400, 1)), FAKE[:1]])  # a little more of the first image
    moved = (vendi.score(more)[0] - vendi.score(FAKE)[0]) * len(more)
    assert influence[0] == pytest.approx(moved, rel=0.02)
    assert abs(influence.mean()) < 1e-9


def test_rarity_is_the_smallest_ball():
    real, fake = TRAIN.astype(float), FAKE.astype(float)
    radii = np.sort(cdist(real, real), axis=1)[:, 3]
    inside = cdist(fake, real) < radii
    expected = np.where(inside, radii, np.inf).min(axis=1)
    scores = rarity.of_each(TRAIN, FAKE)
    outside = ~np.isfinite(expected)
    assert outside.any()
    assert not outside.all()
    np.testing.assert_array_equal(np.isnan(scores), outside)
    np.testing.assert_allclose(scores[~outside], expected[~outside], rtol=1e-5)
    (found,) = rarity.compute(TRAIN, FAKE, seed=0)
    assert found.details["share without"] == outside.mean()
    (none,) = rarity.compute(TRAIN, FAKE + 100, seed=0)
    assert np.isnan(none.value)
    assert none.interval is None


def test_mifid_equals_torchmetrics():
    (found,) = memorisation_informed.compute(TRAIN, FAKE, seed=0)
    assert found.value == pytest.approx(2.8816185665427763, abs=1e-9)  # no penalty
    copies = TRAIN[:60] * 1.01
    (penalised,) = memorisation_informed.compute(TRAIN[:60], copies, seed=0)
    mean = penalised.details["mean over real images"]
    assert mean < 1e-6
    assert penalised.value == pytest.approx(penalised.details["without penalty"] / (mean + 1e-14))


def test_mifids_mean_is_over_the_real_images():
    real, fake = np.eye(4), np.eye(4)[[0, 0, 0, 1]]
    assert memorisation_informed.smallest_distances(real, fake).mean() == 0.5
    assert memorisation_informed.smallest_distances(fake, real).mean() == 0
    zeros = np.concatenate([real, np.zeros((1, 4))])
    assert len(memorisation_informed.smallest_distances(zeros, fake)) == 4


def test_a_line_is_found_exactly():
    x = 1 / np.arange(10, 25)
    limit, slope, error = frechet_infinity.line(x, 3.0 + 7.0 * x)
    assert (limit, slope) == (pytest.approx(3), pytest.approx(7))
    assert error < 1e-12


def test_fd_infinity_takes_the_bias_of_few_images_away():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(4000, 24)), random.normal(size=(400, 24)) + 0.1
    (found,) = frechet_infinity.compute(real, fake, seed=0)
    (at_all,) = frechet.compute(real, fake, seed=0)
    truth = 24 * 0.01
    assert at_all.value > truth + 0.2
    assert abs(found.value - truth) < 0.2 * (at_all.value - truth)
    assert found.interval[0] < truth < found.interval[1]
    with pytest.raises(UserError, match="allow no extrapolation"):
        frechet_infinity.compute(real, fake[:29], seed=0)


@pytest.mark.parametrize(
    "metric", [frechet, kid, unit_length_mmd, memorisation_informed, prdc, precision_recall]
)
def test_identical_sets_give_finite_values(metric):
    for value in metric.compute(TRAIN, TRAIN.copy(), seed=0):
        assert np.isfinite(value.value), value
        assert value.influence is None or np.isfinite(np.concatenate(value.influence)).all()


@pytest.mark.parametrize("metric", [frechet, kid, unit_length_mmd])
def test_influences_foretell_the_scatter_of_other_draws(metric):
    """Standard errors of paired differences rest on them."""
    random = np.random.default_rng(1)
    draws = []
    for _ in range(60):
        real, fake = random.normal(size=(300, 6)) + 2, random.normal(size=(200, 6)) * 1.3 + 2.5
        draws.append(metric.compute(real, fake, seed=0)[0])
    scatter = np.std([each.value for each in draws], ddof=1)
    foretold = np.mean([each.influence.standard_error for each in draws])
    assert 0.7 < foretold / scatter < 1.4

"""C_T, AuthPct and FLD against dgm-eval and fld, whose values on the same features stand here."""

import numpy as np
import pytest
from memorised_sets import sets

from dermgan_jax.errors import UserError
from dermgan_jax.metrics import authenticity, copying_test, feature_likelihood

TRAIN, HELD_OUT, FAKE = sets()


def nearest_cells(*sides):
    centres = TRAIN[[0, 40, 80]]
    return [np.square(side[:, None] - centres).sum(axis=2).argmin(axis=1) for side in sides]


def test_c_t_equals_dgm_eval():
    assert copying_test.z_score(TRAIN, HELD_OUT, FAKE) == pytest.approx(-3.977015021427878)
    cells = nearest_cells(TRAIN, HELD_OUT, FAKE)
    found = copying_test.in_cells(TRAIN, HELD_OUT, FAKE, cells)
    assert found.value == pytest.approx(-2.41672805100349, abs=1e-9)
    assert [each.z for each in found.cells] == [
        pytest.approx(-2.6151287621471058),
        pytest.approx(-2.190771685534372),
        None,  # two fake images
    ]
    assert found.interval[0] < found.value < found.interval[1] < 0


def test_c_t_of_its_own_cells():
    found = copying_test.copying_test(TRAIN, HELD_OUT, FAKE, seed=3)
    assert found == copying_test.copying_test(TRAIN, HELD_OUT, FAKE, seed=3)
    assert [sum(each[side] for each in found.cells) for side in range(3)] == [120, 80, 100]
    wide = np.random.default_rng(0).normal(size=(120, 100)).astype(np.float32)
    copies = wide[:50] + 1e-3
    assert copying_test.copying_test(wide[:60], wide[60:], copies, seed=0).value < -5


def test_twenty_images_do_not_stop_c_t():
    """No cell has more than twenty fake images, or any held-out one: nothing can be said."""
    found = copying_test.copying_test(TRAIN, HELD_OUT[:2], FAKE[:20], seed=0)
    assert np.isnan(found.value)
    assert all(each.z is None for each in found.cells)
    again = copying_test.copying_test(TRAIN[:2], HELD_OUT, FAKE, seed=0)
    assert sum(each.fake for each in again.cells) == 100


def test_copies_are_far_below_zero_and_far_images_above():
    copies = TRAIN[:60] + 1e-3
    assert copying_test.copying_test(TRAIN, HELD_OUT, copies, seed=0).value < -4
    assert copying_test.copying_test(TRAIN, HELD_OUT, 3 * FAKE + 5, seed=0).value > 4


def test_authpct_equals_dgm_eval():
    assert authenticity.authenticity(TRAIN, FAKE).percent == 65.0
    found = authenticity.authenticity(TRAIN, HELD_OUT)
    assert found.percent == 78.75
    assert found.interval[0] < 78.75 < found.interval[1]


def test_copies_of_photographs_that_repeat_a_lesion():
    """With a near duplicate of each training image, pure copies are called authentic."""
    random = np.random.default_rng(0)
    lesions = random.normal(size=(40, 8))
    photographs = np.concatenate([lesions, lesions + 1e-3 * random.normal(size=(40, 8))])
    copies = lesions + 1e-2 * random.normal(size=(40, 8))
    groups = [f"lesion {i % 40}" for i in range(80)]
    assert authenticity.authenticity(lesions, copies).percent == 0
    assert authenticity.authenticity(photographs, copies).percent == 100
    assert authenticity.authenticity(photographs, copies, groups).percent == 0
    with pytest.raises(UserError, match="of one group"):
        authenticity.authenticity(photographs, copies, ["one"] * 80)


def test_fld_equals_the_original():
    """Run in float64; its loss rests after 31 steps."""
    train, held_out, fake = feature_likelihood.standardised(TRAIN, HELD_OUT, FAKE)
    widths = feature_likelihood.fit(fake, train)
    np.testing.assert_allclose(widths[:4], [-8.7871, -9.2568, -8.8374, -9.2452], atol=1e-4)
    nlls = [feature_likelihood.nlls(fake, widths, side).mean() for side in (held_out, train)]
    assert nlls == [pytest.approx(1.568294016805552), pytest.approx(1.1706039904859813)]
    found = feature_likelihood.feature_likelihood(TRAIN, HELD_OUT, FAKE, seed=0)
    assert found.gap == pytest.approx(-39.769002631957036, abs=1e-6)
    assert found.held_out == pytest.approx(100 * (1.568294016805552 - found.baseline))
    assert found.interval[0] < found.gap < found.interval[1] < 0


def test_fld_in_parts_and_with_groups(monkeypatch):
    monkeypatch.setattr(feature_likelihood, "MOST", 50)
    found = feature_likelihood.feature_likelihood(TRAIN, HELD_OUT, FAKE, seed=0)
    assert found == feature_likelihood.feature_likelihood(TRAIN, HELD_OUT, FAKE, seed=0)
    doubled = np.concatenate([TRAIN[:40], TRAIN[:40]])
    together = [str(i % 40) for i in range(80)]
    apart, grouped = (
        feature_likelihood.feature_likelihood(doubled, HELD_OUT, FAKE, seed=0, groups=groups)
        for groups in (None, together)
    )
    assert grouped.baseline < apart.baseline - 0.1  # duplicates shrink widths to nothing


def test_constant_numbers_are_left_out():
    sides = [np.pad(side, ((0, 0), (0, 1)), constant_values=3) for side in (TRAIN, HELD_OUT, FAKE)]
    found = feature_likelihood.feature_likelihood(*sides, seed=0)
    assert found.gap == pytest.approx(-39.769002631957036, abs=1e-6)

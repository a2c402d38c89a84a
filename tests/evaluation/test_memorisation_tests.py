"""C_T, AuthPct and FLD as an audit tells them."""

import numpy as np

from dermgan_jax.evaluation.memorisation_tests import lines, memorisation_tests, sentence

RANDOM = np.random.default_rng(0)
TRAIN, HELD_OUT = RANDOM.normal(size=(120, 24)), RANDOM.normal(size=(80, 24))
GROUPS = np.arange(120) // 2


def test_copies_are_pointed_at_and_new_images_are_not():
    copies = TRAIN[:60] + 1e-3 * RANDOM.normal(size=(60, 24))
    found = memorisation_tests(TRAIN, HELD_OUT, copies, GROUPS, "pixels", 0)
    assert sentence(found) == ("tests in print: AuthPct, C_T and FLD's gap point towards copies")
    drawn = RANDOM.normal(size=(200, 24))
    new = memorisation_tests(TRAIN, HELD_OUT, drawn, GROUPS, "pixels", 0)
    assert sentence(new) == (
        "tests in print: AuthPct, C_T and FLD's gap do not point towards copies"
    )
    assert new["left_out"] == []
    assert len(lines(new)) == 5


def stored():
    """Results of which C_T alone points towards copies."""
    share = {"value": 80.0, "interval": [75.0, 85.0], "of_held_out": 79.0}
    return {
        "authpct": {**share, "held_out_interval": [70.0, 85.0]},
        "ct": {"value": -6.0, "interval": [-9.0, -3.0]},
        "fld": {"held_out": 5.0, "gap": 3.0, "gap_interval": [-1.0, 7.0]},
        "left_out": [],
    }


def test_one_that_points_and_others_that_do_not():
    found = "tests in print: C_T points towards copies, AuthPct and FLD's gap do not"
    assert sentence(stored()) == found


def test_older_results_without_the_interval_of_held_out_images_are_told():
    older = stored()
    del older["authpct"]["held_out_interval"]
    assert sentence(older) == "tests in print: C_T points towards copies, FLD's gap does not"
    assert len(lines(older)) == 4


def test_what_cannot_be_had_is_told():
    alone = memorisation_tests(TRAIN, None, HELD_OUT, None, "pixels", 0)
    assert sentence(alone) == "tests in print: none says anything without held-out images"
    assert [line for line in lines(alone) if line.startswith("note: left out")] == [
        "note: left out: AuthPct over groups: none are known",
        "note: left out: C_T and FLD: they need --held_out",
    ]
    few = memorisation_tests(TRAIN, HELD_OUT, HELD_OUT[:3] + 1, np.zeros(120), "pixels", 0)
    assert few["left_out"] == [
        "AuthPct over groups: all training images are of one",
        "C_T: no cell has 21 synthetic images, training and held-out ones",
        "FLD: 3 images of a side are too few",
    ]

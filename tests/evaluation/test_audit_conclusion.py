"""What an audit allows one to say."""

import re

import pytest

from dermgan_jax.evaluation.audit_conclusion import reassures, sentences


def result(num=1000, ratio=(0.9, 1.1), refusal=None, copies=0, unknown=False, gap=None):
    known = {} if gap is None else {"membership": {"difference": {"value": 0.1, "interval": gap}}}
    return {
        **known,
        "num_distinct": num,
        "exact_copies": copies,
        "near_copies": 0,
        "median_ratio": {"value": 1.0, "interval": ratio},
        "refusal": refusal,
        "grouping_unknown": unknown,
    }


@pytest.mark.parametrize(
    ("changes", "said", "calm"),
    [
        ({}, "no sign of memorised training images among 1000: at most 0.37%", True),
        ({"num": 20}, "warning: 20 images are too few to reassure: .* up to 16.8%", False),
        ({"num": 366}, "warning: 366 images are too few", False),
        ({"num": 400}, "no sign of memorised training images among 400", True),
        ({"ratio": (1.6, 2.0)}, "warning: the synthetic images are unlike any real one", False),
        ({"unknown": True}, "warning: no copy was found among 1000 .* does not reassure", False),
        ({"gap": (-0.05, 0.1)}, "no sign of memorised training images among 1000", True),
        (
            {"gap": (0.02, 0.1)},
            "warning: no copy was found among 1000 .* do not call them anonymous",
            False,
        ),
        ({"refusal": "3 exact copies", "copies": 3}, "memorised training images: 3 exact", False),
    ],
)
def test_one_sentence_leads(changes, said, calm):
    (sentence,) = sentences(result(**changes))
    assert re.match(said, sentence)
    assert reassures(result(**changes)) == calm
    # Images unlike real ones are never called free of copies as well.
    assert not ("unlike" in sentence and "no sign" in sentence)


@pytest.mark.parametrize("changes", [{"num": 20}, {"ratio": (1.6, 2.0)}])
def test_that_training_images_are_given_away_is_said_whatever_else_is_said(changes):
    first, second = sentences(result(gap=(0.02, 0.1), **changes))
    assert "give away" in first
    assert [second] == sentences(result(**changes))

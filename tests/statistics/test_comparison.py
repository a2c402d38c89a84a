"""Comparisons of classifiers, on simulated ones whose true difference is known by integration."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import integrate, stats

from dermgan_jax.errors import UserError
from dermgan_jax.statistics import classifier_scores, comparison, group_bootstrap
from dermgan_jax.statistics.comparison import UNDEFINED, Difference, Verdict
from dermgan_jax.statistics.held_out_images import HeldOutImages, Resampling

CLASSES = ("bcc", "mel", "nv")
LESIONS = (60, 80, 120)  # of each class, with one to three images each
SKILL = 1.2
OF_LESION, OF_IMAGE = 1.0, 0.5  # standard deviations of logits, shared by all trainings
OF_TRAINING, OF_TRAINING_AND_LESION = 0.07, 0.4
GAIN = 0.45


def simulate(
    rng: np.random.Generator, *gains: float, trainings: int = 3
) -> tuple[HeldOutImages, list[np.ndarray]]:
    """Test images, and probabilities (trainings, n, 3) of an arm for each gain in skill."""
    stratum = np.repeat(np.arange(3), LESIONS)
    groups = np.repeat(np.arange(len(stratum)), rng.integers(1, 4, len(stratum)))
    labels = stratum[groups]
    shared = OF_LESION * rng.standard_normal((len(stratum), 3))[groups]
    shared += OF_IMAGE * rng.standard_normal((len(labels), 3))
    arms = []
    for gain in gains:
        skill = SKILL + gain + OF_TRAINING * rng.standard_normal((trainings, 1, 3))
        own = rng.standard_normal((trainings, len(stratum), 3))[:, groups]
        logits = shared + OF_TRAINING_AND_LESION * own + skill * np.eye(3)[labels]
        odds = np.exp(logits)
        arms.append(odds / odds.sum(axis=2, keepdims=True))
    return HeldOutImages(labels, groups, CLASSES, "lesion"), arms


def true_accuracy(gain: float) -> float:
    """The chance that the right logit is the largest, the same for all classes."""
    spread = np.sqrt(OF_LESION**2 + OF_IMAGE**2 + OF_TRAINING_AND_LESION**2)
    own = np.hypot(spread, OF_TRAINING)
    return integrate.quad(
        lambda x: stats.norm.pdf(x, SKILL + gain, own) * stats.norm.cdf(x / spread) ** 2, -9, 12
    )[0]


def proof(simulations: int, gain: float, num: int, paired_seeds: bool) -> dict[str, float]:
    """How often intervals hold the truth, and how often the arm is found to differ."""
    rng = np.random.default_rng(5)
    name, shares = "balanced_accuracy", np.zeros(4)
    truth, difference = true_accuracy(0), true_accuracy(gain) - true_accuracy(0)
    for i in range(simulations):
        test, (first, second) = simulate(rng, 0.0, gain)
        resampling = Resampling(num, seed=i)
        row = comparison.compare(
            *(test, first, second),
            names=[name],
            resampling=resampling,
            paired_seeds=paired_seeds,
        )[name]
        alone = classifier_scores.score_table(test, first, wanted=[name], resampling=resampling)
        shares += (
            alone[name].low <= truth <= alone[name].high,
            row.low <= difference <= row.high,
            row.p < 0.05 and row.difference > 0,
            row.p < 0.05,
        )
    names = ("covers", "difference_covers", "found", "differs")
    return dict(zip(names, (shares / simulations).tolist(), strict=True))


@pytest.mark.parametrize("paired_seeds", [True, False])
def test_coverage_and_power(paired_seeds):
    """Bounds are three standard errors wide of what the long proof asks for."""
    found = proof(150, GAIN, 200, paired_seeds)
    assert found["covers"] > 0.93 - 0.06
    assert found["difference_covers"] > 0.93 - 0.06
    assert found["found"] > 0.8 - 0.1
    assert proof(150, 0.0, 200, paired_seeds)["differs"] < 0.05 + 0.055


@pytest.mark.slow
@pytest.mark.parametrize("paired_seeds", [True, False])
def test_coverage_and_power_in_many_simulations(paired_seeds):
    """The standard error of 95 % is 0.6 %."""
    found = proof(1500, GAIN, 500, paired_seeds)
    assert 0.93 < found["covers"] < 0.97
    assert 0.93 < found["difference_covers"] < 0.97
    assert found["found"] > 0.8
    nothing = proof(1500, 0.0, 500, paired_seeds)
    assert 0.93 < nothing["difference_covers"] < 0.97
    assert nothing["differs"] < 0.05 + 0.01


@pytest.fixture(scope="module")
def planted() -> tuple[HeldOutImages, dict[str, np.ndarray]]:
    test, arms = simulate(np.random.default_rng(0), 0.0, 0.0, 1.2, -1.2)
    return test, dict(zip(("real", "same", "better", "worse"), arms, strict=True))


def test_rows_are_what_they_say(planted):
    test, arms = planted
    found = comparison.compare(test, arms["real"], arms["better"], resampling=Resampling(300))
    assert tuple(found) == classifier_scores.names(CLASSES)
    for name, row in found.items():
        values = [
            np.mean(
                [classifier_scores.score(name, test.labels, p, classes=CLASSES) for p in arms[arm]]
            )
            for arm in ("real", "better")
        ]
        assert row.difference == pytest.approx(values[1] - values[0], abs=1e-12)
        assert row.low < row.difference < row.high
        assert (row.p < 0.05) == (row.low > 0 or row.high < 0)
        assert 0 <= row.seed_half_width <= row.high - row.difference + 1e-12
        assert json.dumps(dataclasses.asdict(row), allow_nan=False)


def test_pairing_lesions_makes_differences_sharper(planted):
    """What is hard in the test set is hard for both arms."""
    test, arms = planted
    one = {arm: probabilities[:1] for arm, probabilities in arms.items()}
    resampling = Resampling(500)
    row = comparison.compare(
        test, one["real"], one["same"], names=["accuracy"], resampling=resampling
    )["accuracy"]
    alone = [
        classifier_scores.score_table(test, one[arm], wanted=["accuracy"], resampling=resampling)[
            "accuracy"
        ]
        for arm in ("real", "same")
    ]
    widths = [score.high - score.low for score in alone]
    assert row.high - row.low < 0.75 * np.hypot(*widths)


def test_the_same_predictions_do_not_differ(planted):
    test, arms = planted
    found = comparison.compare(test, arms["real"], arms["real"], resampling=Resampling(100))
    assert all(row.difference == 0 and row.p == 1 for row in found.values())
    assert all(row.low < 0 < row.high for row in found.values())


def test_arms_are_corrected_for_one_another(planted):
    test, arms = planted
    asked = {"names": ["balanced_accuracy", "ece", "recall/mel"], "resampling": Resampling(300)}
    found = comparison.compare_arms(test, arms, "real", **asked)
    assert set(found) == {"same", "better", "worse"}
    alone = comparison.compare(test, arms["real"], arms["better"], **asked)
    for name in asked["names"]:
        rows = [found[arm][name] for arm in found]
        assert found["better"][name].p == alone[name].p
        assert alone[name].p_corrected is None
        assert max(r.p_corrected for r in rows) >= max(r.p for r in rows)
        assert min(r.p_corrected for r in rows) == pytest.approx(3 * min(r.p for r in rows))


def test_a_class_that_is_not_there_has_no_difference(planted):
    test, arms = planted
    kept = test.labels != 0
    test = test.select(kept)
    arms = {arm: probabilities[:, kept] for arm, probabilities in arms.items()}
    names = ["balanced_accuracy", "recall/bcc"]
    found = comparison.compare_arms(test, arms, "real", names=names, resampling=Resampling(100))
    assert found["better"]["recall/bcc"] == UNDEFINED
    assert set(dataclasses.astuple(UNDEFINED)) == {None}
    assert found["better"]["balanced_accuracy"].p < 0.05
    with pytest.raises(UserError, match="do not define recall/bcc"):
        comparison.verdict(test, found, "recall/bcc")


def test_groups_needed():
    assert comparison.groups_needed(0.05, 0.0, 0.10, 400) == 400
    assert comparison.groups_needed(0.025, -0.025, 0.075, 400) == 1600
    assert comparison.groups_needed(0.0, -0.05, 0.05, 400) is None
    # A half-width of 5 made of 4 from lesions and 3 from trainings; 4 must shrink to √7.
    needed = comparison.groups_needed(0.04, -0.01, 0.09, 400, seed_half_width=0.03)
    assert needed == np.ceil(400 * 16 / 7)
    assert comparison.groups_needed(0.02, -0.03, 0.07, 400, seed_half_width=0.03) is None


def test_so_many_groups_do_tell():
    """Simulated test sets of as many lesions tell the difference about every second time."""
    row = {"value": 0.03, "groups": 0.0009, "seeds": 0.0, "lasting": 0.0}
    few = group_bootstrap.Uncertainty(**row, groups_freedom=1e6, seeds_freedom=0)
    half = group_bootstrap.half_width(few)
    needed = comparison.groups_needed(0.03, 0.03 - half, 0.03 + half, 100)
    enough = few._replace(groups=0.0009 * 100 / needed)
    assert group_bootstrap.p_value(enough) == pytest.approx(0.05, abs=0.002)


def verdict_of(planted, *names: str) -> Verdict:
    test, arms = planted
    arms = {arm: arms[arm] for arm in ("real", *names)}
    found = comparison.compare_arms(
        test, arms, "real", names=["balanced_accuracy", "ece"], resampling=Resampling(300)
    )
    return comparison.verdict(test, found)


def test_verdicts(planted):
    helped = verdict_of(planted, "same", "better", "worse")
    assert (helped.outcome, helped.arm) == ("helped", "better")
    assert helped.sentence.startswith("On 260 test lesions, better helped: balanced accuracy")
    assert helped.sentence.endswith("; worse made it worse.")
    assert helped.groups_needed < 260
    hurt = verdict_of(planted, "worse")
    assert (hurt.outcome, hurt.arm) == ("hurt", "worse")
    unclear = verdict_of(planted, "same", "worse")
    assert (unclear.outcome, unclear.arm) == ("cannot tell", "same")
    assert "we cannot tell whether same helped or hurt" in unclear.sentence
    needed = unclear.groups_needed
    assert (f"{needed:,} test lesions" if needed else "more trainings") in unclear.sentence
    assert needed is None or needed > 260


def verdict_on(row: Difference, score: str, noun: str = "lesion") -> Verdict:
    """Of one arm, on 90 groups of one image each."""
    test = HeldOutImages(np.arange(90) % 3, range(90), CLASSES, noun)
    return comparison.verdict(test, {"arm": {score: row}}, score)


def test_a_smaller_calibration_error_helps():
    row = Difference(-0.1, -0.12, -0.08, 0.001, seed_half_width=0.0, p_corrected=0.001)
    assert verdict_on(row, "ece").outcome == "helped"


def test_sentences_are_about_the_groups_of_the_data_set():
    unclear = Difference(0.02, -0.04, 0.08, 0.3, seed_half_width=0.0, p_corrected=0.3)
    sentence = verdict_on(unclear, "accuracy", "patient").sentence
    assert sentence.startswith("With 90 test patients we cannot tell")
    assert "changed by +2.0 percentage points (95 % interval −4.0 to +8.0" in sentence
    assert "about 810 test patients would be needed" in sentence
    clear = Difference(0.1, 0.08, 0.12, 0.001, seed_half_width=0.0, p_corrected=0.001)
    sentence = verdict_on(clear, "accuracy", "patient").sentence
    assert sentence.startswith("On 90 test patients, arm helped")
    same = Difference(0.0, -0.1, 0.1, 1.0, seed_half_width=0.0, p_corrected=1.0)
    assert "no number of test patients" in verdict_on(same, "accuracy", "patient").sentence


def test_faults_are_said(planted):
    test, arms = planted
    with pytest.raises(UserError, match=r"different numbers of trainings \(real: 3, same: 2\)"):
        comparison.compare_arms(test, {"real": arms["real"], "same": arms["same"][:2]}, "real")
    with pytest.raises(UserError, match="baseline 'none'"):
        comparison.compare_arms(test, arms, "none")
    with pytest.raises(UserError, match="do not fit"):
        comparison.compare(test, arms["real"], arms["same"][:, :5])
    mixed = comparison.compare(
        *(test, arms["real"], arms["better"][:2]),
        names=["accuracy"],
        paired_seeds=False,
        resampling=Resampling(100),
    )
    assert mixed["accuracy"].p < 0.05


def test_when_only_more_trainings_would_tell():
    row = Difference(0.02, -0.04, 0.08, 0.3, seed_half_width=0.05, p_corrected=0.3)
    found = verdict_on(row, "accuracy")
    assert found.groups_needed is None
    assert "more trainings of each are needed first" in found.sentence

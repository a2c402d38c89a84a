"""The result of an augmentation study, made up of random numbers in the shape of real ones."""

import dataclasses

import numpy as np

from dermgan_jax.statistics.classifier_scores import Score
from dermgan_jax.statistics.comparison import UNDEFINED, Comparison, Difference, Verdict
from dermgan_jax.statistics.identification import Identification, Judged
from dermgan_jax.statistics.intervals import Estimate
from dermgan_jax.statistics.subgroups import Drift, Share
from dermgan_jax.studies.augmentation_result import (
    AccuracyScores,
    AugmentationResult,
    Curve,
    Examples,
    FilterFacts,
    GeneratorFacts,
    HeldOutSize,
    ImageCounts,
    JudgedSets,
    Kept,
    Leakage,
    Population,
    Reliability,
    Scores,
    SplitSide,
    SubgroupRow,
)

CLASSES = ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"]
ARMS = ["real", "classical", "filtered", "unfiltered", "sweep_1", "sweep_2", "synthetic_only"]
REAL = (4694, 779, 769, 360, 229, 99, 80)
LESIONS = (811, 92, 109, 49, 34, 15, 11)
OVERALL = ("accuracy", "balanced_accuracy", "precision", "specificity", "f1", "auc", "ece")
PER_CLASS = ("recall", "precision", "specificity", "f1", "auc", "sensitivity_at_95_specificity")
TEST = HeldOutSize(1503, sum(LESIONS), dict(zip(CLASSES, LESIONS, strict=True)))
UNMEASURED = Score(None, None, None)


def result() -> AugmentationResult:
    """A study in which everything was measured."""
    rng = np.random.default_rng(0)
    levels = dict(zip(ARMS, (0.0, 0.01, 0.02, 0.01, 0.015, 0.02, -0.2), strict=True))
    scores = {arm: _scores(rng, level) for arm, level in levels.items()}
    sentence = (
        "With 1121 test lesions we cannot tell whether sweep_1 helped or hurt: balanced accuracy"
    )
    return AugmentationResult(
        title="Do synthetic melanomas help?",
        target="mel",
        base="real",
        classes=CLASSES,
        phantom=True,
        group_noun="lesion",
        threshold=0.98,
        data={"dataset": "phantom", "resolution": 128, "split_seed": 0},
        seeds=[0, 1, 2],
        steps=2000,
        images_shown=128000,
        classifier={
            "network": "efficientnet_lite0",
            "pretrained": True,
            "image_size": 224,
            "trained_stages": 0,
        },
        generator=GeneratorFacts("pgan", "A PGAN", "../pgan", 900, 128),
        split_hash="0123456789abcdef0123",
        test=TEST,
        counts=_counts(),
        arms=ARMS,
        scores=scores,
        versus={arm: _versus(rng, levels[arm]) for arm in ARMS[1:]},
        verdict=Verdict(
            outcome="cannot tell",
            arm="sweep_1",
            sentence=f"{sentence} changed by +2.0 points; about 2,400 would be needed.",
            groups_needed=2400,
        ),
        target_verdict=Verdict(
            outcome="helped",
            arm="filtered",
            sentence="On 1121 test lesions, filtered helped: recall/mel changed by +5.4 points.",
            groups_needed=None,
        ),
        confusion={arm: _confusion(rng) for arm in ARMS},
        reliability={arm: _reliability(rng) for arm in ARMS},
        curves={arm: _curve(rng) for arm in ARMS},
        leakage=Leakage(
            group=_splitting(rng, 0.0, 0),
            image=_splitting(rng, 0.06, 612),
            sentence="Split by image, the same classifiers seem 6.1 points better.",
        ),
        judged=JudgedSets(
            threshold=0.98,
            real=_judge(CLASSES, 0.7),
            sets={"filtered": _judge(["mel"], 0.6), "unfiltered": _judge(["mel"], 0.4)},
        ),
        cas=AccuracyScores(
            real={name: scores["real"][name] for name in OVERALL[:2]},
            synthetic={name: scores["synthetic_only"][name] for name in OVERALL[:2]},
        ),
        filter=FilterFacts(
            rule="discriminator",
            protocol="discriminator:pgan:900",
            chosen_by="share kept, 0.3",
            n=1000,
            kept=300,
            classes={"mel": Kept(1000, 300, 0.3)},
        ),
        population=Population(
            subgroups=_subgroups(rng),
            drift=_drift(),
            method="Skin tone is estimated from the skin around the lesion.",
        ),
        card={
            "dataset": "phantom",
            "licence": "CC BY-NC 4.0, see https://example.org",
            "synthetic": True,
            "classes": {
                name: {"train": n, "val": n // 5, "test": n // 5}
                for name, n in zip(CLASSES, REAL, strict=True)
            },
            "num_groups": 7470,
            "split_hash": "0123456789abcdef0123",
        },
        examples=Examples(),
        method=["Every arm takes equally many optimiser steps.", "Intervals are by lesions."],
        limits=["One data set from two hospitals.", "One generator."],
    )


def sparse() -> AugmentationResult:
    """The least that a study may have: two arms, one seed, and nothing optional."""
    whole = result()
    arms = ["real", "unfiltered"]
    kept = {
        name: {arm: of_arms[arm] for arm in arms if arm in of_arms}
        for name in ("scores", "versus", "confusion", "reliability", "curves")
        for of_arms in [getattr(whole, name)]
    }
    kept["scores"]["unfiltered"]["auc"] = UNMEASURED
    kept["scores"]["real"]["recall/df"] = UNMEASURED
    kept["versus"]["unfiltered"]["recall/df"] = kept["versus"]["unfiltered"]["auc"] = UNDEFINED
    kept["curves"]["real"] = Curve([0], [None], [None])
    kept["confusion"]["real"][6] = [0.0] * 7
    return dataclasses.replace(
        whole,
        **kept,
        arms=arms,
        seeds=[0],
        phantom=False,
        leakage=None,
        cas=None,
        filter=None,
        counts=dataclasses.replace(whole.counts, synthetic={"unfiltered": {"mel": 1000}}),
        judged=dataclasses.replace(whole.judged, sets={}),
        population=Population([], [], ""),
    )


def _score(rng: np.random.Generator, centre: float, half: float) -> Score:
    value = float(np.clip(centre + rng.normal(0, 0.008), 0.02, 0.99))
    ends = max(value - half, 0.0), min(value + half, 1.0)
    return Score(value, *map(float, ends), (value - 0.01, value, value + 0.01))


def _scores(rng: np.random.Generator, level: float) -> Scores:
    overall = dict(zip(OVERALL, (0.86, 0.75, 0.77, 0.965, 0.76, 0.94, 0.05), strict=True))
    found = {name: _score(rng, centre + level, 0.025) for name, centre in overall.items()}
    for name, lesions in zip(CLASSES, LESIONS, strict=True):
        centres = zip(PER_CLASS, (0.72, 0.75, 0.96, 0.73, 0.94, 0.78), strict=True)
        half = 0.9 / np.sqrt(lesions)
        found |= {f"{score}/{name}": _score(rng, at + level, half) for score, at in centres}
    return found


def _versus(rng: np.random.Generator, level: float) -> Comparison:
    halves = dict.fromkeys(("accuracy", "balanced_accuracy", "f1", "auc"), 0.02)
    halves |= {f"recall/{n}": 0.6 / k**0.5 for n, k in zip(CLASSES, LESIONS, strict=True)}
    found = {}
    for name, half in halves.items():
        difference = level + float(rng.normal(0, half / 3))
        p = float(np.exp(-abs(difference) / half * 3))
        ends = difference - half, difference + half
        found[name] = Difference(
            difference, *ends, p, seed_half_width=half / 2, p_corrected=min(3 * p, 1.0)
        )
    return found


def _counts() -> ImageCounts:
    real = {
        split: {name: n // part for name, n in zip(CLASSES, REAL, strict=True)}
        for split, part in (("train", 1), ("val", 5), ("test", 5))
    }
    made = {
        "filtered": {"mel": 300},
        "unfiltered": {"mel": 1000},
        "sweep_1": {"mel": 779},
        "sweep_2": {"mel": 1558},
        "synthetic_only": real["train"],
    }
    return ImageCounts(real, made)


def _confusion(rng: np.random.Generator) -> list[list[float]]:
    rows = [
        rng.multinomial(n // 5, 0.75 * (np.arange(7) == i) + 0.25 / 7) for i, n in enumerate(REAL)
    ]
    return [[float(count) / 3 for count in 3 * row + rng.integers(0, 2, 7)] for row in rows]


def _reliability(rng: np.random.Generator) -> Reliability:
    """Of fifteen bins the first three are empty."""
    centres = (np.arange(15) + 0.5) / 15
    counts = [0, 0, 0, *rng.integers(2, 40, 11).tolist(), 900]
    right = np.clip(centres - 0.08 + rng.normal(0, 0.05, 15), 0, 1)
    filled = np.array(counts) > 0
    return Reliability(
        confidence=np.where(filled, centres, 0).tolist(),
        accuracy=np.where(filled, right, 0).tolist(),
        count=list(map(float, counts)),
    )


def _curve(rng: np.random.Generator) -> Curve:
    images = np.linspace(0, 128000, 21)
    loss = 0.5 + 1.4 * np.exp(-images / 20000) + rng.normal(0, 0.02, 21)
    recall = 0.75 - 0.6 * np.exp(-images / 25000) + rng.normal(0, 0.01, 21)
    return Curve(images.astype(int).tolist(), loss.tolist(), recall.tolist())


def _splitting(rng: np.random.Generator, level: float, shared: int) -> SplitSide:
    versus = {arm: _versus(rng, 0.01 + level / 3) for arm in ARMS[1:]}
    return SplitSide(_scores(rng, level), versus, shared, TEST)


def _judge(classes: list[str], share: float) -> Identification:
    def of(value: float) -> Estimate:
        return Estimate(value, value - 0.05, value + 0.05)

    row = Judged(300, of(share), share + 0.1, of(share + 0.15))
    return Identification(row, {name: row if name in classes else Judged(0) for name in CLASSES})


def _subgroups(rng: np.random.Generator) -> list[SubgroupRow]:
    names = ("balanced_accuracy", "recall/mel")
    groups = {"age": ("0–29", "30–49", "50–69", "70+"), "sex": ("female", "male")}
    rows = []
    for column, values in groups.items():
        for i, value in enumerate(values):
            found = {name: _score(rng, 0.75, 0.06) for name in names}
            some = {name: Estimate(one.value, one.low, one.high) for name, one in found.items()}
            scores = {"real": some, "filtered": some} if i or column == "sex" else {}
            rows.append(SubgroupRow(column, value, 12 + 100 * i, 7 + 80 * i, scores))
    return rows


def _drift() -> list[Drift]:
    tones = ("very light", "light", "intermediate", "tan", "brown", "dark")
    real, made = (0.3, 0.4, 0.2, 0.06, 0.03, 0.01), (0.36, 0.44, 0.15, 0.04, 0.01, 0.0)
    shares = tuple(Share(*row) for row in zip(tones, real, made, strict=True))
    distance = Estimate(0.1, 0.06, 0.15)
    return [Drift(column, shares, distance) for column in ("skin_tone", "age")]

"""The result of an augmentation study, made up of random numbers in the shape of real ones."""

import numpy as np

CLASSES = ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"]
ARMS = ["real", "classical", "filtered", "unfiltered", "sweep_1", "sweep_2", "synthetic_only"]
REAL = (4694, 779, 769, 360, 229, 99, 80)
LESIONS = (811, 92, 109, 49, 34, 15, 11)
OVERALL = ("accuracy", "balanced_accuracy", "precision", "specificity", "f1", "auc", "ece")
PER_CLASS = ("recall", "precision", "specificity", "f1", "auc", "sensitivity_at_95_specificity")


def result():
    """A study in which everything was measured."""
    rng = np.random.default_rng(0)
    levels = dict(zip(ARMS, (0.0, 0.01, 0.02, 0.01, 0.015, 0.02, -0.2), strict=True))
    scores = {arm: _scores(rng, level) for arm, level in levels.items()}
    sentence = (
        "With 1121 test lesions we cannot tell whether sweep_1 helped or hurt: balanced accuracy"
    )
    return {
        "title": "Do synthetic melanomas help?",
        "target": "mel",
        "base": "real",
        "classes": CLASSES,
        "phantom": True,
        "threshold": 0.98,
        "data": {"dataset": "phantom", "resolution": 128, "split_seed": 0},
        "seeds": [0, 1, 2],
        "steps": 2000,
        "images_shown": 128000,
        "classifier": {
            "network": "efficientnet_lite0",
            "pretrained": True,
            "image_size": 224,
            "trained_stages": 0,
        },
        "generator": {"name": "pgan", "title": "A PGAN", "workdir": "../pgan", "step": 900},
        "split_hash": "0123456789abcdef0123",
        "test": {
            "images": 1503,
            "lesions": sum(LESIONS),
            "lesions_per_class": dict(zip(CLASSES, LESIONS, strict=True)),
        },
        "counts": _counts(),
        "arms": ARMS,
        "scores": scores,
        "versus": {arm: _versus(rng, levels[arm]) for arm in ARMS[1:]},
        "verdict": {
            "outcome": "cannot tell",
            "arm": "sweep_1",
            "sentence": f"{sentence} changed by +2.0 points; about 2,400 would be needed.",
            "lesions_needed": 2400,
        },
        "target_verdict": {
            "outcome": "helped",
            "arm": "filtered",
            "sentence": "On 1121 test lesions, filtered helped: recall/mel changed by +5.4 points.",
            "lesions_needed": None,
        },
        "confusion": {arm: _confusion(rng) for arm in ARMS},
        "reliability": {arm: _reliability(rng) for arm in ARMS},
        "curves": {arm: _curve(rng) for arm in ARMS},
        "leakage": {
            "sentence": "Split by image, the same classifiers seem 6.1 points better.",
            "group": _splitting(rng, 0.0, 0),
            "image": _splitting(rng, 0.06, 612),
        },
        "judged": {
            "threshold": 0.98,
            "real": _judge(CLASSES, 0.7),
            "sets": {"filtered": _judge(["mel"], 0.6), "unfiltered": _judge(["mel"], 0.4)},
        },
        "cas": {
            "real": {name: scores["real"][name] for name in OVERALL[:2]},
            "synthetic": {name: scores["synthetic_only"][name] for name in OVERALL[:2]},
        },
        "filter": {
            "rule": "discriminator",
            "protocol": "discriminator:pgan:900",
            "chosen_by": "share kept, 0.3",
            "n": 1000,
            "kept": 300,
            "classes": {"mel": {"n": 1000, "kept": 300, "accept_rate": 0.3}},
        },
        "subgroups": _subgroups(rng),
        "drift": _drift(),
        "drift_method": "Skin tone is estimated from the skin around the lesion.",
        "card": {
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
        "examples": {"real": {}, "synthetic": {}},
        "limits": ["One data set from two hospitals.", "One generator."],
        "method": ["Every arm takes equally many optimiser steps.", "Intervals are by lesions."],
    }


def sparse():
    """The least that a study may have: two arms, one seed, and nothing optional."""
    found = result()
    missing = ("leakage", "cas", "filter", "target_verdict")
    arms = ["real", "unfiltered"]
    keep = {"scores", "versus", "confusion", "reliability", "curves"}
    found |= {key: {arm: found[key][arm] for arm in arms if arm in found[key]} for key in keep}
    found |= dict.fromkeys(missing)
    found |= {"arms": arms, "seeds": [0], "phantom": False, "subgroups": [], "drift": []}
    found["counts"]["synthetic"] = {"unfiltered": {"mel": 1000}}
    found["judged"]["sets"] = {}
    nothing = {"value": None, "low": None, "high": float("nan"), "per_seed": []}
    found["scores"]["unfiltered"]["auc"] = nothing
    found["scores"]["real"]["recall/df"] = nothing
    unknown = {"difference": None, "low": None, "high": None, "p": None, "p_corrected": None}
    found["versus"]["unfiltered"]["recall/df"] = found["versus"]["unfiltered"]["auc"] = unknown
    found["curves"]["real"] = {"images": [0], "loss": [None], "balanced_accuracy": [None]}
    found["confusion"]["real"][6] = [0.0] * 7
    return found


def _score(rng, centre, half):
    value = float(np.clip(centre + rng.normal(0, 0.008), 0.02, 0.99))
    ends = {"low": max(value - half, 0.0), "high": min(value + half, 1.0)}
    return {"value": value, **ends, "per_seed": [value - 0.01, value, value + 0.01]}


def _scores(rng, level):
    overall = dict(zip(OVERALL, (0.86, 0.75, 0.77, 0.965, 0.76, 0.94, 0.05), strict=True))
    found = {name: _score(rng, centre + level, 0.025) for name, centre in overall.items()}
    for name, lesions in zip(CLASSES, LESIONS, strict=True):
        centres = zip(PER_CLASS, (0.72, 0.75, 0.96, 0.73, 0.94, 0.78), strict=True)
        half = 0.9 / np.sqrt(lesions)
        found |= {f"{score}/{name}": _score(rng, at + level, half) for score, at in centres}
    return found


def _versus(rng, level):
    halves = dict.fromkeys(("accuracy", "balanced_accuracy", "f1", "auc"), 0.02)
    halves |= {f"recall/{n}": 0.6 / np.sqrt(k) for n, k in zip(CLASSES, LESIONS, strict=True)}
    found = {}
    for name, half in halves.items():
        difference = level + rng.normal(0, half / 3)
        p = float(np.exp(-abs(difference) / half * 3))
        ends = {"low": difference - half, "high": difference + half}
        found[name] = {"difference": difference, **ends, "p": p, "p_corrected": min(3 * p, 1.0)}
    return found


def _counts():
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
    return {"real": real, "synthetic": made}


def _confusion(rng):
    rows = [
        rng.multinomial(n // 5, 0.75 * (np.arange(7) == i) + 0.25 / 7) for i, n in enumerate(REAL)
    ]
    return [[float(count) / 3 for count in 3 * row + rng.integers(0, 2, 7)] for row in rows]


def _reliability(rng):
    centres = (np.arange(15) + 0.5) / 15
    counts = [0, 0, 0, *rng.integers(2, 40, 11).tolist(), 900]
    right = np.clip(centres - 0.08 + rng.normal(0, 0.05, 15), 0, 1)
    hole = [None] * 3
    return {
        "confidence": hole + list(centres[3:]),
        "accuracy": hole + list(right[3:]),
        "count": counts,
    }


def _curve(rng):
    images = np.linspace(0, 128000, 21)
    loss = 0.5 + 1.4 * np.exp(-images / 20000) + rng.normal(0, 0.02, 21)
    recall = 0.75 - 0.6 * np.exp(-images / 25000) + rng.normal(0, 0.01, 21)
    return {"images": list(images), "loss": list(loss), "balanced_accuracy": list(recall)}


def _splitting(rng, level, shared):
    return {
        "base": _scores(rng, level),
        "versus": {arm: _versus(rng, 0.01 + level / 3) for arm in ARMS[1:]},
        "shared_lesions": shared,
        "test": {"images": 1503, "lesions": 1121},
    }


def _judge(classes, share):
    def of(value):
        return {"value": value, "low": value - 0.05, "high": value + 0.05}

    row = {"n": 300, "identified": of(share), "mean_probability": share + 0.1}
    row["consistent"] = of(share + 0.15)
    nothing = {"n": 0, "identified": None, "mean_probability": None, "consistent": None}
    return {
        "overall": row,
        "classes": {name: row if name in classes else nothing for name in CLASSES},
    }


def _subgroups(rng):
    names = ("balanced_accuracy", "recall/mel")
    groups = {"age": ("0–29", "30–49", "50–69", "70+"), "sex": ("female", "male")}
    rows = []
    for column, members in groups.items():
        for i, group in enumerate(members):
            some = {name: _score(rng, 0.75, 0.06) for name in names}
            scores = {"real": some, "filtered": some} if i or column == "sex" else {}
            rows.append(
                {
                    "column": column,
                    "group": group,
                    "images": 12 + 100 * i,
                    "lesions": 7 + 80 * i,
                    "scores": scores,
                }
            )
    return rows


def _drift():
    tones = ("very light", "light", "intermediate", "tan", "brown", "dark")
    real, made = (0.3, 0.4, 0.2, 0.06, 0.03, 0.01), (0.36, 0.44, 0.15, 0.04, 0.01, 0.0)
    groups = [
        {"group": tone, "real": a, "fake": b} for tone, a, b in zip(tones, real, made, strict=True)
    ]
    distance = {"value": 0.1, "low": 0.06, "high": 0.15}
    return [
        {"column": column, "groups": groups, "total_variation": distance}
        for column in ("skin_tone", "age")
    ]

"""Which test of an audit sees which copies, and from what share on.

Samples of a run with copies of its training images planted among them: exact ones, mirrored,
encoded again (JPEG, quality 60), re-coloured (a gain for each channel), and a part (the middle
70 %, enlarged). Each row is an audit of `--num` images of which that share is planted.

  python benchmarks/planted_copies.py --workdir=RUN --held_out=ham10000:test:mel --out=FILE.json
"""

import argparse
import io
import json
from collections.abc import Callable

import numpy as np
from PIL import Image

from dermgan_jax import files
from dermgan_jax.evaluation.audit import read_real
from dermgan_jax.evaluation.copy_detection import (
    EXACT,
    NEAR_COPY,
    Compared,
    examine,
    second_distances,
)
from dermgan_jax.evaluation.image_sources import ImageSource, Opening, config_of_a_workdir
from dermgan_jax.evaluation.memorisation_tests import memorisation_tests
from dermgan_jax.features.feature_spaces import FeatureSpace, open_space
from dermgan_jax.synthesis.drawing import Drawing
from dermgan_jax.synthesis.trained_sampler import sample_for_evaluation

SHARES = (0.01, 0.05, 0.2)


def re_encoded(image: np.ndarray) -> np.ndarray:
    """Through JPEG of quality 60."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def re_coloured(image: np.ndarray) -> np.ndarray:
    """Warmer and darker: a gain for each channel."""
    return np.clip(image * np.array([1.0, 0.85, 0.75]), 0, 255).astype(np.uint8)


def part(image: np.ndarray) -> np.ndarray:
    """The middle 70 % of each side, enlarged."""
    side = len(image)
    edge = round(0.15 * side)
    cut = Image.fromarray(image[edge : side - edge, edge : side - edge])
    return np.asarray(cut.resize((side, side), Image.Resampling.BICUBIC))


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exact": lambda image: image,
    "mirrored": lambda image: image[:, ::-1],
    "re-encoded": re_encoded,
    "re-coloured": re_coloured,
    "part": part,
}


def audited(
    train: Compared, fake: np.ndarray, held_out: Compared, space: FeatureSpace, planted: int
) -> dict[str, float]:
    """What each test says of images whose first `planted` are copies."""
    source = Compared(ImageSource("planted", fake), tuple(map(str, range(len(fake)))))
    second = second_distances("lite0", train.images, None)
    found, _ = examine(train, source, held_out, space, second, 0)
    rows = found.distinct
    caught = np.isin(found.verdicts, (EXACT, NEAR_COPY))
    unseen = np.asarray(held_out.images[found.held_out_rows])
    tests = memorisation_tests(
        space.features(train.images, "training images", keep=True),
        space.features(unseen, "held-out images", keep=True),
        space.features(fake[rows], "images", keep=True),
        train.groups,
        space.protocol,
        0,
    )
    return {
        "planted": planted,
        "caught": int(caught[rows < planted].sum()),
        "false": int(caught[rows >= planted].sum()),
        "share_p": found.share.p_value,
        "ct": tests.get("ct", {}).get("value", float("nan")),
        "authpct": tests["authpct"]["value"],
        "authpct_over_groups": tests.get("authpct_over_groups", {}).get("value", float("nan")),
        "fld_gap": tests["fld"]["gap"],
        "refused": int(found.refusal is not None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--held_out", required=True)
    parser.add_argument("--num", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    config = config_of_a_workdir(args.workdir)
    opening = Opening(args.num, Drawing(seed=args.seed), config)
    train, held_out = (read_real(name, opening) for name in (args.workdir, args.held_out))
    samples, _ = sample_for_evaluation(
        files.to_path(args.workdir), args.num, Drawing(seed=args.seed)
    )
    space = open_space("lite0")
    results = {"none": {"0": audited(train, np.asarray(samples), held_out, space, 0)}}
    print("none", results["none"]["0"], flush=True)
    generator = np.random.default_rng(args.seed)
    for kind, change in KINDS.items():
        results[kind] = {}
        for share in SHARES:
            num = round(share * args.num)
            rows = np.sort(generator.choice(len(train.images), num, replace=False))
            copies = np.stack([change(image) for image in np.asarray(train.images[rows])])
            fake = np.concatenate([copies, np.asarray(samples)[num:]])
            results[kind][str(share)] = audited(train, fake, held_out, space, num)
            print(kind, share, results[kind][str(share)], flush=True)
    with open(args.out, "w") as file:
        json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

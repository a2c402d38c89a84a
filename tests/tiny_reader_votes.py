"""Votes of simulated readers."""

import numpy as np

COLUMNS = (
    "reader,group,image,truth,answer,confidence,class_truth,class_answer,seconds,position,realism,"
    "first_answer,side,comment"
)
GROUPS = ("doctors", "engineers")


def simulated_votes(readers=6, real=20, fake=20, seed=0, skill=0.6):
    """A table of votes with all columns: two fake sides, of which the second is seen through.

    Readers alternate between two groups; the last one leaves out two images.
    """
    rng = np.random.default_rng(seed)
    level = np.r_[np.full(real, skill / 2), np.linspace(0.2, -1.4, fake) * skill]
    level += rng.normal(0, 0.3, real + fake)
    lines = [COLUMNS]
    for reader in range(readers):
        for position, image in enumerate(rng.permutation(real + fake)):
            truth = "real" if image < real else "fake"
            side = "clinic" if image < real else f"gan{'ab'[(image - real) * 2 // fake]}"
            if reader == readers - 1 and position < 2:
                lines.append(
                    f"r{reader},{GROUPS[reader % 2]},i{image:03d},{truth},,,"
                    f"{('mel', 'nv')[image % 2]},,,{position + 1},,,{side},"
                )
                continue
            latent = level[image] + rng.normal()
            answer = "real" if latent > 0 else "fake"
            first = answer if position % 10 else truth
            lines.append(
                f"r{reader},{GROUPS[reader % 2]},i{image:03d},{truth},{answer},"
                f"{min(int(abs(latent) * 3) + 1, 6)},{('mel', 'nv')[image % 2]},"
                f"{('mel', 'nv')[(image + (position % 4 == 0)) % 2]},{2 + position % 5},"
                f"{position + 1},{min(max(round(4 + latent), 1), 7)},{first},{side},"
            )
    return "\n".join(lines) + "\n"

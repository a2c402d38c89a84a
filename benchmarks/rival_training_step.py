"""The other side of training_step.py: training iterations written plainly in PyTorch.

    RIVAL_PYTHON rival_training_step.py FAMILY SIDE BATCH THREADS

FAMILY is projected, fastgan, stylegan2, spade or superres, see `rival_….py`; SIDE is 64 for the
first two. For every line on standard input one iteration is made and a line of JSON printed:
seconds, CPU seconds and parameters.
"""

import json
import sys
import time

import torch
from rival_fastgan import FastGan
from rival_projected import Projected
from rival_spade import SpadeGan
from rival_stylegan2 import StyleGan2
from rival_superres import SuperResolution


def main() -> None:
    family, side, batch, threads = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    if family == "stylegan2":
        model = StyleGan2(side, batch)
    elif family == "spade":
        model = SpadeGan(side, batch)
    elif family == "superres":
        model = SuperResolution()
    else:
        model = {"projected": Projected, "fastgan": FastGan}[family](batch)
    average = [[p.detach().clone() for p in net.parameters()] for net in model.nets[:1]]
    parameters = sum(p.numel() for net in model.nets for p in net.parameters())
    for number, _ in enumerate(sys.stdin):
        began, cpu_began = time.perf_counter(), time.process_time()
        model.step(number, torch.rand(batch, 3, side, side) * 2 - 1)
        with torch.no_grad():
            for kept, moved in zip(average[0], model.nets[0].parameters(), strict=True):
                kept.lerp_(moved, 0.001)
        answer = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_began,
            "parameters": parameters,
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

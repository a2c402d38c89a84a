"""The rival of upscale.py: an RRDBNet in plain PyTorch that enlarges, or learns, when asked.

    PYTHON rival_upscale.py TENSORS.npz IMAGES.npy RESULT.npy CORES STEP

With STEP 1 it computes the gradients of L1 against black images, all images in one batch; RESULT is
that of the first convolution's kernel.

Every line of input is answered with {"seconds", "cpu_seconds"} per image and "megabytes", the most
memory that the process ever had; the first answer is of a warm-up, after which RESULT.npy is there.
"""

import json
import resource
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class DenseBlock(nn.Module):
    def __init__(self, width: int, growth: int):
        super().__init__()
        for i in range(1, 6):
            outputs = width if i == 5 else growth
            self.add_module(f"conv{i}", nn.Conv2d(width + (i - 1) * growth, outputs, 3, 1, 1))

    def forward(self, x):
        found = [x]
        for i in range(1, 5):
            y = getattr(self, f"conv{i}")(torch.cat(found, 1))
            found.append(functional.leaky_relu(y, 0.2, inplace=True))
        return self.conv5(torch.cat(found, 1)) * 0.2 + x


class Block(nn.Module):
    def __init__(self, width: int, growth: int):
        super().__init__()
        for i in (1, 2, 3):
            self.add_module(f"rdb{i}", DenseBlock(width, growth))

    def forward(self, x):
        return self.rdb3(self.rdb2(self.rdb1(x))) * 0.2 + x


class RrdbNet(nn.Module):
    def __init__(self, num_blocks: int, width: int, growth: int):
        super().__init__()
        self.conv_first = nn.Conv2d(3, width, 3, 1, 1)
        self.body = nn.Sequential(*(Block(width, growth) for _ in range(num_blocks)))
        for name in ("conv_body", "conv_up1", "conv_up2", "conv_hr"):
            self.add_module(name, nn.Conv2d(width, width, 3, 1, 1))
        self.conv_last = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, x):
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
            x = functional.leaky_relu(conv(x), 0.2, inplace=True)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), 0.2, inplace=True))


def enlarged(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return torch.cat([net(image[None]) for image in inputs]).permute(0, 2, 3, 1)


def gradient(net: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    net.zero_grad(set_to_none=True)
    net(inputs).abs().mean().backward()
    return net.conv_first.weight.grad.permute(2, 3, 1, 0)


def main() -> None:
    tensors, images, result, cores, step = sys.argv[1:]
    if int(cores):
        torch.set_num_threads(int(cores))
    with np.load(tensors) as arrays:
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
    num_blocks = 1 + max(int(name.split(".")[1]) for name in state if name.startswith("body."))
    width, growth = (
        state[name].shape[0] for name in ("conv_first.weight", "body.0.rdb1.conv1.weight")
    )
    net = RrdbNet(num_blocks, width, growth).eval()
    net.load_state_dict(state)
    inputs = torch.from_numpy(np.load(images).transpose(0, 3, 1, 2).copy())
    compute = gradient if int(step) else enlarged
    warm = False
    for _ in sys.stdin:
        began, cpu_began = time.perf_counter(), time.process_time()
        found = compute(net, inputs)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        if not warm:
            np.save(result, found.numpy())
            warm = True
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer = {"seconds": seconds / len(inputs), "cpu_seconds": cpu / len(inputs)}
        print(json.dumps({**answer, "megabytes": peak}), flush=True)


if __name__ == "__main__":
    main()

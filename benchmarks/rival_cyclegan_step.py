"""The other side of cyclegan_step.py: CycleGAN's training step, written plainly in PyTorch.

    RIVAL_PYTHON rival_cyclegan_step.py WIDTH BLOCKS SIDE BATCH THREADS

Networks, losses, order and optimisers as in pytorch-CycleGAN-and-pix2pix; nothing of it is needed.
For every line on standard input one step is made and a line of JSON printed: seconds, CPU seconds,
threads and parameters.
"""

import itertools
import json
import random
import sys
import time

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)),
            nn.ReLU(True),
            *(nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


def generator(width: int, blocks: int) -> nn.Module:
    """ResNet generator: 7×7, two halvings, residual blocks, two doublings, 7×7."""
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7)]
    layers += [nn.InstanceNorm2d(width), nn.ReLU(True)]
    for n in (width, 2 * width):
        layers += [nn.Conv2d(n, 2 * n, 3, 2, 1), nn.InstanceNorm2d(2 * n), nn.ReLU(True)]
    layers += [ResidualBlock(4 * width) for _ in range(blocks)]
    for n in (4 * width, 2 * width):
        up = nn.ConvTranspose2d(n, n // 2, 3, 2, 1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(n // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())


def discriminator(width: int = 64) -> nn.Module:
    """The 70×70 PatchGAN."""
    layers = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for n, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        conv = nn.Conv2d(n, 2 * n, 4, stride, 1)
        layers += [conv, nn.InstanceNorm2d(2 * n), nn.LeakyReLU(0.2, True)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


class Pool:
    """The last 50 fakes."""

    def __init__(self):
        self.images: list[torch.Tensor] = []

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        chosen = []
        for image in images.detach():
            if len(self.images) < 50:
                self.images.append(image)
            elif random.random() > 0.5:
                place = random.randrange(50)
                image, self.images[place] = self.images[place], image
            chosen.append(image)
        return torch.stack(chosen)


class Step:
    """Both generators, then both discriminators."""

    def __init__(self, width: int, blocks: int):
        self.to_b, self.to_a = generator(width, blocks), generator(width, blocks)
        self.judge_a, self.judge_b = discriminator(), discriminator()
        self.generators = [*self.to_b.parameters(), *self.to_a.parameters()]
        self.discriminators = [*self.judge_a.parameters(), *self.judge_b.parameters()]
        self.g_adam = torch.optim.Adam(self.generators, 2e-4, (0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.discriminators, 2e-4, (0.5, 0.999))
        self.pool_a, self.pool_b = Pool(), Pool()

    def run(self, a: torch.Tensor, b: torch.Tensor) -> None:
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        for parameter in self.discriminators:
            parameter.requires_grad_(False)
        distance = functional.l1_loss
        loss = judged(self.judge_b(fake_b), 1.0) + judged(self.judge_a(fake_a), 1.0)
        loss = loss + 10 * (distance(self.to_a(fake_b), a) + distance(self.to_b(fake_a), b))
        loss = loss + 5 * (distance(self.to_b(b), b) + distance(self.to_a(a), a))
        self.g_adam.zero_grad()
        loss.backward()
        self.g_adam.step()
        for parameter in self.discriminators:
            parameter.requires_grad_(True)
        self.d_adam.zero_grad()
        for judge, real, fake in (
            (self.judge_a, a, self.pool_a.exchange(fake_a)),
            (self.judge_b, b, self.pool_b.exchange(fake_b)),
        ):
            (0.5 * (judged(judge(real), 1.0) + judged(judge(fake), 0.0))).backward()
        self.d_adam.step()


def judged(scores: torch.Tensor, target: float) -> torch.Tensor:
    """LSGAN."""
    return ((scores - target) ** 2).mean()


def main(width: int, blocks: int, side: int, batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    step = Step(width, blocks)
    shape = (batch, 3, side, side)
    parameters = sum(p.numel() for p in itertools.chain(step.generators, step.discriminators))
    for _ in sys.stdin:
        a, b = torch.rand(shape) * 2 - 1, torch.rand(shape) * 2 - 1
        began, cpu_began = time.perf_counter(), time.process_time()
        step.run(a, b)
        measured = {
            "seconds": time.perf_counter() - began,
            "cpu_seconds": time.process_time() - cpu_began,
            "threads": torch.get_num_threads(),
            "parameters": parameters,
        }
        print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

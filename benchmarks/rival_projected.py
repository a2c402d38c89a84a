"""Projected GAN's training iteration, written plainly in PyTorch as projected-gan has it: FastGAN's
lite generator at 64 pixels, EfficientNet-Lite0 with random weights.
"""

import itertools

import torch
from rival_fastgan import Excitation, conv, init_layer, up_block
from torch import nn
from torch.nn import functional

LITE0 = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80))
LITE0 += ((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


class FastGanLite(nn.Module):
    def __init__(self, latents: int = 128, width: int = 32):
        super().__init__()
        widths = [width * m for m in (16, 8, 4, 2, 2)]
        self.init = init_layer(latents, widths[0])
        self.blocks = nn.ModuleList(up_block(a, b) for a, b in itertools.pairwise(widths))
        self.excite = Excitation(widths[0], widths[-1])
        self.to_big = conv(widths[-1], 3, 3, 1, 1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        x = small = self.init(z[:, :, None, None])
        for block in self.blocks:
            x = block(x)
        return self.to_big(self.excite(small, x))


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, kernel: int, stride: int, expansion: int, outputs: int):
        super().__init__()
        width, layers = inputs * expansion, []
        if expansion > 1:
            layers += [nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU6()]
        depthwise = nn.Conv2d(width, width, kernel, stride, kernel // 2, groups=width, bias=False)
        layers += [depthwise, nn.BatchNorm2d(width), nn.ReLU6()]
        layers += [nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.layers, self.adds = nn.Sequential(*layers), stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x) + x if self.adds else self.layers(x)


class Features(nn.Module):
    """EfficientNet-Lite0 with CCM and CSM, frozen."""

    def __init__(self, width: int = 32):
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6())
        stages, inputs = [[stem], [], [], []], 32
        for stage, (blocks, kernel, stride, expansion, outputs) in enumerate(LITE0):
            for block in range(blocks):
                step = stride if block == 0 else 1
                part = stages[(0, 0, 1, 2, 2, 3, 3)[stage]]
                part.append(Bottleneck(inputs, kernel, step, expansion, outputs))
                inputs = outputs
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        taps, mixed = (24, 40, 112, 320), [width * m for m in (1, 2, 4, 8)]
        self.ccm = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(taps, mixed, strict=True))
        halved = [mixed[0], *(m // 2 for m in mixed[1:])]
        self.csm = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in zip(mixed, halved, strict=True))
        self.requires_grad_(False).eval()

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps, found, y = [], [], None
        for stage, ccm in zip(self.stages, self.ccm, strict=True):
            x = stage(x)
            maps.append(ccm(x))
        for level in (3, 2, 1, 0):
            y = maps[level] if y is None else maps[level] + y
            y = functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
            y = self.csm[level](y)
            found.insert(0, y)
        return found


def projected_discriminator(inputs: int, widths: tuple[int, ...]) -> nn.Module:
    layers = []
    for width in widths:
        layers += [conv(inputs, width, 4, 2, 1), nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
        inputs = width
    return nn.Sequential(*layers, conv(inputs, 1, 4, bias=False))


class Projected:
    """Both updates of an iteration, each on fakes of its own."""

    def __init__(self, batch: int):
        self.batch, self.g, self.f = batch, FastGanLite(), Features()
        widths = ((128, 256, 512), (256, 512), (512,), ())
        inputs = (32, 32, 64, 128)
        self.d = nn.ModuleList(map(projected_discriminator, inputs, widths))
        self.optimizers = [
            torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.99)) for net in (self.g, self.d)
        ]
        self.nets = (self.g, self.d)

    def judge(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.f(images)
        logits = [d(x).flatten(1) for d, x in zip(self.d, maps, strict=True)]
        return torch.cat(logits, 1)

    def step(self, number: int, reals: torch.Tensor) -> None:
        del number
        of_g, of_d = self.optimizers
        self.d.requires_grad_(False)
        of_g.zero_grad(set_to_none=True)
        (-self.judge(self.g(torch.randn(self.batch, 128))).mean()).backward()
        of_g.step()
        self.d.requires_grad_(True)
        of_d.zero_grad(set_to_none=True)
        with torch.no_grad():
            fakes = self.g(torch.randn(self.batch, 128))
        functional.relu(1 + self.judge(fakes)).mean().backward()
        functional.relu(1 - self.judge(reals)).mean().backward()
        of_d.step()

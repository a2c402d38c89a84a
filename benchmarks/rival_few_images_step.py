"""The other side of few_images_step.py: training iterations written plainly in PyTorch.

    RIVAL_PYTHON rival_few_images_step.py FAMILY SIDE BATCH THREADS

FAMILY is projected (FastGAN's lite generator, width 32, EfficientNet-Lite0 at 64 pixels, random
weights, as projected-gan) or stylegan2 (the networks of stylegan2_melanoma:small, as
stylegan2-ada-pytorch's reference operations, no augmentation). For every line on standard input one
iteration is made and a line of JSON printed: seconds, CPU seconds and parameters.
"""

import itertools
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

LITE0 = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80))
LITE0 += ((3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320))


def conv(*args, **options):
    return spectral_norm(nn.Conv2d(*args, **options))


class Excitation(nn.Module):
    def __init__(self, small: int, large: int):
        super().__init__()
        self.main = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(4), conv(small, large, 4, bias=False), nn.SiLU()),
            *(conv(large, large, 1, bias=False), nn.Sigmoid()),
        )

    def forward(self, small: torch.Tensor, large: torch.Tensor) -> torch.Tensor:
        return large * self.main(small)


class FastGanLite(nn.Module):
    def __init__(self, latents: int = 128, width: int = 32):
        super().__init__()
        widths = [width * m for m in (16, 8, 4, 2, 2)]
        first = spectral_norm(nn.ConvTranspose2d(latents, 2 * widths[0], 4, bias=False))
        self.init = nn.Sequential(first, nn.BatchNorm2d(2 * widths[0]), nn.GLU(1))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"),
                conv(a, 2 * b, 3, 1, 1, bias=False),
                nn.BatchNorm2d(2 * b),
                nn.GLU(1),
            )
            for a, b in itertools.pairwise(widths)
        )
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


def blur(x: torch.Tensor, gain: float, padding: tuple[int, int]) -> torch.Tensor:
    taps = torch.tensor([1.0, 3, 3, 1]) / 8
    kernel = (gain * torch.outer(taps, taps)).expand(x.shape[1], 1, 4, 4)
    x = functional.pad(x, (*padding, *padding))
    return functional.conv2d(x, kernel, groups=x.shape[1])


class Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int, rate: float = 1.0, bias: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.rate, self.scale = rate, rate / inputs**0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias * self.rate)


def activate(x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
    return functional.leaky_relu(x, 0.2) * (gain * 2**0.5)


class StyledConv(nn.Module):
    """Modulated: inputs and outputs are scaled, as the original does in training."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, up: bool = False, rgb=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias, self.strength = nn.Parameter(torch.zeros(outputs)), nn.Parameter(torch.zeros(()))
        self.affine, self.up, self.rgb = Dense(128, inputs, bias=1.0), up, rgb

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        styles, weight = self.affine(w), self.weight
        if self.rgb:
            styles = styles / weight.shape[1] ** 0.5
        x = x * styles[:, :, None, None]
        if self.up:
            x = functional.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
            x = blur(x, 4, (1, 1))
        else:
            x = functional.conv2d(x, weight, padding=weight.shape[2] // 2)
        if self.rgb:
            return x + self.bias[:, None, None]
        squares = weight.square().sum((2, 3)) @ styles.square().T
        x = x * (squares.T + 1e-8).rsqrt()[:, :, None, None]
        noise = torch.randn(len(x), 1, *x.shape[2:]) * self.strength
        return activate(x + noise + self.bias[:, None, None])


class Generator(nn.Module):
    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        self.mapping = nn.ModuleList(Dense(128, 128, 0.01) for _ in range(2))
        self.const = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.first = StyledConv(widths[0], widths[0])
        self.blocks = nn.ModuleList(
            nn.ModuleList([StyledConv(a, b, up=True), StyledConv(b, b)])
            for a, b in itertools.pairwise(widths)
        )
        self.rgb = nn.ModuleList(StyledConv(width, 3, 1, rgb=True) for width in widths)

    def map(self, z: torch.Tensor) -> torch.Tensor:
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            x = activate(layer(x))
        return x

    def synthesize(self, w: torch.Tensor) -> torch.Tensor:
        """Of styles (N, layers, 128)."""
        x = self.first(self.const.expand(len(w), -1, -1, -1), w[:, 0])
        image = self.rgb[0](x, w[:, 1])
        for level, (up, same) in enumerate(self.blocks):
            x = up(x, w[:, 2 * level + 1])
            x = same(x, w[:, 2 * level + 2])
            spread = torch.zeros(len(w), 3, 2 * image.shape[2], 2 * image.shape[3])
            spread[:, :, ::2, ::2] = image
            image = blur(spread, 4, (2, 1)) + self.rgb[level + 1](x, w[:, 2 * level + 3])
        return image


class EqualConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, down=False, gain=1.0, linear=False):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = None if linear else nn.Parameter(torch.zeros(outputs))
        self.scale, self.down, self.gain = (inputs * size**2) ** -0.5, down, gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, size = self.weight * self.scale, self.weight.shape[2]
        if self.down and size == 1:
            x = functional.conv2d(blur(x, 1, (1, 1))[:, :, ::2, ::2], weight)
        elif self.down:
            x = functional.conv2d(blur(x, 1, (2, 2)), weight, stride=2)
        else:
            x = functional.conv2d(x, weight, padding=size // 2)
        return (
            x * self.gain
            if self.bias is None
            else activate(x + self.bias[:, None, None], self.gain)
        )


class Discriminator(nn.Module):
    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        self.fromrgb = EqualConv(3, widths[-1], 1)
        pairs = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [
                    EqualConv(a, b, 1, down=True, gain=0.5**0.5, linear=True),
                    EqualConv(a, a, 3),
                    EqualConv(a, b, 3, down=True, gain=0.5**0.5),
                ]
            )
            for a, b in pairs
        )
        self.conv = EqualConv(widths[0] + 1, widths[0], 3)
        self.fc, self.out = Dense(16 * widths[0], widths[0]), Dense(widths[0], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fromrgb(x)
        for skip, first, second in self.blocks:
            x = second(first(x)) + skip(x)
        groups = x.reshape(4, -1, *x.shape[1:])
        deviation = (groups.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        channel = deviation.repeat(4)[:, None, None, None].expand(-1, 1, 4, 4)
        x = self.conv(torch.cat([x, channel], 1)).flatten(1)
        return self.out(activate(self.fc(x)))


class StyleGan2:
    """Both updates, path lengths every fourth and R1 every sixteenth iteration."""

    def __init__(self, side: int, batch: int):
        widths = tuple(min(2048 >> level, 64) for level in range(2, side.bit_length()))
        self.batch, self.layers = batch, 2 * len(widths)
        self.g, self.d = Generator(widths), Discriminator(widths)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), 0.002, (0.0, 0.99)) for net in (self.g, self.d)
        ]
        self.nets, self.mean = (self.g, self.d), torch.zeros(())

    def styles(self, num: int) -> torch.Tensor:
        both = self.g.map(torch.randn(2 * num, 128))
        own, other = both[:num, None], both[num:, None]
        cut = int(torch.randint(1, self.layers, ()))
        layers = torch.arange(self.layers)[None, :, None] < cut
        return torch.where(layers, own, other)

    def step(self, number: int, reals: torch.Tensor) -> None:
        of_g, of_d = self.optimizers
        self.d.requires_grad_(False)
        of_g.zero_grad(set_to_none=True)
        fakes = self.g.synthesize(self.styles(self.batch))
        functional.softplus(-self.d(fakes)).mean().backward()
        of_g.step()
        if number % 4 == 0:
            of_g.zero_grad(set_to_none=True)
            w = self.styles(self.batch // 2)
            images = self.g.synthesize(w)
            noise = torch.randn_like(images) / images.shape[2]
            (slope,) = torch.autograd.grad((images * noise).sum(), w, create_graph=True)
            lengths = slope.square().sum(2).mean(1).sqrt()
            self.mean = self.mean.lerp(lengths.mean().detach(), 0.01)
            (8 * (lengths - self.mean).square().mean()).backward()
            of_g.step()
        self.d.requires_grad_(True)
        of_d.zero_grad(set_to_none=True)
        with torch.no_grad():
            fakes = self.g.synthesize(self.styles(self.batch))
        functional.softplus(self.d(fakes)).mean().backward()
        functional.softplus(-self.d(reals)).mean().backward()
        of_d.step()
        if number % 16 == 0:
            of_d.zero_grad(set_to_none=True)
            reals = reals.requires_grad_()
            (slope,) = torch.autograd.grad(self.d(reals).sum(), reals, create_graph=True)
            (0.5 * slope.square().sum((1, 2, 3)).mean() * 16).backward()
            of_d.step()


def main() -> None:
    family, side, batch, threads = sys.argv[1], *map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    model = Projected(batch) if family == "projected" else StyleGan2(side, batch)
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

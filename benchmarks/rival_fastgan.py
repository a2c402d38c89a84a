"""FastGAN's training iteration at 64 pixels, written plainly in PyTorch as FastGAN-pytorch has it;
reconstructions are judged by pixels.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm


def conv(*args, **options):
    return spectral_norm(nn.Conv2d(*args, **options))


def up_block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        conv(inputs, 2 * outputs, 3, 1, 1, bias=False),
        nn.BatchNorm2d(2 * outputs),
        nn.GLU(1),
    )


def init_layer(latents: int, outputs: int) -> nn.Sequential:
    first = spectral_norm(nn.ConvTranspose2d(latents, 2 * outputs, 4, bias=False))
    return nn.Sequential(first, nn.BatchNorm2d(2 * outputs), nn.GLU(1))


class Excitation(nn.Module):
    def __init__(self, small: int, large: int):
        super().__init__()
        self.main = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(4), conv(small, large, 4, bias=False), nn.SiLU()),
            *(conv(large, large, 1, bias=False), nn.Sigmoid()),
        )

    def forward(self, small: torch.Tensor, large: torch.Tensor) -> torch.Tensor:
        return large * self.main(small)


class Noise(nn.Module):
    def __init__(self):
        super().__init__()
        self.strength = nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.strength * torch.randn(len(x), 1, *x.shape[2:])


def noisy_up_block(inputs: int, outputs: int) -> nn.Sequential:
    layers = [nn.Upsample(scale_factor=2, mode="nearest")]
    for width in (inputs, outputs):
        layers += [conv(width, 2 * outputs, 3, 1, 1, bias=False), Noise()]
        layers += [nn.BatchNorm2d(2 * outputs), nn.GLU(1)]
    return nn.Sequential(*layers)


class FastGanGenerator(nn.Module):
    """At 64 px; the second image is half as large."""

    def __init__(self, latents: int = 128, width: int = 32):
        super().__init__()
        widths = [width * m for m in (16, 8, 4, 2, 2)]
        self.init = init_layer(latents, widths[0])
        blocks = (noisy_up_block, up_block, noisy_up_block, up_block)
        pairs = zip(blocks, itertools.pairwise(widths), strict=True)
        self.blocks = nn.ModuleList(block(*pair) for block, pair in pairs)
        self.excite = Excitation(widths[0], widths[-1])
        self.to_big = conv(widths[-1], 3, 3, 1, 1, bias=False)
        self.to_small = conv(widths[-2], 3, 1, bias=False)

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = small = self.init(z[:, :, None, None])
        for block in self.blocks[:-1]:
            x = block(x)
        large = self.excite(small, self.blocks[-1](x))
        return self.to_big(large), self.to_small(x)


def conv_block(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Sequential:
    layer = conv(inputs, outputs, size, stride, (size - stride + 1) // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2))


class DownComp(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.main = nn.Sequential(
            conv_block(inputs, outputs, 4, 2), conv_block(outputs, outputs, 3)
        )
        self.direct = nn.Sequential(nn.AvgPool2d(2), conv_block(inputs, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.main(x) + self.direct(x)) / 2


def decoder(inputs: int) -> nn.Sequential:
    widths = (inputs, 128, 64, 64)
    blocks = (up_block(a, b) for a, b in itertools.pairwise(widths))
    last = conv(widths[-1], 3, 3, 1, 1, bias=False)
    return nn.Sequential(nn.AdaptiveAvgPool2d(8), *blocks, last, nn.Tanh())


class FastGanDiscriminator(nn.Module):
    """Of 64 px."""

    def __init__(self, width: int = 32):
        super().__init__()
        widths = [width * m for m in (1, 2, 4, 8)]
        self.entry = nn.Sequential(conv(3, width, 3, 1, 1, bias=False), nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(DownComp(a, b) for a, b in itertools.pairwise(widths))
        self.excite = Excitation(widths[0], widths[-1])
        self.judge = nn.Sequential(
            conv_block(widths[-1], 16 * width, 1), conv(16 * width, 1, 4, bias=False)
        )
        first = nn.Sequential(conv(3, 2 * width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2))
        self.small = nn.Sequential(first, conv_block(2 * width, 4 * width, 4, 2))
        self.judge_small = conv(4 * width, 1, 4, bias=False)
        inputs = (widths[-1], 4 * width, widths[-2])
        self.decoders = nn.ModuleList(map(decoder, inputs))

    def forward(self, images: torch.Tensor, smalls: torch.Tensor, part: int | None = None):
        """Logits, and reconstructions if `part`, the quarter of one of them, is given."""
        features = [self.entry(images)]
        for block in self.blocks:
            features.append(block(features[-1]))
        large, small = self.excite(features[0], features[-1]), self.small(smalls)
        logits = [self.judge(large).flatten(1), self.judge_small(small).flatten(1)]
        if part is None:
            return torch.cat(logits, 1)
        sources = (large, small, quarter(features[-2], part))
        pairs = zip(self.decoders, sources, strict=True)
        return torch.cat(logits, 1), [decode(source) for decode, source in pairs]


def quarter(x: torch.Tensor, part: int) -> torch.Tensor:
    return x.chunk(2, 2)[part // 2].chunk(2, 3)[part % 2]


class FastGan:
    """The discriminator's update, then the generator's, on the same fakes."""

    def __init__(self, batch: int):
        self.batch, self.g, self.d = batch, FastGanGenerator(), FastGanDiscriminator()
        self.nets = (self.g, self.d)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999)) for net in self.nets
        ]

    def step(self, number: int, reals: torch.Tensor) -> None:
        of_g, of_d = self.optimizers
        fakes = self.g(torch.randn(self.batch, 128))
        of_d.zero_grad(set_to_none=True)
        part = number % 4
        logits, found = self.d(reals, reals[:, :, ::2, ::2], part)
        piece = functional.interpolate(quarter(reals, part), scale_factor=2, mode="nearest")
        loss = functional.relu(torch.rand_like(logits) * 0.2 + 0.8 - logits).mean()
        for image, target in zip(found, (reals, reals, piece), strict=True):
            loss = loss + (image - target).square().mean((1, 2, 3)).sum()
        loss.backward()
        logits = self.d(*(each.detach() for each in fakes))
        functional.relu(torch.rand_like(logits) * 0.2 + 0.8 + logits).mean().backward()
        of_d.step()
        self.d.requires_grad_(False)
        of_g.zero_grad(set_to_none=True)
        (-self.d(*fakes).mean()).backward()
        of_g.step()
        self.d.requires_grad_(True)

"""SPADE's training iteration, written plainly in PyTorch as NVlabs/SPADE has it: no VAE, no
perceptual loss, the class as channels beside the mask.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

CLASSES, MASKS = 7, 2


class Spade(nn.Module):
    def __init__(self, features: int, hidden: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.shared = nn.Conv2d(CLASSES + MASKS, hidden, 3, 1, 1)
        self.gamma = nn.Conv2d(hidden, features, 3, 1, 1)
        self.beta = nn.Conv2d(hidden, features, 3, 1, 1)

    def forward(self, x: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        shared = functional.relu(self.shared(functional.interpolate(maps, x.shape[2:])))
        return self.norm(x) * (1 + self.gamma(shared)) + self.beta(shared)


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, hidden: int):
        super().__init__()
        middle = min(inputs, outputs)
        self.conv_0 = spectral_norm(nn.Conv2d(inputs, middle, 3, 1, 1))
        self.conv_1 = spectral_norm(nn.Conv2d(middle, outputs, 3, 1, 1))
        self.norm_0, self.norm_1 = Spade(inputs, hidden), Spade(middle, hidden)
        self.learned = inputs != outputs
        if self.learned:
            self.conv_s = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))
            self.norm_s = Spade(inputs, hidden)

    def forward(self, x: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        shortcut = self.conv_s(self.norm_s(x, maps)) if self.learned else x
        y = self.conv_0(functional.leaky_relu(self.norm_0(x, maps), 0.2))
        return shortcut + self.conv_1(functional.leaky_relu(self.norm_1(y, maps), 0.2))


class Generator(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.fc = nn.Conv2d(CLASSES + MASKS, 16 * width, 3, 1, 1)
        widths = (16, 16, 16, 16, 8, 4, 2, 1)
        self.blocks = nn.ModuleList(
            Block(a * width, b * width, hidden) for a, b in itertools.pairwise(widths)
        )
        self.image = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        x = self.fc(functional.interpolate(maps, [side // 32 for side in maps.shape[2:]]))
        for i, block in enumerate(self.blocks):
            # The size is doubled after the first block and before each of the last four.
            x = functional.interpolate(x, scale_factor=2) if i in (1, 3, 4, 5, 6) else x
            x = block(x, maps)
        return torch.tanh(self.image(functional.leaky_relu(x, 0.2)))


def scale_discriminator(width: int, layers: int) -> nn.ModuleList:
    found = [nn.Sequential(nn.Conv2d(CLASSES + MASKS + 3, width, 4, 2, 2), nn.LeakyReLU(0.2))]
    for i in range(1, layers):
        stride = 1 if i == layers - 1 else 2
        conv = nn.Conv2d(width * 2 ** (i - 1), width * 2**i, 4, stride, 2, bias=False)
        norm = nn.InstanceNorm2d(width * 2**i)
        found.append(nn.Sequential(spectral_norm(conv), norm, nn.LeakyReLU(0.2)))
    return nn.ModuleList([*found, nn.Conv2d(width * 2 ** (layers - 1), 1, 4, 1, 2)])


class Discriminator(nn.Module):
    def __init__(self, width: int, layers: int = 4, scales: int = 2):
        super().__init__()
        self.scales = nn.ModuleList(scale_discriminator(width, layers) for _ in range(scales))

    def forward(self, x: torch.Tensor) -> list[list[torch.Tensor]]:
        found = []
        for i, scale in enumerate(self.scales):
            if i:
                x = functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            maps = [x]
            for layer in scale:
                maps.append(layer(maps[-1]))
            found.append(maps[1:])
        return found


class SpadeGan:
    """The generator's update, then the discriminators', of fresh fakes."""

    def __init__(self, side: int, batch: int, width: int = 8, hidden: int = 32, seen: int = 32):
        self.g, self.d = Generator(width, hidden), Discriminator(seen)
        self.nets = (self.g, self.d)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), rate, (0.0, 0.9))
            for net, rate in ((self.g, 1e-4), (self.d, 4e-4))
        ]
        mask = (torch.rand(batch, side, side) > 0.5).long()
        of_image = functional.one_hot(torch.arange(batch) % CLASSES, CLASSES).float()
        planes = of_image[:, :, None, None].expand(-1, -1, side, side)
        one_hot = functional.one_hot(mask, MASKS).permute(0, 3, 1, 2).float()
        self.maps = torch.cat([one_hot, planes], 1)

    def seen(self, fake: torch.Tensor, real: torch.Tensor):
        pairs = torch.cat([torch.cat([self.maps, self.maps]), torch.cat([fake, real])], 1)
        split = [[x.chunk(2) for x in scale] for scale in self.d(pairs)]
        return [[x[0] for x in scale] for scale in split], [[x[1] for x in s] for s in split]

    def step(self, number: int, real: torch.Tensor) -> None:
        of_fake, of_real = self.seen(self.g(self.maps), real)
        loss = -sum(scale[-1].mean() for scale in of_fake) / 2
        for fakes, reals in zip(of_fake, of_real, strict=True):
            pairs = zip(fakes[:-1], reals[:-1], strict=True)
            loss = loss + 10 / 2 * sum((a - b.detach()).abs().mean() for a, b in pairs)
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        with torch.no_grad():
            fake = self.g(self.maps)
        of_fake, of_real = self.seen(fake, real)
        loss = sum(functional.relu(1 + scale[-1]).mean() for scale in of_fake) / 2
        loss = loss + sum(functional.relu(1 - scale[-1]).mean() for scale in of_real) / 2
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()

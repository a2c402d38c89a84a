"""StyleGAN2's training iteration, written plainly in PyTorch as the reference operations of
stylegan2-ada-pytorch; no augmentation.
"""

import itertools

import torch
from torch import nn
from torch.nn import functional


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

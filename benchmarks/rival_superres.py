"""Super-resolution's adversarial iteration, written plainly in PyTorch as BasicSR has it: RRDBNet,
U-Net discriminator with spectral normalisation, L1 and plain cross-entropy, no perceptual loss.
"""

import torch
from rival_upscale import RrdbNet
from torch import nn
from torch.nn import functional
from torch.nn.utils import spectral_norm


class UnetDiscriminator(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, width, 3, 1, 1), nn.Conv2d(width, 1, 3, 1, 1)

        def conv(inputs: int, outputs: int, *shape: int) -> nn.Module:
            layer = nn.Conv2d(inputs * width, outputs * width, *shape, bias=False)
            return spectral_norm(layer)

        self.down = nn.ModuleList(conv(a, b, 4, 2, 1) for a, b in ((1, 2), (2, 4), (4, 8)))
        self.up = nn.ModuleList(conv(a, b, 3, 1, 1) for a, b in ((8, 4), (4, 2), (2, 1)))
        self.end = nn.ModuleList(conv(1, 1, 3, 1, 1) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.first(x), 0.2)
        skipped = [x]
        for layer in self.down:
            x = functional.leaky_relu(layer(x), 0.2)
            skipped.append(x)
        skipped.pop()
        for layer in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = functional.leaky_relu(layer(x), 0.2) + skipped.pop()
        for layer in self.end:
            x = functional.leaky_relu(layer(x), 0.2)
        return self.last(x)


class SuperResolution:
    """The generator's update, then the discriminator's, of the same fakes."""

    def __init__(self, num_blocks: int = 4, width: int = 32, growth: int = 16):
        self.g, self.d = RrdbNet(num_blocks, width, growth), UnetDiscriminator(32)
        self.nets = (self.g, self.d)
        self.optimizers = [
            torch.optim.Adam(net.parameters(), 1e-4, (0.9, 0.99)) for net in self.nets
        ]

    def judged(self, images: torch.Tensor, real: bool) -> torch.Tensor:
        scores = self.d(images)
        wanted = torch.full_like(scores, float(real))
        return functional.binary_cross_entropy_with_logits(scores, wanted)

    def step(self, number: int, real: torch.Tensor) -> None:
        large = (real + 1) / 2
        small = functional.interpolate(large, scale_factor=0.25, mode="bicubic", antialias=True)
        fake = self.g(small)
        for parameter in self.d.parameters():
            parameter.requires_grad = False
        loss = functional.l1_loss(fake, large) + 0.1 * self.judged(fake, real=True)
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        for parameter in self.d.parameters():
            parameter.requires_grad = True
        loss = self.judged(large, real=True) + self.judged(fake.detach(), real=False)
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()

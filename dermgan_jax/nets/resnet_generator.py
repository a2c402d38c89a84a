"""The residual generator of CycleGAN (Zhu et al., 2017, arXiv:1703.10593, appendix) and CUT.

Source: junyanz/pytorch-CycleGAN-and-pix2pix and taesungp/contrastive-unpaired-translation,
models/networks.py, ResnetGenerator.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dermgan_jax.nets.antialiasing import blur_down, blur_up
from dermgan_jax.nets.conv_layers import Conv, KernelInit
from dermgan_jax.nets.convolution import reflect_pad, zero_pad
from dermgan_jax.nets.feature_norm import Norm, normalize


class ResnetBlock(nn.Module):
    """x + norm(conv(dropout(relu(norm(conv(x)))))), both convolutions 3x3 with mirrored edges.

    Attributes:
      norm, dropout, kernel_init, dtype: see `ResnetGenerator`.
      emit: return the result a second time, for `nn.scan` to collect.
    """

    norm: Norm
    dropout: bool
    kernel_init: KernelInit
    dtype: Any
    emit: bool

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> tuple[jax.Array, jax.Array | None]:
        """(N, H, W, C) -> the same shape, and again or None."""
        y = x
        for i in (1, 2):
            conv = Conv(
                *(x.shape[-1], 3),
                use_bias=self.norm != "batch",
                kernel_init=self.kernel_init,
                dtype=self.dtype,
                name=f"conv{i}",
            )
            y = normalize(self.norm, conv(reflect_pad(y, 1)), train, f"norm{i}")
            if i == 1:
                y = nn.relu(y)
                if self.dropout:
                    y = nn.Dropout(0.5)(y, deterministic=not train)
        x = x + y
        return x, x if self.emit else None


_Layer = Callable[[jax.Array], list[jax.Array | None]]


class ResnetGenerator(nn.Module):
    """Two down-samplings, residual blocks, two up-samplings.

    The parameters of all residual blocks are stacked along a first axis, under `blocks`: the block
    is compiled once.

    Attributes:
      out_channels: of the images made.
      width: channels of the first layer (the original's ngf).
      num_blocks: residual blocks.
      norm: "instance", "batch" (adds the collection `batch_stats`) or "none".
      dropout: with probability 0.5 inside every residual block; takes the rng "dropout".
      antialias: blurred down- and up-sampling, CUT's default.
      kernel_init: of the kernels, "normal" (CycleGAN) or "xavier" (CUT).
      dtype: of the arithmetic; parameters, statistics and images are float32.
    """

    out_channels: int
    width: int = 64
    num_blocks: int = 9
    norm: Norm = "instance"
    dropout: bool = False
    antialias: bool = False
    kernel_init: KernelInit = "normal"
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        *,
        train: bool,
        features: tuple[int, ...] = (),
        encode_only: bool = False,
    ) -> jax.Array | tuple[jax.Array | None, list[jax.Array]]:
        """Translates images.

        Args:
          x: (N, H, W, C) in [-1, 1]; the result is as large if the sides are multiples of 4.
          train: dropout is on and batch statistics are those of the batch.
          features: also return the outputs of these layers, as numbered in the original's
            Sequential. As there, a normalisation followed by ReLU gives the rectified values.
          encode_only: stop at the last of `features`.

        Returns:
          Images float32 (N, H, W, out_channels) in [-1, 1]; if `features`, (images, list of
          features), where images is None if `encode_only`.
        """
        last = max(features, default=0) if encode_only and not self.is_initializing() else None
        outputs = []
        for layer in self._layers(train, features, last):
            if last is not None and len(outputs) > last:
                break
            outputs += layer(outputs[-1] if outputs else x)
        images = None if encode_only else outputs[-1]
        return (images, [outputs[i] for i in features]) if features else images

    def _layers(self, train: bool, features: tuple[int, ...], last: int | None) -> list[_Layer]:
        """Each returns the outputs of one or more entries of the original's Sequential."""

        def conv(features: int, kernel_size: int, name: str, **options: Any) -> _Layer:
            options = {"use_bias": self.norm != "batch"} | options
            return lambda x: [
                Conv(
                    *(features, kernel_size),
                    **{"kernel_init": self.kernel_init, "dtype": self.dtype, "name": name},
                    **options,
                )(x)
            ]

        def norm(name: str) -> _Layer:
            return lambda x: [nn.relu(normalize(self.norm, x, train, name))] * 2

        def pad(x: jax.Array) -> list[jax.Array]:
            return [reflect_pad(x, 3)]

        def sample(width: int, direction: str, name: str) -> list[_Layer]:
            """A convolution that halves or doubles the size, and its normalisation."""
            if not self.antialias:
                return [conv(width, 3, name, resample=direction), norm(f"{name}_norm")]
            full = conv(width, 3, name)
            layers = [lambda x: full(zero_pad(x, 1)), norm(f"{name}_norm")]
            if direction == "down":
                return [*layers, lambda x: [blur_down(x)]]
            return [lambda x: [blur_up(x)], *layers]

        def blocks(x: jax.Array) -> list[jax.Array | None]:
            return self._blocks(x, train, features, last)

        def to_images(x: jax.Array) -> list[jax.Array]:
            return [jnp.tanh(x.astype(jnp.float32))]

        return [
            *(pad, conv(self.width, 7, "conv_in"), norm("norm_in")),
            *sample(2 * self.width, "down", "down0"),
            *sample(4 * self.width, "down", "down1"),
            blocks,
            *sample(2 * self.width, "up", "up0"),
            *sample(self.width, "up", "up1"),
            *(pad, conv(self.out_channels, 7, "conv_out", use_bias=True), to_images),
        ]

    def _blocks(
        self, x: jax.Array, train: bool, features: tuple[int, ...], last: int | None
    ) -> list[jax.Array | None]:
        """Outputs of the residual blocks, None where nobody asked for any but the last."""
        start = 12 if self.antialias else 10
        emit = any(start <= i < start + self.num_blocks - 1 for i in features)
        # Batch statistics cannot be updated through a slice of them.
        whole = last is None or self.norm == "batch"
        num = self.num_blocks if whole else min(self.num_blocks, last + 1 - start)
        scanned = nn.scan(
            ResnetBlock,
            variable_axes={"params": 0, "batch_stats": 0},
            split_rngs={"params": True, "dropout": True},
            in_axes=nn.broadcast,
            length=num,
        )
        if num < self.num_blocks:
            scanned = nn.map_variables(
                scanned, "params", lambda stacked: jax.tree.map(lambda leaf: leaf[:num], stacked)
            )
        block = scanned(self.norm, self.dropout, self.kernel_init, self.dtype, emit, name="blocks")
        x, each = block(x, train)
        return [*each] if emit else [None] * (num - 1) + [x]

"""Inception-v3 as FID uses it: the network that Google published on 2015-12-05.

It is not torchvision's or Keras's Inception-v3: other weights, 1008 classes, average pools that do
not count the padding, and a max pool in the last block (Heusel et al. 2017; the layers are those of
pytorch-fid 0.3.0 and torch-fidelity 0.4.0, whose names the parameters have).
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dermgan_jax.features.resize import resize

SIZE = (299, 299)
CLASSES = 1008
EDGE = 3  # zeros that are added and cut off again, see `convolve`

_average = functools.partial(
    nn.avg_pool,
    window_shape=(3, 3),
    strides=(1, 1),
    padding=((1, 1), (1, 1)),
    count_include_pad=False,
)
_largest = functools.partial(
    nn.max_pool, window_shape=(3, 3), strides=(1, 1), padding=((1, 1), (1, 1))
)
_halve = functools.partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2))


def average_pool(x: Array) -> Array:
    """Means over 3×3 neighbours within the image, (N, H, W, C) of the same size.

    This pool and the others are shifted images on CPUs, where XLA's windows take two to five times
    as long.
    """
    return lax.platform_dependent(x, cpu=_shifted_average, default=_average)


def max_pool(x: Array) -> Array:
    """Maxima over 3×3 neighbours within the image, (N, H, W, C) of the same size."""

    def shifted(x: Array) -> Array:
        return _of_threes(_bordered(x, -jnp.inf), jnp.maximum, 1)

    return lax.platform_dependent(x, cpu=shifted, default=_largest)


def halve(x: Array) -> Array:
    """Maxima over 3×3 pixels, every second: (N, H, W, C) -> (N, (H-1)//2, (W-1)//2, C)."""
    of_threes = functools.partial(_of_threes, combine=jnp.maximum, stride=2)
    return lax.platform_dependent(x, cpu=of_threes, default=_halve)


def _shifted_average(x: Array) -> Array:
    rows, columns = (
        3.0 - (np.arange(side) == 0) - (np.arange(side) == side - 1) for side in x.shape[1:3]
    )
    counts = (rows[:, None] * columns)[..., None].astype(np.float32)
    return _of_threes(_bordered(x, 0.0), jnp.add, 1) / counts


def _bordered(x: Array, value: float) -> Array:
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=value)


def _of_threes(x: Array, combine: Callable[[Array, Array], Array], stride: int) -> Array:
    """All 3×3 windows, combined along either axis in turn."""
    for axis in (1, 2):
        size = (x.shape[axis] - 3) // stride + 1
        last = stride * (size - 1) + 1
        parts = [lax.slice_in_dim(x, first, first + last, stride, axis) for first in range(3)]
        x = functools.reduce(combine, parts)
    return x


class _Kernel(nn.Module):
    """The weights of a convolution, under the name that `nn.Conv` would give them."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self) -> Array:
        """Of that shape, (height, width, C, features)."""
        return self.param("kernel", nn.initializers.lecun_normal(), self.shape)


def convolve(x: Array, kernel: Array, stride: int, *, same: bool) -> Array:
    """(N, H, W, C) by (h, w, C, D) to (N, H', W', D).

    On CPUs XLA takes two to three times as long where nothing is padded, so that zeros are added
    there and what comes of them is cut off; and a third longer for a kernel of one pixel than for
    the product of matrices that it is.

    Args:
      x: images.
      kernel: of odd sides.
      stride: 1 or 2.
      same: keeps height and width; otherwise no padding.
    """
    height, width, inputs, outputs = kernel.shape
    if (height, width, stride) == (1, 1, 1):
        return (x.reshape(-1, inputs) @ kernel[0, 0]).reshape(*x.shape[:3], outputs)
    direct = functools.partial(
        lax.conv_general_dilated,
        window_strides=(stride, stride),
        padding=[(side // 2, side // 2) if same else (0, 0) for side in (height, width)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    if same:
        return direct(x, kernel)

    def padded(x: Array, kernel: Array) -> Array:
        rows, columns = ((x.shape[i] - kernel.shape[i - 1]) // stride + 1 for i in (1, 2))
        x = jnp.pad(x, ((0, 0), (0, EDGE), (0, EDGE), (0, 0)))
        return direct(x, kernel)[:, :rows, :columns]

    return lax.platform_dependent(x, kernel, cpu=padded, default=direct)


class Conv(nn.Module):
    """Convolution without bias, batch normalisation with stored statistics, ReLU."""

    features: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    same: bool = True  # keeps height and width; otherwise no padding

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, H', W', features)."""
        kernel = _Kernel((*self.size, x.shape[-1], self.features), name="conv")()
        x = convolve(x, kernel, self.stride, same=self.same)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(x))


def _chain(x: Array, prefix: str, *layers: tuple[int, tuple[int, int]]) -> Array:
    """Convolutions (features, size) that keep the image size, named prefix_1, prefix_2, …"""
    for index, (features, size) in enumerate(layers, start=1):
        x = Conv(features, size, name=f"{prefix}_{index}")(x)
    return x


class InceptionA(nn.Module):
    """Mixed_5b to Mixed_5d, 35×35."""

    pool_features: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, H, W, 224 + pool_features)."""
        return jnp.concatenate(
            [
                Conv(64, name="branch1x1")(x),
                _chain(x, "branch5x5", (48, (1, 1)), (64, (5, 5))),
                _chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3))),
                Conv(self.pool_features, name="branch_pool")(average_pool(x)),
            ],
            axis=-1,
        )


class InceptionB(nn.Module):
    """Mixed_6a, 35×35 to 17×17."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, (H-1)//2, (W-1)//2, 480 + C)."""
        double = _chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)))
        return jnp.concatenate(
            [
                Conv(384, (3, 3), 2, same=False, name="branch3x3")(x),
                Conv(96, (3, 3), 2, same=False, name="branch3x3dbl_3")(double),
                halve(x),
            ],
            axis=-1,
        )


class InceptionC(nn.Module):
    """Mixed_6b to Mixed_6e, 17×17."""

    features_7x7: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, H, W, 768)."""
        one, wide, tall, narrow = (1, 1), (1, 7), (7, 1), self.features_7x7
        double = ((narrow, one), (narrow, tall), (narrow, wide), (narrow, tall), (192, wide))
        return jnp.concatenate(
            [
                Conv(192, name="branch1x1")(x),
                _chain(x, "branch7x7", (narrow, one), (narrow, wide), (192, tall)),
                _chain(x, "branch7x7dbl", *double),
                Conv(192, name="branch_pool")(average_pool(x)),
            ],
            axis=-1,
        )


class InceptionD(nn.Module):
    """Mixed_7a, 17×17 to 8×8."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, (H-1)//2, (W-1)//2, 512 + C)."""
        left = _chain(x, "branch3x3", (192, (1, 1)))
        right = _chain(x, "branch7x7x3", (192, (1, 1)), (192, (1, 7)), (192, (7, 1)))
        return jnp.concatenate(
            [
                Conv(320, (3, 3), 2, same=False, name="branch3x3_2")(left),
                Conv(192, (3, 3), 2, same=False, name="branch7x7x3_4")(right),
                halve(x),
            ],
            axis=-1,
        )


class InceptionE(nn.Module):
    """Mixed_7b and Mixed_7c, 8×8; the first pools by average, the second by maximum."""

    use_max_pool: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """(N, H, W, C) -> (N, H, W, 2048)."""
        single = _chain(x, "branch3x3", (384, (1, 1)))
        double = _chain(x, "branch3x3dbl", (448, (1, 1)), (384, (3, 3)))
        pooled = max_pool(x) if self.use_max_pool else average_pool(x)
        return jnp.concatenate(
            [
                Conv(320, name="branch1x1")(x),
                Conv(384, (1, 3), name="branch3x3_2a")(single),
                Conv(384, (3, 1), name="branch3x3_2b")(single),
                Conv(384, (1, 3), name="branch3x3dbl_3a")(double),
                Conv(384, (3, 1), name="branch3x3dbl_3b")(double),
                Conv(192, name="branch_pool")(pooled),
            ],
            axis=-1,
        )


class InceptionV3(nn.Module):
    """The whole network.

    Attributes:
      logits: whether there is a 1008-way layer, and "logits" among the results.
    """

    logits: bool = False

    @nn.compact
    def __call__(self, x: Array) -> dict[str, Array]:
        """Features of images (N, 299, 299, 3) in about [-1, 1].

        Returns:
          "pool3" (N, 2048), at least 0; "logits" (N, 1008), without the layer's bias, as Inception
          Score wants them.
        """
        x = Conv(32, (3, 3), 2, same=False, name="Conv2d_1a_3x3")(x)
        x = Conv(32, (3, 3), same=False, name="Conv2d_2a_3x3")(x)
        x = halve(Conv(64, (3, 3), name="Conv2d_2b_3x3")(x))
        x = Conv(80, name="Conv2d_3b_1x1")(x)
        x = halve(Conv(192, (3, 3), same=False, name="Conv2d_4a_3x3")(x))
        x = InceptionA(32, name="Mixed_5b")(x)
        x = InceptionA(64, name="Mixed_5c")(x)
        x = InceptionA(64, name="Mixed_5d")(x)
        x = InceptionB(name="Mixed_6a")(x)
        x = InceptionC(128, name="Mixed_6b")(x)
        x = InceptionC(160, name="Mixed_6c")(x)
        x = InceptionC(160, name="Mixed_6d")(x)
        x = InceptionC(192, name="Mixed_6e")(x)
        x = InceptionD(name="Mixed_7a")(x)
        x = InceptionE(use_max_pool=False, name="Mixed_7b")(x)
        x = InceptionE(use_max_pool=True, name="Mixed_7c")(x)
        features = {"pool3": x.mean(axis=(1, 2))}
        if self.logits:
            fc = nn.Dense(CLASSES, use_bias=False, name="fc")
            features["logits"] = fc(features["pool3"])
        return features


def preprocess(images: Array, protocol: str) -> Array:
    """uint8 (N, H, W, 3) -> float32 (N, 299, 299, 3) as the network of a protocol wants it.

    Args:
      images: of any height and width.
      protocol: "fid" (pytorch-fid), "fid:tf" (torch-fidelity, NVIDIA) or "fid:clean" (clean-fid).
    """
    if protocol == "fid":
        return resize(images, SIZE, "torch") / 127.5 - 1
    if protocol == "fid:tf":
        return (resize(images, SIZE, "tf1") - 128) / 128
    if protocol == "fid:clean":
        return (jnp.clip(resize(images, SIZE, "clean"), 0, 255) - 128) / 128
    raise ValueError(f"unknown FID protocol {protocol!r}")

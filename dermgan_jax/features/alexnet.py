"""AlexNet (Krizhevsky 2014, "one weird trick"; torchvision's `alexnet`) as LPIPS taps it."""

import flax.linen as nn
from jax import Array


class AlexNet(nn.Module):
    """The convolutions of AlexNet; its parameters are named as torchvision's.

    Takes images (N, H, W, 3) of at least 31×31, normalised as LPIPS does.
    """

    smallest_side = 31

    @nn.compact
    def __call__(self, images: Array) -> list[Array]:
        """Activations relu1 to relu5, of 64, 192, 384, 256 and 256 channels."""

        def conv(x: Array, index: int, features: int, size: int, stride: int = 1) -> Array:
            padding = 2 if size > 3 else 1
            layer = nn.Conv(
                features, (size, size), stride, padding=padding, name=f"features_{index}"
            )
            return nn.relu(layer(x))

        relu1 = conv(images, 0, 64, size=11, stride=4)
        relu2 = conv(_pool(relu1), 3, 192, size=5)
        relu3 = conv(_pool(relu2), 6, 384, size=3)
        relu4 = conv(relu3, 8, 256, size=3)
        relu5 = conv(relu4, 10, 256, size=3)
        return [relu1, relu2, relu3, relu4, relu5]


def _pool(x: Array) -> Array:
    return nn.max_pool(x, (3, 3), (2, 2))

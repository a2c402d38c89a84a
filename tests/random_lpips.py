"""LPIPS with a small random AlexNet trunk under heads of equal weights."""

import numpy as np

from dermgan_jax.features import lpips_net

# torchvision's index -> outputs, inputs, kernel size
CONVOLUTIONS = {
    0: (64, 3, 11),
    3: (192, 64, 5),
    6: (384, 192, 3),
    8: (256, 384, 3),
    10: (256, 256, 3),
}


def params() -> lpips_net.Params:
    random = np.random.default_rng(0)
    trunk, heads = {}, {}
    for tap, (index, (outputs, inputs, size)) in enumerate(CONVOLUTIONS.items()):
        kernel = random.normal(0, (2 / inputs / size**2) ** 0.5, (outputs, inputs, size, size))
        trunk[f"features.{index}.weight"] = kernel
        trunk[f"features.{index}.bias"] = np.zeros(outputs)
        heads[f"lin{tap}.model.1.weight"] = np.ones((1, outputs, 1, 1))
    return lpips_net.from_torch("alex", trunk, heads)

import numpy as np
import pytest

from dermgan_jax.metrics import power_spectrum


def waves(cycles_per_pixel, side=32, num=3):
    """Vertical stripes of one frequency, uint8 (num, side, side, 3), with different phases."""
    phases = np.arange(num)[:, None]
    rows = 0.5 + 0.4 * np.cos(2 * np.pi * cycles_per_pixel * np.arange(side) + phases)
    images = np.broadcast_to(rows[:, None, :, None], (num, side, side, 3))
    return np.rint(images * 255).astype(np.uint8)


@pytest.mark.parametrize("frequency", [0.125, 0.25, 0.375])
def test_stripes_have_their_power_at_their_frequency(frequency):
    frequencies, power = power_spectrum.radial(power_spectrum.mean_power(waves(frequency)))
    assert frequencies[np.argmax(power)] == pytest.approx(frequency)
    assert frequencies[-1] == 0.5


def test_power_equals_a_plain_sum():
    """Parseval: the mean of all frequencies is the energy of the windowed images."""
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 12, 1), np.uint8)
    grey = images[..., 0] / 255
    grey = grey - grey.mean(axis=(1, 2), keepdims=True)
    window = np.outer(np.hanning(10)[1:-1], np.hanning(14)[1:-1])
    energy = np.square(grey * window).sum(axis=(1, 2)).mean()
    assert power_spectrum.mean_power(images).mean() == pytest.approx(energy)


def test_checkerboards_are_an_excess_and_blur_a_lack():
    noise = np.random.default_rng(0).normal(128, 20, (64, 32, 32, 1))
    board = 30 * (np.indices((32, 32)).sum(axis=0) % 2 * 2 - 1)[..., None]
    blurred = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2)) / 3
    reference, checked, smooth = (
        power_spectrum.mean_power(np.clip(images, 0, 255).astype(np.uint8))
        for images in (noise, noise + board * np.array([1, 0] * 16)[:, None, None], blurred)
    )
    assert power_spectrum.high_frequency_excess(checked, reference) > 6
    assert power_spectrum.high_frequency_excess(smooth, reference) < -6
    assert power_spectrum.high_frequency_excess(reference, reference) == 0

"""The filters are the official ones and have the properties the transforms rely on."""

from pathlib import Path

import numpy as np

from dermgan_jax.augment import wavelets

GOLDEN = Path(__file__).parents[1] / "golden" / "augment" / "constants.npz"


def test_filters_equal_the_official_ones():
    with np.load(GOLDEN) as golden:
        np.testing.assert_allclose(wavelets.lowpass(), golden["out:Hz_geom"], atol=1e-7)
        np.testing.assert_allclose(wavelets.filter_bank(), golden["out:Hz_fbank"], atol=1e-7)


def test_lowpass_is_orthogonal_to_itself_at_even_shifts():
    taps = wavelets.lowpass()
    correlation = 2 * np.correlate(taps, taps, "full")[len(taps) - 1 :: 2]
    np.testing.assert_allclose(correlation, [1, 0, 0, 0, 0, 0], atol=1e-8)


def test_bands_add_up_to_the_identity_and_each_rules_its_octave():
    bank = wavelets.filter_bank()
    identity = np.zeros(43)
    identity[21] = 1
    np.testing.assert_allclose(bank.sum(0), identity, atol=1e-12)
    gains = np.abs(np.fft.rfft(bank, 1024))
    centres = [8, 96, 192, 400]  # of 512, the Nyquist frequency
    np.testing.assert_array_equal(gains[:, centres].argmax(0), [0, 1, 2, 3])

"""Expected calibration error by hand, reliability diagrams against scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from dermgan_jax.statistics import calibration


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((400, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return rng.integers(0, 4, 400), probabilities


def test_error_by_hand():
    """Two images in (0.6, 0.8] with 70 % confidence and one right, one in (0.8, 1] and right."""
    probabilities = np.array([[0.65, 0.35], [0.25, 0.75], [0.1, 0.9]])
    true = np.array([0, 0, 1])
    expected = (2 * abs(0.5 - 0.7) + abs(1 - 0.9)) / 3
    found = calibration.expected_calibration_error(true, probabilities, bins=5)
    assert found == pytest.approx(expected, abs=1e-12)


def test_reliability_diagram_is_scikit_learns(answers):
    true, probabilities = answers
    diagram = calibration.reliability(true, probabilities)
    right = probabilities.argmax(axis=1) == true
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=15)
    filled = diagram.share > 0
    np.testing.assert_allclose(diagram.accuracy[filled], accuracy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(diagram.confidence[filled], confidence, rtol=0, atol=1e-12)
    assert np.isnan(diagram.accuracy[~filled]).all()
    gaps = np.abs(accuracy - confidence)
    error = calibration.expected_calibration_error(true, probabilities)
    assert error == pytest.approx(gaps @ diagram.share[filled], abs=1e-12)


def test_a_bin_holds_its_upper_end():
    """Seven of ten bins end at 0.7 although 0.7 × 10 is rounded up."""
    diagram = calibration.reliability(np.array([0]), np.array([[0.7, 0.3]]), bins=10)
    assert diagram.share.argmax() == 6
    assert diagram.edges[6] == pytest.approx(0.7)


def test_weights_count_images(answers):
    true, probabilities = answers
    times = np.random.default_rng(1).integers(0, 4, len(true))
    repeated = calibration.expected_calibration_error(
        np.repeat(true, times), np.repeat(probabilities, times, axis=0)
    )
    weights = np.stack([times, np.ones_like(times)])
    found = calibration.expected_calibration_error(true, probabilities, weights)
    plain = calibration.expected_calibration_error(true, probabilities)
    np.testing.assert_allclose(found, [repeated, plain], rtol=0, atol=1e-12)
    diagram = calibration.reliability(true, probabilities, times)
    of_repeated = calibration.reliability(
        np.repeat(true, times), np.repeat(probabilities, times, axis=0)
    )
    np.testing.assert_allclose(diagram.accuracy, of_repeated.accuracy, rtol=0, atol=1e-12)

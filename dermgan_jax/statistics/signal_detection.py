"""Signal detection: how well two kinds are told apart, and which way a reader leans.

Green and Swets (1966); Macmillan and Creelman (2005).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri


class SignalDetection(NamedTuple):
    """Sensitivity and criterion, floats or arrays as the counts were.

    Attributes:
      d_prime: 0 for one who guesses; above 0 if the kinds are told apart.
      criterion: c; above 0 leans towards "no signal", below 0 towards "signal".
    """

    d_prime: np.ndarray
    criterion: np.ndarray


def signal_detection(
    hits: np.ndarray, signals: np.ndarray, false_alarms: np.ndarray, noises: np.ndarray
) -> SignalDetection:
    """d′ = z(H) − z(F) and c = −(z(H) + z(F)) / 2.

    Rates are log-linear, (count + 0.5) / (n + 1), whether or not a cell is empty, so that both are
    always finite (Hautus 1995).

    Args:
      hits: signals that were called so, of `signals`; counts or weights >= 0, broadcast together.
      false_alarms: noises that were called signals, of `noises`.
    """
    hit = ndtri((np.asarray(hits) + 0.5) / (np.asarray(signals) + 1))
    alarm = ndtri((np.asarray(false_alarms) + 0.5) / (np.asarray(noises) + 1))
    return SignalDetection(hit - alarm, -(hit + alarm) / 2)

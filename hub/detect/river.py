"""How likely a rise is to become a flood, and when: the arithmetic of the flood forecast.

A river that drains like a reservoir with recession ``tau`` and rises by ``rise`` each
interval is on its way to stand ``tau * rise`` higher, if what feeds it stays as it is.
The odds are a logistic law of that height against what is left to the level, and of how
wet the river already is. Three constants, fitted on the rises of six gauges (5 to 60
minutes apart) and checked with each gauge left out. Lengths are in shares of the gauge's
own scale ``S``, times in intervals, so that one set of numbers serves every river.
Source: linear reservoir, Maillet 1905.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BASE: Final = 2.25
BY_HEADING: Final = 0.63
BY_WETNESS: Final = 2.7
USUAL_TAU: Final = 60.0  # what the constants count the recession in
LEAST_RISE: Final = 0.001
LEAST_WAY: Final = 0.02
FIRST_TAU: Final = 30.0
LONGEST_TAU: Final = 400.0
FORGETTING: Final = 60.0  # heights above the dry river, in scales times intervals
FALLING: Final = (0.1, 1.5)  # where a fall tells the recession: not at the dry river's noise
LONGEST_FALL: Final = 8.0  # intervals between the two readings
MEDIAN_FACTOR: Final = 1.45
MEDIAN_POWER: Final = 0.58
SOONEST: Final = 0.43  # of the middle: what the horizon is held against
EARLY: Final = 0.25  # four in five of the crossings that warnings foresaw came between these
LATE: Final = 4.3
SHOWN_BASE: Final = -1.25
SHOWN_SLOPE: Final = 0.95


def logistic(q: Floats) -> Floats:
    """Return 1 / (1 + exp(-q)), safe for any finite q."""
    return 1.0 / (1.0 + np.exp(-np.clip(q, -40.0, 40.0)))


def heading(rise: Floats, tau: Floats) -> Floats:
    """Return how much higher a river is on its way to stand that rises so each interval."""
    return tau * np.maximum(rise, LEAST_RISE)


def log_odds(heading: Floats, left: Floats, wetness: Floats) -> Floats:
    """Return the log odds that this rise comes at least to the watch level.

    ``heading`` is the height yet to come and ``left`` that to the danger level, in shares
    of S; ``wetness`` from -0.5 (dry) to 1 (the level's long mean is at the danger level).
    """
    share = heading / USUAL_TAU / np.maximum(left, LEAST_WAY)
    return BASE + BY_HEADING * np.log(share) + BY_WETNESS * wetness


def recession(stood: Floats, fell: Floats) -> Floats:
    """Return the recession in intervals from the two sums that ``fallen`` keeps."""
    return np.clip(stood / np.maximum(fell, 1e-6), 1.0, LONGEST_TAU)


def fallen(
    stood: Floats, fell: Floats, height: Floats, drop: Floats, steps: Floats
) -> tuple[Floats, Floats]:
    """Return both sums after a reading ``drop`` below one ``height`` above the dry river.

    Least squares of a linear reservoir, drop = height * steps / tau, over the latest
    falls; a reading that does not fall tells nothing.
    """
    low, high = FALLING
    tells = (height > low) & (height < high) & (drop >= 0) & (steps < LONGEST_FALL)
    kept = np.where(tells, np.maximum(1 - height * steps / FORGETTING, 0.5), 1.0)
    more = np.where(tells, height, 0.0)
    return (stood + more * height * steps) * kept, (fell + more * drop) * kept


def shown(probability: float) -> float:
    """Return the chance of reaching the danger level as a person should read it.

    Calibrated on all gauges, from the probability that the rise comes to the watch level.
    """
    p = min(max(probability, 1e-6), 1 - 1e-6)
    q = SHOWN_BASE + SHOWN_SLOPE * float(np.log(p / (1 - p)))
    return float(logistic(np.array([q]))[0])


def crossing_s(left: float, rise: float, interval_s: float) -> tuple[float, float, float]:
    """Return median, early and late seconds to crossing, given that it crosses (80 %)."""
    steps = max(left, 0.0) / max(rise, LEAST_RISE)
    median = MEDIAN_FACTOR * float(steps**MEDIAN_POWER) * interval_s
    return median, EARLY * median, LATE * median

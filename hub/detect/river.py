"""How likely a rise is to reach a level, and when: the arithmetic of the flood forecast.

The law was fitted on 37 rises of six gauges (5 to 60 minutes apart) and checked with
each gauge left out: a logistic law of the rise per interval, of what is left to the
level, and of how wet the river already is; plus an offset that each gauge learns from
the rises it has seen. Lengths are in shares of the gauge's own scale ``S``, times in
intervals, so that one set of numbers serves every river.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BASE: Final = 0.3
BY_RISE: Final = 0.8
BY_WAY_LEFT: Final = 1.3
BY_WETNESS: Final = 3.0
LEAST_RISE: Final = 0.001
LEAST_WAY: Final = 0.02
BINS: Final = 6
FIRST_BIN: Final = 3
MOST_OFFSET: Final = 1.5
FORGETTING: Final = 30.0
PRIOR: Final = 1 / 0.4**2
MEDIAN_FACTOR: Final = 1.73
MEDIAN_POWER: Final = 0.58
SOONEST: Final = 0.36  # of the middle: what the horizon is held against
EARLY: Final = 0.25  # four in five of the crossings that warnings foresaw came between these
LATE: Final = 3.6
SHOWN_BASE: Final = 0.15
SHOWN_SLOPE: Final = 0.75


def logistic(q: Floats) -> Floats:
    """Return 1 / (1 + exp(-q)), safe for any finite q."""
    return 1.0 / (1.0 + np.exp(-np.clip(q, -40.0, 40.0)))


def log_odds(rise: Floats, left: Floats, wetness: Floats) -> Floats:
    """Return the log odds that this rise reaches the level.

    ``rise`` per interval and ``left`` to the level in shares of S; ``wetness`` from
    -0.5 (dry) to 1 (the level's long mean is at the danger level).
    """
    return (
        BASE
        + BY_RISE * np.log(np.maximum(rise, LEAST_RISE))
        - BY_WAY_LEFT * np.log(np.maximum(left, LEAST_WAY))
        + BY_WETNESS * wetness
    )


def shown(probability: float) -> float:
    """Return the probability as a person should read it: calibrated on all gauges."""
    p = min(max(probability, 1e-6), 1 - 1e-6)
    q = SHOWN_BASE + SHOWN_SLOPE * float(np.log(p / (1 - p)))
    return float(logistic(np.array([q]))[0])


def crossing_s(left: float, rise: float, interval_s: float) -> tuple[float, float, float]:
    """Return median, early and late seconds to crossing, given that it crosses (80 %)."""
    steps = max(left, 0.0) / max(rise, LEAST_RISE)
    median = MEDIAN_FACTOR * float(steps**MEDIAN_POWER) * interval_s
    return median, EARLY * median, LATE * median


def learnt(
    first: Floats, reached: NDArray[np.bool_], offset: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Return each gauge's offset and its weight after a rise ended.

    ``first`` (n, BINS) holds the first probability said in each bin of odds, NaN where
    the rise never came there.
    """
    filled = np.isfinite(first)
    count = np.maximum(filled.sum(axis=1), 1)
    said = np.where(filled, first, 0.0)
    spread = (said * (1 - said)).sum(axis=1) / count
    missed = np.where(filled, reached[:, None] - said, 0.0).sum(axis=1)
    heavier = np.maximum(weight * (1 - spread / FORGETTING), PRIOR) + spread
    moved = np.clip(offset + missed / (count * heavier), -MOST_OFFSET, MOST_OFFSET)
    some = filled.any(axis=1)
    return np.where(some, moved, offset), np.where(some, heavier, weight)

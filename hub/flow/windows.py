"""What a decision looked at, read back from the log: the window, the trend, a series."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS
from hub.model.observation import Quality

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

    from hub.model.catalogue import Catalogue
    from hub.model.transition import Evidence, Transition

Window = tuple[tuple[int, float | None, int], ...]

WINDOW: Final = 48
TREND_READINGS: Final = 12
TREND_LEAST: Final = 3
HOUR_US: Final = 3600 * MICROSECONDS
READ_WINDOW: Final = """
SELECT time_us, result, quality FROM observation
WHERE slot = ? AND time_us <= ? AND "offset" <= ? ORDER BY time_us DESC, tie DESC LIMIT ?
"""
READ_SERIES: Final = """
SELECT time_us, result FROM observation
WHERE slot = ? AND "offset" <= ? AND result IS NOT NULL AND quality NOT IN (4, 9)
ORDER BY time_us DESC LIMIT ?
"""


def with_window(
    connection: sqlite3.Connection, catalogue: Catalogue, step: Transition
) -> Transition:
    """Return ``step`` with the readings that led to it, and their trend where it has none."""
    slot = step.slot if step.slot >= 0 else slot_of(catalogue, step.evidence)
    if slot is None:
        return step
    rows = connection.execute(READ_WINDOW, (slot, step.time_us, step.offset, WINDOW)).fetchall()
    window: Window = tuple((row[0], row[1], row[2]) for row in reversed(rows))
    trend = step.evidence.trend_per_h
    evidence = replace(
        step.evidence,
        window=window,
        trend_per_h=trend if trend is not None else trend_per_h(window),
    )
    return replace(step, evidence=evidence)


def slot_of(catalogue: Catalogue, evidence: Evidence) -> int | None:
    """Return the slot of the datastream that a site's condition names as its first cause."""
    node, _, name = str(evidence.parameters.get("datastream") or "").partition("/")
    return catalogue.slot_of(node, name) if name else None


def trend_per_h(window: Window) -> float | None:
    """Return the straight-line slope of the last good readings, in the unit per hour."""
    good = [(t, r) for t, r, q in window if r is not None and q != Quality.FAIL][-TREND_READINGS:]
    if len(good) < TREND_LEAST or good[-1][0] == good[0][0]:
        return None
    hours = np.array([(t - good[-1][0]) / HOUR_US for t, _ in good])
    results = np.array([r for _, r in good])
    hours -= hours.mean()
    return float((hours * (results - results.mean())).sum() / (hours**2).sum())


def series(
    connection: sqlite3.Connection, slot: int, offset: int, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times and results of the last good readings up to ``offset``, oldest first."""
    rows = connection.execute(READ_SERIES, (slot, offset, limit)).fetchall()[::-1]
    times = np.array([row[0] for row in rows], dtype=np.int64)
    return times, np.array([row[1] for row in rows], dtype=np.float64)

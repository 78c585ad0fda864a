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

    from hub.model.book import Condition
    from hub.model.catalogue import Catalogue
    from hub.model.transition import Evidence, Transition

Window = tuple[tuple[int, float | None, int], ...]

WINDOW: Final = 48
TREND_READINGS: Final = 12
TREND_LEAST: Final = 3
FRESH_S: Final = 60.0  # a value this young is told as it was when it decided
HOUR_US: Final = 3600 * MICROSECONDS
READ_WINDOW: Final = """
SELECT time_us, result, quality FROM observation
WHERE slot = ? AND time_us <= ? AND "offset" <= ? ORDER BY time_us DESC, tie DESC LIMIT ?
"""
READ_NEWEST: Final = """
SELECT time_us, result, quality FROM observation
WHERE slot = ? AND time_us <= ? AND result IS NOT NULL AND quality NOT IN (4, 9)
ORDER BY time_us DESC, tie DESC LIMIT ?
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


def brought_up_to_date(
    connection: sqlite3.Connection, condition: Condition, now_us: int
) -> Condition:
    """Return ``condition`` as a page of ``now_us`` tells it: newest value, what is left of a span.

    A limit that the newest value is back behind is left out; it stands for other reasons.
    """
    found = condition.evidence
    passed_s = (now_us - condition.changed_us) / MICROSECONDS
    if condition.slot < 0 or found.value is None or not condition.standing or passed_s < FRESH_S:
        return condition
    rows = connection.execute(READ_NEWEST, (condition.slot, now_us, WINDOW))
    window: Window = tuple((row[0], row[1], row[2]) for row in reversed(rows.fetchall()))
    if window and window[-1][0] > condition.changed_us:
        found = replace(found, value=window[-1][1], trend_per_h=trend_per_h(window))
        if turned(condition.evidence, found):
            found = replace(found, limit=None, limit_name="")
    return replace(condition, evidence=later(found, passed_s))


def turned(then: Evidence, now: Evidence) -> bool:
    """Say whether the value is on the other side of a limit that it was beyond."""
    if then.limit is None or then.eta_s is not None or then.value is None or now.value is None:
        return False
    return (then.value >= then.limit) != (now.value >= then.limit)


def later(found: Evidence, passed_s: float) -> Evidence:
    """Return a forecast as it stands ``passed_s`` after it was made; none once it is over."""
    if found.eta_s is None:
        return found
    last_s = found.eta_s if found.eta_high_s is None else found.eta_high_s
    if passed_s >= last_s:
        return replace(
            found, eta_s=None, eta_low_s=None, eta_high_s=None, limit=None, limit_name=""
        )
    left = [
        None if span is None else max(span - passed_s, 0.0)
        for span in (found.eta_s, found.eta_low_s, found.eta_high_s)
    ]
    return replace(found, eta_s=left[0], eta_low_s=left[1], eta_high_s=left[2])


def series(
    connection: sqlite3.Connection, slot: int, offset: int, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times and results of the last good readings up to ``offset``, oldest first."""
    rows = connection.execute(READ_SERIES, (slot, offset, limit)).fetchall()[::-1]
    times = np.array([row[0] for row in rows], dtype=np.int64)
    return times, np.array([row[1] for row in rows], dtype=np.float64)

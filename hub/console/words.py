"""Small texts for people: masked addresses, trend, instants."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS, from_us
from hub.console.shapes import Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.console.shapes import Trend

HISTORY_LOCAL: Final = Words(en="history limited to the local log", zh="历史数据仅限本地日志")
HISTORY_FULL: Final = Words(en="history kept in InfluxDB", zh="历史数据存于 InfluxDB")


def instant(time_us: int) -> datetime:
    """Return an instant for the API."""
    return from_us(int(time_us))


def instant_or_none(time_us: int | None) -> datetime | None:
    """Return an instant for the API, or None."""
    return None if time_us is None else from_us(time_us)


def printable(text: str) -> str:
    """Return ``text`` without control characters, its ends stripped."""
    kept = (c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cf"))
    return "".join(kept).strip()


def slope_per_h(points: Sequence[tuple[int, float]]) -> float | None:
    """Return the least-squares slope of (time_us, result) in units per hour, if there is one."""
    if len(points) < 3 or points[0][0] == points[-1][0]:
        return None
    hours = [(t - points[0][0]) / (3600 * MICROSECONDS) for t, _ in points]
    middle = sum(hours) / len(hours)
    level = sum(r for _, r in points) / len(points)
    spread = sum((h - middle) ** 2 for h in hours)
    joint = sum((h - middle) * (r - level) for h, (_, r) in zip(hours, points, strict=True))
    return joint / spread


def trend_of(points: Sequence[tuple[int, float]]) -> tuple[Trend | None, float | None]:
    """Return the direction and slope of the newest values; a slope within the noise is steady.

    The rise over the whole window must exceed twice the scatter about the line.
    """
    slope = slope_per_h(points)
    if slope is None:
        return None, None
    hours = (points[-1][0] - points[0][0]) / (3600 * MICROSECONDS)
    start = sum(r for _, r in points) / len(points) - slope * mean_hours(points)
    scatter = [
        abs(r - start - slope * (t - points[0][0]) / (3600 * MICROSECONDS)) for t, r in points
    ]
    noise = 2 * sum(scatter) / len(scatter)
    if abs(slope * hours) <= max(noise, 1e-9):
        return "steady", slope
    return ("rising" if slope > 0 else "falling"), slope


def mean_hours(points: Sequence[tuple[int, float]]) -> float:
    """Return the mean time of ``points`` in hours after the first."""
    return sum(t - points[0][0] for t, _ in points) / len(points) / (3600 * MICROSECONDS)

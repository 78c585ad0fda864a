"""Who is on call at an instant. Pure.

A shift is local wall time turned into two instants, so that a shift ending where
another begins leaves no gap and no overlap on the nights when clocks change: both
ends are the same instant, the night is an hour longer or shorter.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hub.clock import from_us, to_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.model.response import Shift


def on_call(shifts: Iterable[Shift], roster: str, at_us: int) -> tuple[str, ...]:
    """Return the ids of those on call in ``roster`` at ``at_us``, in declared order.

    Override shifts that hold at that instant replace all others. Ends are exclusive.
    """
    holding = [s for s in shifts if s.roster == roster and holds(s, at_us)]
    overriding = [s for s in holding if s.override]
    return tuple(dict.fromkeys(s.person for s in overriding or holding))


def uncovered(
    shifts: Iterable[Shift], roster: str, start_us: int, end_us: int
) -> list[tuple[int, int]]:
    """Return the spans between two instants in which nobody is on call in ``roster``, in order."""
    covered = sorted(
        span for s in shifts if s.roster == roster for span in spans(s, start_us, end_us)
    )
    holes, reached_us = [], start_us
    for begins_us, ends_us in covered:
        if begins_us > reached_us:
            holes.append((reached_us, min(begins_us, end_us)))
        reached_us = max(reached_us, ends_us)
    return holes if reached_us >= end_us else [*holes, (reached_us, end_us)]


def holds(shift: Shift, at_us: int) -> bool:
    """Say whether ``shift`` covers the instant ``at_us``."""
    return any(start <= at_us < end for start, end in spans_near(shift, at_us))


def spans_near(shift: Shift, at_us: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``shift`` that begin on the local day of ``at_us`` or the day before."""
    return spans(shift, at_us, at_us + 1)


def spans(shift: Shift, start_us: int, end_us: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``shift`` that begin before ``end_us``, from the day before ``start_us``.

    A shift ends within a day of its beginning, so these are all that reach into the time.
    """
    zone = ZoneInfo(shift.zone)
    day = from_us(start_us).astimezone(zone).date() - timedelta(days=1)
    last = from_us(end_us - 1).astimezone(zone).date()
    while day <= last:
        if begins_on(shift, day) and span(shift, day, zone)[0] < end_us:
            yield span(shift, day, zone)
        day += timedelta(days=1)


def begins_on(shift: Shift, day: date) -> bool:
    """Say whether ``shift`` begins on the local ``day``; bounds are inclusive."""
    written = day.isoformat()
    return (
        day.isoweekday() in shift.days
        and (not shift.first_date or shift.first_date <= written)
        and (not shift.last_date or written <= shift.last_date)
    )


def span(shift: Shift, day: date, zone: ZoneInfo) -> tuple[int, int]:
    """Return the instants at which the shift of ``day`` begins and ends.

    A wall time that the clocks skip is taken as if they had not yet changed; one that
    comes twice is the first.
    """
    start, end = time.fromisoformat(shift.start), time.fromisoformat(shift.end)
    last_day = day + timedelta(days=1) if end <= start else day
    begins, ends = (
        to_us(datetime.combine(d, t, tzinfo=zone)) for d, t in ((day, start), (last_day, end))
    )
    return begins, ends


def next_morning(zone: str, at_us: int, *, first_hour: int, last_hour: int) -> int:
    """Return ``at_us``, or the next local ``first_hour`` if it is outside the day's hours."""
    place = ZoneInfo(zone)
    there = from_us(at_us).astimezone(place)
    if first_hour <= there.hour < last_hour:
        return at_us
    day = there.date() + timedelta(days=there.hour >= last_hour)
    return to_us(datetime.combine(day, time(first_hour), tzinfo=place))

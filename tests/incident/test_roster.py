"""Who is on call, across midnights, overrides and the nights when clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.clock import from_us, to_us
from hub.dispatch.roster import next_morning, on_call, span, uncovered
from hub.model.response import Shift

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")


def shift(person: str, **changes: object) -> Shift:
    """Return a shift in the roster "duty"."""
    return Shift(roster="duty", person=person, **changes)  # type: ignore[arg-type]


def at(text: str, zone: str = "Asia/Shanghai") -> int:
    """Return the instant of a local wall time."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


INSTANTS = st.integers(1_704_000_000, 1_830_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
DAY = shift("day", start="08:00", end="20:00")
NIGHT = shift("night", start="20:00", end="08:00")
WEEKEND = shift("weekend", days=(6, 7), override=True)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-11-24T08:00", ("day",)),
        ("2026-11-24T19:59:59", ("day",)),
        ("2026-11-24T20:00", ("night",)),
        ("2026-11-25T03:00", ("night",)),
        ("2026-11-28T12:00", ("weekend",)),
        ("2026-11-30T00:00", ("night",)),
    ],
)
def test_the_right_person_is_on_call(when: str, expected: tuple[str, ...]) -> None:
    """Shifts begin inclusive, end exclusive, cross midnight, and overrides outrank them."""
    assert on_call((DAY, NIGHT, WEEKEND), "duty", at(when)) == expected


def test_an_overnight_shift_belongs_to_the_day_it_begins() -> None:
    """A Friday night shift still holds on Saturday morning and not on Friday morning."""
    friday = shift("friday", days=(5,), start="20:00", end="08:00")
    assert on_call((friday,), "duty", at("2026-11-28T07:59")) == ("friday",)
    assert on_call((friday,), "duty", at("2026-11-27T07:59")) == ()


def test_dates_bound_a_shift_inclusively() -> None:
    """A dated shift holds on its first and last date and not outside."""
    dated = shift("holiday", first_date="2026-10-01", last_date="2026-10-02")
    days = ("09-30", "10-01", "10-02", "10-03")
    held = [on_call((dated,), "duty", at(f"2026-{day}T12:00")) for day in days]
    assert held == [(), ("holiday",), ("holiday",), ()]


@pytest.mark.parametrize(
    ("when", "expected"),
    [("2026-03-29T02:30", 23), ("2026-10-25T02:30", 25), ("2026-06-01T02:30", 24)],
)
def test_a_day_of_the_clock_change_is_as_long_as_it_is(when: str, expected: int) -> None:
    """From midnight to midnight lasts 23, 25 or 24 hours, as the zone says."""
    start, end = span(
        shift("p", zone="Europe/Berlin"), date.fromisoformat(when[:10]), ZoneInfo("Europe/Berlin")
    )
    assert (end - start) == expected * 3_600_000_000


@given(
    zone=st.sampled_from(ZONES),
    edge=st.times().map(lambda t: f"{t:%H:%M}"),
    second=st.times().map(lambda t: f"{t:%H:%M}"),
    instant=INSTANTS,
)
def test_two_shifts_share_every_instant(
    zone: str, edge: str, second: str, instant: datetime
) -> None:
    """Two shifts that follow each other leave no gap and no overlap, also on DST nights."""
    if edge == second:
        second = "00:00" if edge != "00:00" else "12:00"
    shifts = (
        shift("one", start=edge, end=second, zone=zone),
        shift("two", start=second, end=edge, zone=zone),
    )
    assert len(on_call(shifts, "duty", to_us(instant))) == 1


@given(
    zone=st.sampled_from(ZONES),
    instant=INSTANTS,
)
def test_morning_is_local_and_never_past(zone: str, instant: datetime) -> None:
    """Maintenance waits at most a night and then goes out within local working hours."""
    now_us = to_us(instant)
    due_us = next_morning(zone, now_us, first_hour=8, last_hour=20)
    there = from_us(due_us).astimezone(ZoneInfo(zone))
    assert now_us <= due_us < now_us + 13.1 * 3_600_000_000
    assert 8 <= there.hour < 20


def test_holes_of_a_roster_are_found() -> None:
    """A working week without Sunday night leaves the hours from its last shift to the next."""
    week = shift("li", days=(1, 2, 3, 4, 5), start="08:00", end="20:00")
    nights = shift("wang", days=(1, 2, 3, 4, 5, 6), start="20:00", end="08:00")
    saturday = shift("zhao", days=(6,), start="08:00", end="20:00")
    start, end = at("2026-11-23T09:00"), at("2026-12-07T09:00")
    holes = uncovered((week, nights, saturday), "duty", start, end)
    assert [(from_us(a), from_us(b)) for a, b in holes] == [
        (from_us(at("2026-11-29T08:00")), from_us(at("2026-11-30T08:00"))),
        (from_us(at("2026-12-06T08:00")), from_us(at("2026-12-07T08:00"))),
    ]
    assert uncovered((DAY, NIGHT), "duty", start, end) == []
    assert uncovered((DAY,), "other", start, end) == [(start, end)]


@given(INSTANTS, st.integers(1, 200), st.sampled_from(ZONES))
def test_holes_are_where_nobody_is_on_call(instant: datetime, hours: int, zone: str) -> None:
    """Inside a hole nobody is on call and at its ends somebody is, whatever the zone."""
    shifts = (
        shift("day", zone=zone, start="08:00", end="20:00", days=(1, 2, 4)),
        shift("night", zone=zone, start="22:30", end="06:00"),
    )
    start_us = to_us(instant)
    end_us = start_us + hours * 3_600_000_000
    for begins_us, ends_us in uncovered(shifts, "duty", start_us, end_us):
        assert on_call(shifts, "duty", begins_us) == on_call(shifts, "duty", ends_us - 1) == ()
        assert begins_us == start_us or on_call(shifts, "duty", begins_us - 1)
        assert ends_us == end_us or on_call(shifts, "duty", ends_us)

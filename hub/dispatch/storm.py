"""When a message to one person may leave, so that a storm is heard and not switched off. Pure.

The first message leaves at once. After it the next waits a little, so that what comes
in one burst goes out as one list; the last message of the allowance is kept, for half of
the time, for a red danger at a place that this person does not know of. Each person has their own
allowance: a storm at one place delays nobody else's first page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.clock import MICROSECONDS
from hub.words import Words

BOUNDS: Final = Words(
    "most must not be negative, window_s positive", "most 不得为负，window_s 应为正数"
)
TOO_LONG: Final = Words(
    "gather_s must be less than window_s over most", "gather_s 应小于 window_s 除以 most"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StormLimits:
    """At most ``most`` messages to a person in any ``window_s`` (seconds of the hub's clock).

    ``gather_s`` is how long after a message the next may leave, twice as long after the
    second and so on. ``most`` 0 sets no limit.

    Raises:
        ValueError: for numbers out of bounds.
    """

    most: int = 3
    window_s: float = 600.0
    gather_s: float = 15.0

    def __post_init__(self) -> None:
        if self.most < 0 or not 0 < self.window_s < float("inf"):
            raise ValueError(BOUNDS)
        if not 0 <= self.gather_s * max(self.most, 1) < self.window_s:
            raise ValueError(TOO_LONG)


NO_LIMITS: Final = StormLimits(most=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one person was sent in the window: when each message left, places known as red."""

    left_us: tuple[int, ...] = ()
    red_places: frozenset[str] = frozenset()


def is_news(told: Told, place: str, *, red: bool) -> bool:
    """Say whether it is a red danger at a place that this person does not know as red."""
    return red and place not in told.red_places


def leaves_us(limits: StormLimits, told: Told, *, news: bool, now_us: int) -> int:
    """Return when a message about something new may leave: ``now_us`` or later.

    ``news`` (``is_news``) may use the last message of the allowance.
    """
    left = sorted(us for us in told.left_us if us > now_us - us_of(limits.window_s))
    if not limits.most or not left:
        return now_us
    half_us = us_of(limits.window_s / 2)
    allowed = limits.most if news or limits.most == 1 else limits.most - 1
    leave_us = max(now_us, left[-1] + us_of(limits.gather_s) * len(left))
    if len(left) < allowed:
        return leave_us
    if allowed <= len(left) < limits.most:
        return max(leave_us, left[0] + half_us)
    return max(leave_us, left[len(left) - limits.most] + us_of(limits.window_s))


def us_of(seconds: float) -> int:
    """Return ``seconds`` in microseconds."""
    return round(seconds * MICROSECONDS)

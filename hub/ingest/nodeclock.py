"""What is known of each node's clock: how far it is behind the hub's, when the node began.

A node stamps each sending; ``received - sent`` is its clock's error plus the time under
way, so the smallest difference of a start comes closest to the error. Only messages
taken while the backlog is through can prove a clock to be behind; a message that comes
before it was sent proves a clock to be ahead at any time.

A node also counts the seconds since it began (``up``). Where its clock moves against
that count it drifts or was set, and its error moves along at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hub.clock import MICROSECONDS
from hub.ingest.lateness import LONGEST_UP_S

WINDOW_US: Final = 120 * MICROSECONDS
REMEMBER_US: Final = MICROSECONDS
STEP_US: Final = 2 * MICROSECONDS  # a clock that moves so much in one go was set
DRIFT: Final = 0.05  # of the seconds counted: no clock drifts faster
ROUNDING_US: Final = 50_000
MOST_STARTS: Final = 100_000
UNKNOWN: Final = -1


@dataclass(slots=True)
class Start:
    """One start (boot) of one node, as far as its clock goes.

    ``low_us`` is the smallest difference of the present window and ``earlier_us`` of
    the one before it, so that a clock that was set anew is believed again in time.
    ``base_us`` is when the node began by its own clock, ``up_s`` its count then;
    ``saved_us`` is what is on disk of ``low_us``.
    """

    low_us: int | None = None
    earlier_us: int | None = None
    window_us: int = 0
    began_us: int = UNKNOWN
    behind_us: int = 0
    dirty: bool = False
    base_us: int | None = None
    up_s: float = 0.0
    saved_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a message says of its own sending; ``settled`` once the backlog is through."""

    received_us: int
    sent_us: int | None
    up_s: float | None
    settled: bool


class NodeClocks:
    """Clock errors by (node, boot); ``tolerance_us`` is what the hub bears uncorrected."""

    def __init__(self, tolerance_us: int) -> None:
        self._tolerance_us = tolerance_us
        self._starts: dict[tuple[str, str], Start] = {}
        self._dirty: dict[tuple[str, str], Start] = {}

    def remember(self, node: str, boot: str, behind_us: int | None, began_us: int | None) -> None:
        """Take in what an earlier run of the hub had learnt."""
        self._starts[node, boot] = Start(
            low_us=behind_us,
            behind_us=self._judge(behind_us, 0),
            saved_us=behind_us or 0,
            began_us=UNKNOWN if began_us is None else began_us,
        )

    def observe(self, node: str, boot: str, sending: Sending) -> Start:
        """Learn from one sending and return what is now known of that start."""
        start = self._starts.get((node, boot))
        if start is None:
            if len(self._starts) >= MOST_STARTS:
                self._starts.pop(next(iter(self._starts)))
            start = self._starts[node, boot] = Start(window_us=sending.received_us)
        up_s = sending.up_s
        if up_s is not None and not 0 <= up_s < LONGEST_UP_S:
            up_s = None  # no count of seconds since a start
        if sending.sent_us is not None and up_s is not None:
            self._follow(start, sending, sending.sent_us, up_s)
        if sending.sent_us is not None:
            self._weigh(start, sending.received_us - sending.sent_us, sending)
        if up_s is not None:
            self._date(start, sending, up_s)
        if start.dirty:
            self._dirty[node, boot] = start
        return start

    def learnt(self) -> list[tuple[str, str, int | None, int | None]]:
        """Return (node, boot, behind_us, began_us) of what is not on disk yet."""
        return [
            (node, boot, start.low_us, None if start.began_us == UNKNOWN else start.began_us)
            for (node, boot), start in self._dirty.items()
        ]

    def judged(self) -> list[tuple[str, int]]:
        """Return (node, correction) of the starts of which something new was learnt."""
        return [
            (node, start.behind_us)
            for (node, _), start in self._dirty.items()
            if start.low_us is not None
        ]

    def written(self) -> None:
        """Say that what was learnt is on disk."""
        for start in self._dirty.values():
            start.dirty = False
            start.saved_us = start.low_us or 0
        self._dirty.clear()

    def _follow(self, start: Start, sending: Sending, sent_us: int, up_s: float) -> None:
        """Move the error along with the node's clock where it drifts or was set."""
        base_us, counted_s = sent_us - round(up_s * MICROSECONDS), up_s - start.up_s
        before_us, start.base_us, start.up_s = start.base_us, base_us, up_s
        moved_us = 0 if before_us is None else base_us - before_us
        if moved_us == 0 or start.low_us is None:
            return
        drifts = abs(moved_us) <= DRIFT * abs(counted_s) * MICROSECONDS + ROUNDING_US
        difference_us = sending.received_us - sent_us
        if drifts or was_set(start.low_us, difference_us, moved_us):
            start.low_us -= moved_us
            if start.earlier_us is not None:
                start.earlier_us -= moved_us
            self._settle(start)

    def _weigh(self, start: Start, difference_us: int, sending: Sending) -> None:
        ahead = difference_us < -self._tolerance_us
        if not (sending.settled or ahead):
            return
        if abs(difference_us) <= self._tolerance_us / 2 and start.behind_us:
            start.low_us, start.earlier_us = difference_us, None  # it was set right
        self._turn_window(start, sending.received_us)
        if start.low_us is None or difference_us < start.low_us:
            start.dirty |= start.low_us is None
            start.low_us = difference_us
        self._settle(start)

    def _settle(self, start: Start) -> None:
        """Work out what is to be corrected from what is known by now."""
        known = [low for low in (start.low_us, start.earlier_us) if low is not None]
        behind_us = self._judge(min(known), start.behind_us)
        start.dirty |= (behind_us == 0) != (start.behind_us == 0)
        start.dirty |= start.low_us is not None and (
            abs(start.low_us - start.saved_us) > REMEMBER_US
        )
        start.behind_us = behind_us

    def _turn_window(self, start: Start, now_us: int) -> None:
        if now_us - start.window_us > WINDOW_US:
            start.earlier_us, start.low_us, start.window_us = start.low_us, None, now_us

    def _date(self, start: Start, sending: Sending, up_s: float) -> None:
        """The node began ``up_s`` before its sending, by its clock or else by the arrival."""
        if sending.sent_us is not None:
            began_us = sending.sent_us + start.behind_us - round(up_s * MICROSECONDS)
            better = abs(began_us - start.began_us) > REMEMBER_US
        else:
            began_us = sending.received_us - round(up_s * MICROSECONDS)
            better = start.began_us == UNKNOWN or start.began_us - began_us > REMEMBER_US
        if better:
            start.began_us, start.dirty = began_us, True

    def _judge(self, low_us: int | None, before_us: int) -> int:
        """Return the correction for a clock whose smallest difference is ``low_us``.

        A clock that was wrong is right again only well within the tolerance.
        """
        tolerance_us = self._tolerance_us / 2 if before_us else self._tolerance_us
        if low_us is None or abs(low_us) <= tolerance_us:
            return 0
        return low_us


def was_set(low_us: int, difference_us: int, moved_us: int) -> bool:
    """Say whether the node's clock was set, and not its count of seconds at fault.

    Then the difference has moved as well, against the clock.
    """
    stepped = abs(difference_us - (low_us - moved_us))
    return abs(moved_us) >= STEP_US and stepped < abs(difference_us - low_us)

"""Notices that the hub's wall clock was stepped, by comparing it with the monotonic one.

A timer of five minutes must ring after five minutes, whatever a time server does to
the wall clock meanwhile; slewing (a few parts in a thousand) is followed silently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.clock import Clock
    from hub.model.book import Deadline

STEP_S: Final = 2.0  # real seconds of disagreement since the last look


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The wall clock went ``by_us`` (negative: back) and shows ``now_us`` since."""

    by_us: int
    now_us: int

    def set_before(self, deadline: Deadline) -> bool:
        """Say whether a timer set about when the step came was set before it."""
        to_old = abs(deadline.created_us - (self.now_us - self.by_us))
        return to_old < abs(deadline.created_us - self.now_us)


class StepWatch:
    """Remembers both clocks and the newest timer as they were at the last look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._accepted = self._seen = self._read()
        self.newest_seq = 0

    def look(self) -> Step | None:
        """Return the step since the last accepted look, if there was one."""
        self._seen = wall_us, monotonic = self._read()
        wall_then_us, monotonic_then = self._accepted
        passed_us = round((monotonic - monotonic_then) * MICROSECONDS)
        by_us = wall_us - wall_then_us - passed_us
        if abs(by_us) <= STEP_S * max(self._clock.rate, 1.0) * MICROSECONDS:
            return None
        return Step(by_us=by_us, now_us=wall_us)

    def accept(self, newest_seq: int) -> None:
        """Compare with the last look from now on; until then a step is seen again.

        ``newest_seq`` is of the newest timer that was set before that look.
        """
        self._accepted, self.newest_seq = self._seen, newest_seq

    def _read(self) -> tuple[int, float]:
        """Return both clocks, read as near to each other as the machine allows."""
        before = self._clock.monotonic()
        wall_us = self._clock.now_us()
        return wall_us, (before + self._clock.monotonic()) / 2


def to_move(step: Step, deadlines: Iterable[Deadline], newest_seq: int) -> list[int]:
    """Return the ``seq`` of timers that were set on the clock before ``step``."""
    return [d.seq for d in deadlines if d.seq <= newest_seq or step.set_before(d)]

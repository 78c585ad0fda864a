"""What time it is, always passed in.

The simulated clock rules lateness, silence and escalation; I/O time-outs, leases,
receipts and retries run on real time (``time.monotonic``), never on a ``Clock``.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

from hub.instant import EPOCH, MICROSECONDS, from_us, to_us

__all__ = [
    "EPOCH",
    "FOLLOW",
    "MICROSECONDS",
    "Clock",
    "HandClock",
    "ScaledClock",
    "SystemClock",
    "clock_from",
    "from_us",
    "to_us",
]


class Clock(Protocol):
    """The time that rules decisions."""

    def now_us(self) -> int:
        """Return the present instant in microseconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never step back; only differences mean anything."""

    @property
    def rate(self) -> float:
        """Return how many seconds of this clock pass in one real second."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    rate: float = 1.0

    def now_us(self) -> int:
        """Return the machine's time in microseconds since 1970."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledClock:
    """Time that started at ``simulated_start_us`` when real time was ``wall_start_us``.

    All processes of a demo share the three numbers and so agree on the time.
    """

    wall_start_us: int
    simulated_start_us: int
    rate: float

    def now_us(self) -> int:
        """Return the simulated instant in microseconds since 1970."""
        passed = time.time_ns() // 1000 - self.wall_start_us
        return self.simulated_start_us + int(passed * self.rate)

    def monotonic(self) -> float:
        """Return simulated seconds that never step back."""
        return time.monotonic() * self.rate


class HandClock:
    """Time that stands still until it is set; for tests, replay and followed clocks."""

    rate = 1.0

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us
        self._monotonic = 0.0
        self._lock = threading.Lock()

    def now_us(self) -> int:
        """Return the instant last set."""
        return self._now_us

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both the wall and the monotonic clock."""
        with self._lock:
            self._now_us += round(seconds * MICROSECONDS)
            self._monotonic += seconds

    def follow(self, now_us: int) -> None:
        """Advance to ``now_us``; an earlier instant changes nothing."""
        with self._lock:
            passed = now_us - self._now_us
            if passed > 0:
                self._now_us = now_us
                self._monotonic += passed / MICROSECONDS

    def step(self, seconds: float) -> None:
        """Step the wall clock alone, as a wrong time server would."""
        with self._lock:
            self._now_us += round(seconds * MICROSECONDS)


FOLLOW: Final = "follow"


def clock_from(text: str) -> Clock:
    """Return the clock that ``text`` names.

    "" is the machine's, ``WALL_US,SIMULATED_US,RATE`` a scaled one, "follow" one that
    stands still until it is told the time.

    Raises:
        ValueError: for any other text.
    """
    if not text:
        return SystemClock()
    if text == FOLLOW:
        return HandClock()
    wall, simulated, rate = text.split(",")
    clock = ScaledClock(
        wall_start_us=int(wall), simulated_start_us=int(simulated), rate=float(rate)
    )
    if not 0 < clock.rate < float("inf"):
        raise ValueError(f"the rate of a clock must be positive, got {rate}")
    return clock

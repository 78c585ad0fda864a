"""What time the node thinks it is, and how far that may be believed.

A clock rules when sensors are read and what ``t`` and ``sent`` say; resends and
reconnects run on real time (``time.monotonic``).
"""

from __future__ import annotations

import ctypes
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Protocol

from tocsin_edge.errors import ConfigError
from tocsin_edge.refusals import CLOCK, RATE

SECOND_US: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TIME_ERROR: Final = 5  # adjtimex(2): the kernel's clock is not synchronised
TIMEX_BYTES: Final = 512  # more than any struct timex
RTC_USED: Final = Path("/sys/class/rtc/rtc0/hctosys")

Trust = Literal["ntp", "rtc", "unset"]


class Clock(Protocol):
    """The time the node lives by."""

    @property
    def rate(self) -> float:
        """Return how many seconds of this clock pass in one real second."""

    @property
    def start_us(self) -> int:
        """Return the instant from which simulated worlds count."""

    def now_us(self) -> int:
        """Return the present instant in microseconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Return seconds that never step back; only differences mean anything."""


class SystemClock:
    """The machine's own time; worlds count from its making."""

    rate = 1.0

    def __init__(self) -> None:
        self.start_us = time.time_ns() // 1000

    def now_us(self) -> int:
        """Return the machine's time in microseconds since 1970."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledClock:
    """Time that began at ``start_us`` when real time was ``wall_start_us``.

    The hub and all nodes of a demo share the three numbers and so agree on the time,
    also after one of them was killed and started again.
    """

    wall_start_us: int
    start_us: int
    rate: float

    def now_us(self) -> int:
        """Return the simulated instant in microseconds since 1970."""
        return self.start_us + int((time.time_ns() // 1000 - self.wall_start_us) * self.rate)

    def monotonic(self) -> float:
        """Return simulated seconds that never step back."""
        return time.monotonic() * self.rate


class HandClock:
    """Time that stands still until it is moved on: a replay's, and a test's."""

    rate = 1.0

    def __init__(self, now_us: int = 0) -> None:
        self.start_us = now_us
        self._now_us = now_us
        self._lock = threading.Lock()

    def now_us(self) -> int:
        """Return the instant last set."""
        return self._now_us

    def monotonic(self) -> float:
        """Return the seconds moved on so far."""
        return (self._now_us - self.start_us) / SECOND_US

    def follow(self, now_us: int) -> None:
        """Move on to ``now_us``; an earlier instant changes nothing."""
        with self._lock:
            self._now_us = max(self._now_us, now_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One instant: ``us`` since 1970 (to be believed if ``known``), ``up_s`` since the start."""

    us: int
    up_s: float
    known: bool


class Timekeeper:
    """Says what time it is and since when the node is up.

    ``source`` is ``auto`` (ask the kernel each time) or the state to go by.
    """

    def __init__(self, clock: Clock, source: str = "auto") -> None:
        self.clock = clock
        self._source = source
        self._started = clock.monotonic()

    def trust(self) -> Trust:
        """Return whether the clock was set by the network, by a battery clock, or never."""
        match self._source:
            case "ntp" | "rtc" | "unset" as given:
                return given
        return kernel_trust()

    def now(self) -> Moment:
        """Return the present moment."""
        return Moment(us=self.clock.now_us(), up_s=self.up_s(), known=self.trust() != "unset")

    def up_s(self) -> float:
        """Return the seconds of the clock since this keeper was made."""
        return self.clock.monotonic() - self._started


def kernel_trust() -> Trust:
    """Return what the kernel knows: synchronised, set from a battery clock, or neither."""
    state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    if 0 <= state < TIME_ERROR:
        return "ntp"
    return "rtc" if _started_from_rtc() else "unset"


def _started_from_rtc() -> bool:
    try:
        return RTC_USED.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def clock_from(text: str | None) -> Clock:
    """Return the clock that ``WALL_US,SIM_US,RATE`` describes, the machine's for nothing.

    Raises:
        ConfigError: if the text is none of these.
    """
    if not text:
        return SystemClock()
    try:
        wall, start, rate = text.split(",")
        clock = ScaledClock(wall_start_us=int(wall), start_us=int(start), rate=float(rate))
    except ValueError as err:
        raise ConfigError("--clock", CLOCK.filled(got=text)) from err
    if not 0 < clock.rate < float("inf"):
        raise ConfigError("--clock", RATE.filled(got=rate))
    return clock


def time_text(time_us: int) -> str:
    """Return ISO 8601 in UTC, microseconds only where there are any."""
    instant = EPOCH + timedelta(microseconds=time_us)
    return instant.isoformat().replace("+00:00", "Z")


def time_us(text: str) -> int:
    """Return the microseconds since 1970 of ISO 8601 ``text``.

    Raises:
        ValueError: for a text that is no time or has no offset.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC")
    return (instant - EPOCH) // timedelta(microseconds=1)

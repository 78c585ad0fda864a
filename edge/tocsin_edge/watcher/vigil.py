"""When the hub was last well, as canaries tell it. Pure: ``now`` is monotonic seconds.

A canary is an observation that the hub answers only after intake stored it, watch
decided on it, and respond and deliver were at work after that. The hub is well while
the newest answered canary was *sent* not longer than ``limit_s`` ago, so that an old
answer given again by a hub that came up halfway proves nothing.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tocsin_edge.message import Span, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable


HURRY_S: Final = 5.0
STALL_S: Final = 10.0
MOST_KEPT: Final = 500
MOST_GONE: Final = 50


class Cause(StrEnum):
    """What can be told apart from outside."""

    BROKER = "broker"  # no connection: broker, its machine or the network is gone
    INTAKE = "intake"  # the broker answers, the hub takes nothing in: dead, stopped, cut off
    CHAIN = "chain"  # taken in and on disk, but watch, respond or deliver does not go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Real seconds: a canary every ``every_s``, the hub is down after ``limit_s`` without one.

    A page is repeated every ``repeat_s``; the hub must be well for ``recover_s`` before
    it counts as back.

    Raises:
        ValueError: not positive, or a single lost canary would page.
    """

    every_s: float = 20.0
    limit_s: float = 45.0
    recover_s: float = 30.0
    repeat_s: float = 600.0

    def __post_init__(self) -> None:
        for name in ("every_s", "limit_s", "recover_s", "repeat_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.limit_s < 2 * self.every_s:
            raise ValueError("limit_s must be at least twice every_s: one canary may be lost")

    @property
    def hurry_s(self) -> float:
        """Return how soon another canary follows one that is not answered."""
        return min(HURRY_S, self.every_s / 4)

    @property
    def receipt_s(self) -> float:
        """Return how long a hub that takes things in needs at most to say so."""
        return min(HURRY_S, self.limit_s / 3)

    @property
    def stall_s(self) -> float:
        """Return the gap between two looks after which the watcher itself was asleep."""
        return min(STALL_S, self.limit_s / 2)


@dataclass(slots=True)
class Canary:
    """One that was sent: when, and which numbers it named as gone."""

    at: float
    gone: list[Span]


class Vigil:
    """What is known of the hub's health from ``now`` on; ``down`` goes on with an outage."""

    def __init__(self, pace: Pace, now: float, *, down: bool = False) -> None:
        self._pace = pace
        self._good = -math.inf if down else now
        self._taken = -math.inf
        self._last = -math.inf
        self._answered = True
        self._up = False
        self._looked = now
        self._sent: OrderedDict[int, Canary] = OrderedDict()
        self._gone: set[int] = set()

    def connected(self) -> None:
        """The broker took the watcher in: a canary is due at once."""
        self._up, self._last = True, -math.inf

    def lost(self) -> None:
        """The connection is gone."""
        self._up = False

    def due(self, now: float) -> bool:
        """Say whether a canary should be sent."""
        wait_s = self._pace.every_s if self._answered else self._pace.hurry_s
        return self._up and now - self._last >= wait_s

    def send(self, number: int, now: float) -> list[Span]:
        """Note that canary ``number`` goes out; return the ranges it has to name as gone."""
        self._give_up(now)
        gone = spans_of(self._gone)[-MOST_GONE:]
        self._sent[number] = Canary(now, gone)
        self._last, self._answered = now, False
        return gone

    def taken(self, spans: Iterable[Span]) -> None:
        """The hub has these numbers on disk."""
        for low, high in spans:
            for number in [n for n in self._sent if low <= n <= high]:
                self._take(self._sent[number])
            self._gone -= {n for n in self._gone if low <= n <= high}

    def answered(self, number: int) -> None:
        """The hub went all the way with canary ``number``."""
        canary = self._sent.get(number)
        if canary is None:
            return
        self._good = max(self._good, canary.at)
        self._answered = self._answered or canary.at >= self._last
        for older in [n for n in self._sent if n <= number]:
            del self._sent[older]

    def look(self, now: float) -> bool:
        """Say whether the hub is well; what the watcher slept through is not held against it."""
        was_well = self._looked - self._good <= self._pace.limit_s
        if was_well and now - self._looked > self._pace.stall_s:
            self._good = max(self._good, now - self._pace.every_s)
        self._looked = now
        return now - self._good <= self._pace.limit_s

    def quiet_s(self, now: float) -> float:
        """Return how long ago the newest answered canary was sent, or the watch began."""
        return now - self._good

    def cause(self, now: float) -> Cause:
        """Return what an outage looks like from here."""
        if not self._up:
            return Cause.BROKER
        ripe = [c.at for c in self._sent.values() if now - c.at >= self._pace.receipt_s]
        return Cause.CHAIN if ripe and self._taken >= max(ripe) else Cause.INTAKE

    def _take(self, canary: Canary) -> None:
        self._taken = max(self._taken, canary.at)
        told = {n for low, high in canary.gone for n in range(low, high + 1)}
        self._gone -= told

    def _give_up(self, now: float) -> None:
        """Count canaries as gone that nobody answered for; they are not sent again."""
        old = [n for n, canary in self._sent.items() if now - canary.at > self._pace.limit_s]
        for number in old:
            canary = self._sent.pop(number)
            if canary.at > self._taken:
                self._gone.add(number)
        self._gone = set(sorted(self._gone)[-MOST_KEPT:])

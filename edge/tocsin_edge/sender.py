"""Which message goes next: alarming ones first, live ones never starved, old ones newest first.

Pure but for the spool: no socket, no clock. ``now`` is real monotonic seconds. How much
may be unreceipted at once shrinks while receipts stay out and grows with each that
comes, so that a hub that is down finds no flood when it is back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Final

from tocsin_edge.message import Span
from tocsin_edge.spool import Spooled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin_edge.config import SendSettings
    from tocsin_edge.message import Receipt
    from tocsin_edge.spool import Spool

LIVE_MOST: Final = 1000  # beyond that a live message waits its turn in the backlog
NEWER_THAN_ALL: Final = 2**62
TURNS: Final = ("live", "again", "live", "backlog")


@dataclass(slots=True, kw_only=True)
class Flight:
    """A message that was sent and has no receipt yet."""

    id: int
    boot: str
    seq: int
    alarming: bool
    tries: int = 0
    ignored: int = 0
    sent_no: int = 0
    due: float = 0.0
    gone: list[Span] = field(default_factory=list)

    def fills(self, now: float) -> bool:
        """Return whether it takes up room; an alarming one does not at its first sending."""
        return self.due > now and not (self.alarming and self.tries == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message to be sent now and what belongs to this sending."""

    message: Spooled
    low: int
    gone: list[Span]
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a receipt changed: numbers newly got, newly refused, wanted again."""

    boot: str
    got: list[int]
    refused: list[tuple[int, str]]
    again: int


class Sender:
    """Picks what to send from ``spool`` and learns from receipts."""

    def __init__(self, spool: Spool, settings: SendSettings) -> None:
        self._spool = spool
        self._settings = settings
        self._turns = cycle(TURNS)
        self._live: deque[tuple[int, bool]] = deque()
        self._flights: dict[int, Flight] = {}
        self._window = settings.in_flight
        self._sent_no = 0
        self._newest_answered = 0
        self._cursor: dict[bool, int] = {}
        self._shrunk = 0.0
        self.connected()

    def connected(self) -> None:
        """Start afresh on a new connection: all that waits is backlog, newest first."""
        self._live.clear()
        self._flights.clear()
        self._window = self._settings.in_flight
        self._look_again()

    def fresh(self, messages: Iterable[Spooled]) -> None:
        """Take in messages that were just put on disk, in their order."""
        for message in messages:
            if len(self._live) < LIVE_MOST:
                self._live.append((message.id, message.alarming))
            else:
                self._look_again()

    def in_flight(self) -> int:
        """Return how many messages were sent and are not settled."""
        return len(self._flights)

    def take(self, now: float) -> list[Parcel]:
        """Return what is to be sent now, in this order; all of it counts as sent."""
        self._notice_silence(now)
        parcels = self._urgent(now)
        room = self._window - sum(flight.fills(now) for flight in self._flights.values())
        while room > 0:
            parcel = self._one(now)
            if parcel is None:
                break
            parcels.append(parcel)
            room -= 1
        return parcels

    def settle(self, receipt: Receipt) -> Settled:
        """Apply a receipt to the spool; the caller commits.

        Each receipted message makes room for one more in flight.
        """
        spool = self._spool
        got = [row for span in receipt.got for row in spool.receipted(receipt.boot, span)]
        for id_, _ in got:
            self._answered(id_)
        refused = [
            (seq, why)
            for seq, why in receipt.refused
            if self._landed(spool.set_aside(receipt.boot, seq, f"refused: {why}"))
        ]
        again = sum(spool.wanted(receipt.boot, span) for span in receipt.want)
        if again:
            self._look_again()
        self._window = min(self._settings.in_flight, self._window + len(got) + len(refused))
        return Settled(boot=receipt.boot, got=[seq for _, seq in got], refused=refused, again=again)

    def unanswerable(self) -> list[tuple[str, int]]:
        """Set aside what got no receipt in ``tries`` tries while later messages did.

        Returns (boot, number) of each; the caller commits.
        """
        given_up = [f for f in self._flights.values() if f.ignored >= self._settings.tries]
        for flight in given_up:
            del self._flights[flight.id]
            self._spool.set_aside(flight.boot, flight.seq, f"no receipt in {flight.tries} tries")
        return [(flight.boot, flight.seq) for flight in given_up]

    def _look_again(self) -> None:
        self._cursor = {True: NEWER_THAN_ALL, False: NEWER_THAN_ALL}

    def _landed(self, id_: int | None) -> bool:
        if id_ is not None:
            self._answered(id_)
        return id_ is not None

    def _answered(self, id_: int) -> None:
        flight = self._flights.pop(id_, None)
        if flight is not None:
            self._newest_answered = max(self._newest_answered, flight.sent_no)
            self._spool.told(flight.boot, flight.gone)

    def _notice_silence(self, now: float) -> None:
        overdue = any(flight.due <= now for flight in self._flights.values())
        if overdue and now - self._shrunk >= self._settings.resend_s:
            self._window = max(1, self._window // 2)
            self._shrunk = now

    def _urgent(self, now: float) -> list[Parcel]:
        """Return live alarming messages: they wait for room only while the hub is silent."""
        urgent = [id_ for id_, alarming in self._live if alarming]
        unanswered = sum(flight.alarming for flight in self._flights.values())
        urgent = urgent[: max(self._settings.in_flight - unanswered, 0)]
        if not urgent:
            return []
        self._live = deque(item for item in self._live if item[0] not in urgent)
        return self._loaded(urgent, now)

    def _loaded(self, ids: Sequence[int], now: float) -> list[Parcel]:
        parcels = (self._parcel(id_, now, late=False) for id_ in ids)
        return [parcel for parcel in parcels if parcel is not None]

    def _one(self, now: float) -> Parcel | None:
        sources = {"live": self._next_live, "again": self._next_again, "backlog": self._next_old}
        for _ in range(len(TURNS)):
            parcel = sources[next(self._turns)](now)
            if parcel is not None:
                return parcel
        return None

    def _next_live(self, now: float) -> Parcel | None:
        while self._live:
            parcel = self._parcel(self._live.popleft()[0], now, late=False)
            if parcel is not None:
                return parcel
        return None

    def _next_again(self, now: float) -> Parcel | None:
        due = [flight for flight in self._flights.values() if flight.due <= now]
        for flight in sorted(due, key=lambda f: (not f.alarming, -f.id)):
            flight.ignored += flight.sent_no < self._newest_answered
            parcel = self._parcel(flight.id, now, late=True)
            if parcel is not None:
                return parcel
            self._flights.pop(flight.id, None)
        return None

    def _next_old(self, now: float) -> Parcel | None:
        for alarming in (True, False):
            for id_ in self._older(alarming=alarming):
                self._cursor[alarming] = id_
                if id_ not in self._flights and (id_, alarming) not in self._live:
                    parcel = self._parcel(id_, now, late=True)
                    if parcel is not None:
                        return parcel
        return None

    def _older(self, *, alarming: bool) -> Iterable[int]:
        while ids := self._spool.waiting(
            alarming=alarming, below=self._cursor[alarming], most=self._settings.in_flight
        ):
            yield from ids

    def _parcel(self, id_: int, now: float, *, late: bool) -> Parcel | None:
        message = self._spool.load(id_)
        if message is None:
            return None
        gone = self._spool.gone(message.boot)
        flight = self._flights.setdefault(
            id_,
            Flight(id=id_, boot=message.boot, seq=message.seq, alarming=message.alarming),
        )
        self._sent_no += 1
        wait_s = self._settings.resend_s * 2.0**flight.tries
        flight.tries, flight.sent_no, flight.gone = flight.tries + 1, self._sent_no, gone
        flight.due = now + min(wait_s, self._settings.resend_max_s)
        return Parcel(message=message, low=self._spool.low(message.boot), gone=gone, late=late)

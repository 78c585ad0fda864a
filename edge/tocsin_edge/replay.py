"""A recorded event sent at speed: the node's clock follows the recording.

``t`` is the recorded time and ``sent`` the recorded instant at which a node on site
would have sent the message. The clock moves on only while not more than a window of
messages lacks its receipt, so a hub that follows ``sent`` lives through the event in
its order.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tocsin_edge.clock import HandClock, Timekeeper
from tocsin_edge.config import Stream
from tocsin_edge.errors import LinkError
from tocsin_edge.housekeeping import Housekeeping
from tocsin_edge.message import Reading
from tocsin_edge.node import Parts
from tocsin_edge.readers import Taken
from tocsin_edge.recording import read_rows

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from tocsin_edge.config import NodeConfig
    from tocsin_edge.recording import Row

POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayPlan:
    """What to send and how patiently.

    ``window`` messages may lack their receipt; ``silence_s`` real seconds without any
    progress give up.
    """

    file: Path
    window: int = 32
    silence_s: float = 60.0


class Instant:
    """All rows of one recorded instant."""

    def __init__(self, at_us: int, rows: list[Row]) -> None:
        self.at_us = at_us
        self.rows = rows


def run_replay(
    config: NodeConfig, plan: ReplayPlan, *, ledger: Path | None, stop: threading.Event
) -> dict[str, object]:
    """Send ``plan.file`` and return the node's account of it.

    Raises:
        ConfigError: if the file cannot be read.
        LinkError: if nothing moves on for ``silence_s``.
    """
    instants = list(_instants(plan.file))
    clock = HandClock(instants[0].at_us if instants else 0)
    keeper = Timekeeper(clock, "ntp")
    send = replace(config.send, in_flight=plan.window)
    with ExitStack() as stack:
        parts = Parts(replace(config, send=send), keeper, ledger, stack)
        run = _Run(config, plan, parts, keeper, stop)
        return run.through(instants)


class _Run:
    """One replay under way."""

    def __init__(
        self,
        config: NodeConfig,
        plan: ReplayPlan,
        parts: Parts,
        keeper: Timekeeper,
        stop: threading.Event,
    ) -> None:
        self._config = config
        self._plan = plan
        self._parts = parts
        self._keeper = keeper
        self._stop = stop
        self._housekeeping = Housekeeping(config, parts.spool, parts.link, keeper)
        self._streams: dict[str, Stream] = {}
        self._moved_at = time.monotonic()
        self._started = time.monotonic()
        self._spooled = 0
        self._observations = 0

    def through(self, instants: list[Instant]) -> dict[str, object]:
        clock: Any = self._keeper.clock
        self._parts.link.open()
        self._until(0)
        for instant in instants:
            if self._stop.is_set():
                break
            clock.follow(instant.at_us)
            self._spool(instant)
            self._until(self._plan.window - 1)
        self._spool(None)
        self._until(0)
        self._spool(None)
        return self._account(sum(len(instant.rows) for instant in instants))

    def _spool(self, instant: Instant | None) -> None:
        parts, now = self._parts, time.monotonic()
        if instant is not None:
            moment = self._keeper.now()
            parts.intake.take(
                [
                    Taken(stream=self._stream(r), reading=_reading(r), moment=moment)
                    for r in instant.rows
                ]
            )
        messages = parts.intake.commit(
            now, clock_s=self._keeper.clock.monotonic(), final=instant is None
        )
        self._spooled += len(messages)
        self._observations += sum(message.n for message in messages)
        parts.sender.fresh(messages)

    def _until(self, most: int) -> None:
        """Send and listen until at most ``most`` messages lack their receipt."""
        while True:
            self._listen()
            if self._parts.exchange.connected and self._waiting() <= most:
                return
            if self._stop.is_set():
                return
            if time.monotonic() - self._moved_at > self._plan.silence_s:
                raise LinkError(f"no receipt for {self._plan.silence_s:.0f} s")
            self._parts.wake.wait(POLL_S)
            self._parts.wake.clear()

    def _listen(self) -> None:
        exchange, now = self._parts.exchange, time.monotonic()
        before = exchange.receipted
        came_up = exchange.hear(self._parts.link.events())
        if came_up:
            self._housekeeping.reconnected()
        if came_up or exchange.receipted != before:
            self._moved_at = now
        exchange.send(now)
        self._housekeeping.step(now, connected=exchange.connected)

    def _waiting(self) -> int:
        return self._parts.spool.queue()

    def _stream(self, row: Row) -> Stream:
        stream = self._streams.get(row.sensor)
        if stream is None:
            stream = self._streams[row.sensor] = stream_of(self._config, row)
        return stream

    def _account(self, rows: int) -> dict[str, object]:
        parts = self._parts
        return {
            "node": self._config.node,
            "boot": parts.spool.boot,
            "rows": rows,
            "observations": self._observations,
            "spooled": self._spooled,
            "receipted": parts.exchange.receipted,
            "sent": parts.exchange.sent,
            "waiting": self._waiting(),
            "evicted": parts.spool.counter("evicted"),
            "aside": parts.spool.counter("aside"),
            "seconds": round(time.monotonic() - self._started, 3),
            "ok": not self._waiting() and not parts.spool.counter("aside"),
        }


def stream_of(config: NodeConfig, row: Row) -> Stream:
    """Return the datastream a recorded sensor is said on.

    That is the configured one that replays it, else one of the sensor's own name.
    """
    for stream in config.datastream:
        if stream.kind == "replay" and stream.settings.sensor == row.sensor:
            return stream
    return Stream(name=row.sensor, unit=row.unit, sensor={"kind": "replay"})


def _instants(file: Path) -> Iterator[Instant]:
    rows = sorted(read_rows(file), key=lambda row: row.at_us)
    for at_us, group in groupby(rows, key=lambda row: row.at_us):
        yield Instant(at_us, list(group))


def _reading(row: Row) -> Reading:
    quality = "missing" if row.result is None else ""
    return Reading(result=row.result, quality=quality, at_us=row.at_us)

"""The live feed: server-sent events that resume without loss or repetition.

One task reads what is new and hands the same bytes to every reader. An event's id is
the place it was read up to, (offset in the log, line of the timeline), so that the hub
keeps nothing about a reader: what it missed is read again from the book.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hub.console import view
from hub.console.deps import DEPS, THREADS
from hub.console.health import health_of
from hub.console.problem import ProblemError
from hub.console.pulse import (
    PAGE,
    Cursor,
    NetworkShape,
    Pulse,
    changed_slots,
    end_of,
    event,
    event_of,
    network_of,
    parse_cursor,
    snapshot_of,
    steps_after,
)
from hub.errors import StoreError

if TYPE_CHECKING:
    import sqlite3

    from hub.console.shapes import HealthShape, ValueShape

QUEUE: Final = 256
MISSED_MOST: Final = 5000
VALUES_MOST: Final = 2000
WRITE_S: Final = 10.0
LIFE_S: Final = 3600.0

logger = logging.getLogger(__name__)


class Reader:
    """One connected browser: a bounded queue; who does not keep up is dropped."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self.dropped = False

    def offer(self, piece: bytes) -> None:
        """Queue ``piece``, or mark this reader as dropped."""
        try:
            self.queue.put_nowait(piece)
        except asyncio.QueueFull:
            self.dropped = True


class Feed:
    """Reads what is new, at most four times a second, and only while somebody listens."""

    def __init__(self, app: web.Application, version: str) -> None:
        self._app = app
        self._deps = app[DEPS]
        self.version = version
        self.readers: set[Reader] = set()
        self.cursor = Cursor(0, 0)
        self._slots: set[int] = set()
        self._due: dict[str, float] = {}
        self._health: HealthShape | None = None
        self._network: NetworkShape | None = None
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Pulse until cancelled; a failing store turns the health red and is tried again."""
        while True:
            await asyncio.sleep(self._deps.settings.poll_s)
            if self.readers:
                await self._try_pulse()
                self._tell_health()
                self._beat()

    async def _try_pulse(self) -> None:
        try:
            await self._pulse()
        except StoreError as error:
            self._deps.health.ill("console", f"{error}; the page may lag")
        except Exception:
            logger.exception("feed: unexpected error, trying again")
            self._deps.health.ill("console", "the live feed failed; the hub's log says why")
        else:
            self._deps.health.well("console")

    async def join(self, resume: Cursor | None) -> tuple[Reader, list[bytes]]:
        """Return a new reader and what it must be sent first.

        Raises:
            ProblemError: there are too many readers already.
        """
        async with self._changing:
            if len(self.readers) >= self._deps.settings.clients:
                en = "Too many live feeds are open; close other pages and try again."
                zh = "实时连接过多，请关闭其他页面后重试。"
                raise ProblemError(503, "too-many", en, zh, {"Retry-After": "10"})
            first = await self._app[THREADS].read(lambda c: self._first(c, resume))
            reader = Reader()
            self.readers.add(reader)
            return reader, first

    def _first(self, connection: sqlite3.Connection, resume: Cursor | None) -> list[bytes]:
        if not self.readers:
            self.cursor = end_of(connection)
            self._slots.clear()
        missed = self._missed(connection, resume) if resume else []
        whole = snapshot_of(connection, self._deps, self.version)
        return [*missed, event("snapshot", whole, self.cursor)]

    def _missed(self, connection: sqlite3.Connection, resume: Cursor) -> list[bytes]:
        """Return the events after ``resume`` up to the feed's place, at most the last 5,000."""
        lines = min(self.cursor.line - resume.line, MISSED_MOST)
        if lines <= 0:
            return []
        steps = steps_after(connection, self._deps, self.cursor.line - lines, lines)
        known = [step for step in steps if resume.line < step.entry.id <= self.cursor.line]
        return [event_of(step, resume.offset) for step in known]

    async def _pulse(self) -> None:
        async with self._changing:
            pulse = await self._app[THREADS].read(self._read)
            self.cursor = pulse.cursor
            self._slots |= pulse.slots
            for step in pulse.steps:
                self._tell(event_of(step, pulse.cursor.offset))
        if self._slots and self._is_due("values", self._deps.settings.values_s):
            await self._tell_values()
        if self._is_due("network", self._deps.settings.heartbeat_s) or pulse.steps:
            await self._tell_network()

    def _read(self, connection: sqlite3.Connection) -> Pulse:
        steps = steps_after(connection, self._deps, self.cursor.line, PAGE)
        line = steps[-1].entry.id if steps else self.cursor.line
        slots, offset = changed_slots(connection, self.cursor.offset)
        return Pulse(Cursor(offset, line), steps, slots)

    async def _tell_values(self) -> None:
        slots = set(sorted(self._slots)[:VALUES_MOST])
        self._slots -= slots
        fresh: list[ValueShape] = await self._app[THREADS].read(
            lambda c: view.values(c, view.look(c, self._deps), slots)
        )
        self._tell(event("values", fresh, self.cursor))

    async def _tell_network(self) -> None:
        now = await self._app[THREADS].read(lambda c: network_of(c, self._deps))
        if now != self._network:
            self._tell(event("network", now))
        self._network = now

    def _tell_health(self) -> None:
        now = health_of(self._deps)
        if self._health is None or now.checks != self._health.checks:
            self._tell(event("health", now))
        self._health = now

    def _beat(self) -> None:
        if self._is_due("heartbeat", self._deps.settings.heartbeat_s):
            clock = self._deps.clock
            beat = {"now_us": clock.now_us(), "rate": clock.rate, "version": self.version}
            self._tell(event("heartbeat", beat))

    def _is_due(self, name: str, every_s: float) -> bool:
        """Say whether ``every_s`` real seconds have passed since this was last true of ``name``."""
        now = time.monotonic()
        due = now - self._due.get(name, float("-inf")) >= every_s
        if due:
            self._due[name] = now
        return due

    def stop(self) -> None:
        """Let every reader go."""
        for reader in self.readers:
            reader.dropped = True
            reader.offer(b"")

    def _tell(self, piece: bytes) -> None:
        for reader in self.readers:
            reader.offer(piece)


FEED: web.AppKey[Feed] = web.AppKey("feed")


async def feed(request: web.Request) -> web.StreamResponse:
    """Send the live feed: snapshot, values, network, incident, notification, health, heartbeat.

    ``Last-Event-ID`` resumes: first the timeline lines that were missed, then a snapshot.
    """
    source = request.app[FEED]
    resume = parse_cursor(request.headers.get("Last-Event-ID", ""))
    reader, first = await source.join(resume)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    )
    try:
        await response.prepare(request)
        await send(response, b"retry: 2000\n\n" + b"".join(first))
        await follow(response, reader)
    except (TimeoutError, ConnectionError):
        logger.info("feed: a reader is gone or too slow")
    finally:
        source.readers.discard(reader)
    return response


async def follow(response: web.StreamResponse, reader: Reader) -> None:
    """Send what is queued until the reader goes, falls behind or an hour is over."""
    async with asyncio.timeout(LIFE_S):
        while not reader.dropped:
            await send(response, await reader.queue.get())


async def send(response: web.StreamResponse, piece: bytes) -> None:
    """Write one piece within 10 s.

    Raises:
        TimeoutError: the reader does not take it.
    """
    async with asyncio.timeout(WRITE_S):
        await response.write(piece)

"""What the live feed says: events made of one reading of the store, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from hub.console import dossier, grid, view
from hub.console.health import health_of
from hub.console.shapes import (
    CellShape,
    Entry,
    HealthShape,
    IncidentShape,
    Shape,
    SiteShape,
    StreamShape,
)

if TYPE_CHECKING:
    import sqlite3

    from hub.console.deps import ConsoleDeps

PAGE: Final = 500
ROWS_MOST: Final = 200_000
SPARK_STREAMS: Final = 500
SPARK_POINTS: Final = 32
RECENT_INCIDENTS: Final = 50
TELLING: Final = frozenset({"paged", "sent", "delivered", "failed", "deferred", "cancelled"})


class Cursor(NamedTuple):
    """A place in the log and in the timeline."""

    offset: int
    line: int

    def __str__(self) -> str:
        return f"{self.offset}-{self.line}"


class Snapshot(Shape, frozen=True, kw_only=True):
    """Everything the page shows, as it stands."""

    version: str
    health: HealthShape
    sites: list[SiteShape]
    cells: list[CellShape]
    datastreams: list[StreamShape]
    incidents: list[IncidentShape]


class NetworkShape(Shape, frozen=True, kw_only=True):
    """How far the network can be relied upon: sites, cells, and datastreams not to be believed."""

    sites: list[SiteShape]
    cells: list[CellShape]
    silent: list[str]
    faulty: list[str]


class Step(Shape, frozen=True, kw_only=True):
    """One new line of a timeline and its incident as it stands."""

    entry: Entry
    incident: IncidentShape | None


@dataclass(frozen=True, slots=True)
class Pulse:
    """What one reading of the store found."""

    cursor: Cursor
    steps: list[Step]
    slots: set[int]


def parse_cursor(text: str) -> Cursor | None:
    """Return the cursor that an event id stands for, or None for what is none."""
    offset, _, line = text.partition("-")
    numbers = [n for n in (offset, line) if n.isascii() and n.isdigit() and len(n) < 19]
    return Cursor(int(numbers[0]), int(numbers[1])) if len(numbers) == 2 else None


def event(name: str, content: object, cursor: Cursor | None = None) -> bytes:
    """Return one server-sent event; JSON has no raw line ends, so one data line is enough."""
    place = f"id: {cursor}\n".encode() if cursor else b""
    return place + b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(content))


def event_of(step: Step, offset: int) -> bytes:
    """Return a timeline line as an ``incident`` or ``notification`` event."""
    name = "notification" if step.entry.kind in TELLING else "incident"
    return event(name, step, Cursor(offset, step.entry.id))


def end_of(connection: sqlite3.Connection) -> Cursor:
    """Return where the log's observations and the timeline end."""
    (offset,) = connection.execute('SELECT max("offset") FROM observation').fetchone()
    (line,) = connection.execute("SELECT max(id) FROM timeline").fetchone()
    return Cursor(offset or 0, line or 0)


def steps_after(
    connection: sqlite3.Connection, deps: ConsoleDeps, line: int, limit: int
) -> list[Step]:
    """Return at most ``limit`` timeline lines after ``line`` with their incidents."""
    entries = dossier.changes_after(connection, line, limit)
    if not entries:
        return []
    seen = view.look(connection, deps)
    names = {entry.incident for entry in entries}
    known = {name: dossier.incident(connection, seen, name) for name in names}
    return [Step(entry=entry, incident=known[entry.incident]) for entry in entries]


def changed_slots(connection: sqlite3.Connection, after: int) -> tuple[set[int], int]:
    """Return the datastreams with observations after the offset ``after``, and the last offset.

    Of a backlog only the newest 200,000 rows are looked at.
    """
    (end,) = connection.execute('SELECT max("offset") FROM observation').fetchone()
    start = max(after, (end or 0) - ROWS_MOST)
    rows = connection.execute('SELECT DISTINCT slot FROM observation WHERE "offset" > ?', (start,))
    return {slot for (slot,) in rows}, max(end or 0, after)


def snapshot_of(connection: sqlite3.Connection, deps: ConsoleDeps, version: str) -> Snapshot:
    """Return everything the page shows."""
    seen = view.look(connection, deps)
    points = SPARK_POINTS if len(seen.streams) <= SPARK_STREAMS else 0
    known = view.sights(connection, seen)
    opened = dossier.incidents(connection, seen, status="open", limit=PAGE)
    closed = dossier.incidents(connection, seen, status="resolved", limit=RECENT_INCIDENTS)
    return Snapshot(
        version=version,
        health=health_of(deps),
        sites=grid.sites(connection, seen, known),
        cells=grid.cells(seen, known),
        datastreams=view.streams(connection, seen, points),
        incidents=[*opened, *closed],
    )


def network_of(connection: sqlite3.Connection, deps: ConsoleDeps) -> NetworkShape:
    """Return how far the network can be relied upon."""
    seen = view.look(connection, deps)
    known = view.sights(connection, seen)
    return NetworkShape(
        sites=grid.sites(connection, seen, known),
        cells=grid.cells(seen, known),
        silent=[sight.id for sight in known if sight.silent],
        faulty=[sight.id for sight in known if sight.faulty],
    )

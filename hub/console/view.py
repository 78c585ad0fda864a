"""The state of the network as one reading of the store shows it: datastreams, sites, cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.console.shapes import (
    Latest,
    LevelShape,
    MuteShape,
    StreamShape,
    ValueShape,
    Words,
)
from hub.console.words import instant, printable, trend_of
from hub.model.network import Datastream, Hazard, Network, Severity
from hub.model.observation import Lateness, Quality
from hub.model.response import People
from hub.model.transition import Kind
from hub.store.book import Book

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from hub.console.deps import ConsoleDeps

TREND_POINTS: Final = 10
SILENT_INTERVALS: Final = 3.0
GRACE_S: Final = 300.0
USABLE: Final = (Quality.PASS, Quality.NOT_EVALUATED, Quality.SUSPECT)
Row = tuple[int, float | None, int, int, int, str | None, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands on one datastream: worst severity of the world, silence, fault."""

    severity: Severity | None = None
    silent: bool = False
    faulty: bool = False


NOTHING: Final = Standing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Whether one datastream can be relied upon, and for which danger: what cells are judged by.

    One that nobody ``declared`` may be anything: it watches nothing.
    """

    id: str
    site: str
    hazard: Hazard
    declared: bool
    silent: bool
    faulty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One consistent reading: the declared network and what the store says of it now."""

    network: Network
    people: People
    streams: dict[int, Datastream]
    standing: dict[int, Standing]
    learnt_s: dict[int, float]
    mutes: tuple[MuteShape, ...]
    now_us: int


def look(connection: sqlite3.Connection, deps: ConsoleDeps) -> View:
    """Return the view of the network at this moment of the store."""
    now_us = deps.clock.now_us()
    return View(
        network=deps.network,
        people=deps.people,
        streams={stream.slot: stream for stream in deps.catalogue().all()},
        standing=standing(connection),
        learnt_s=learnt(connection),
        mutes=tuple(mutes(connection, now_us)),
        now_us=now_us,
    )


def standing(connection: sqlite3.Connection) -> dict[int, Standing]:
    """Return what stands on each datastream that anything stands on."""
    rows = connection.execute("SELECT slot, kind, severity FROM condition WHERE standing = 1")
    found: dict[int, list[tuple[str, str]]] = {}
    for slot, kind, severity in rows:
        found.setdefault(slot, []).append((kind, severity))
    return {slot: standing_of(pairs) for slot, pairs in found.items()}


def standing_of(pairs: Sequence[tuple[str, str]]) -> Standing:
    """Return the sum of (kind, severity) pairs."""
    kinds = {kind for kind, _ in pairs}
    return Standing(
        severity=worst(Severity(s) for kind, s in pairs if kind == Kind.WORLD),
        silent=Kind.SILENCE in kinds,
        # A sensor that sees a danger behaves oddly: that makes nobody blind.
        faulty=Kind.FAULT in kinds and Kind.WORLD not in kinds,
    )


def worst(severities: Iterable[Severity]) -> Severity | None:
    """Return the worst of ``severities``, or None of none."""
    return max(severities, key=lambda severity: severity.rank, default=None)


def learnt(connection: sqlite3.Connection) -> dict[int, float]:
    """Return the learnt interval in seconds of each datastream that has one."""
    query = "SELECT slot, learnt_s FROM datastream WHERE learnt_s IS NOT NULL"
    return dict(connection.execute(query).fetchall())


def mutes(connection: sqlite3.Connection, now_us: int) -> list[MuteShape]:
    """Return the mutes in force."""
    return [
        MuteShape(
            target=mute.target,
            reason=printable(mute.reason),
            by=printable(mute.by),
            start=instant(mute.from_us),
            until=instant(mute.until_us),
        )
        for mute in Book(connection).mutes(now_us)
    ]


def newest(connection: sqlite3.Connection, slot: int, count: int) -> list[Row]:
    """Return the last ``count`` observations of a datastream in phenomenon time, oldest first.

    One from the future says nothing of the present and is left out.
    """
    rows = connection.execute(
        "SELECT time_us, result, quality, lateness, trusted, why, start_us FROM observation"
        " WHERE slot = ? AND lateness <> ? ORDER BY time_us DESC, tie DESC LIMIT ?",
        (slot, int(Lateness.FUTURE), count),
    ).fetchall()
    return rows[::-1]


def latest_of(row: Row, now_us: int) -> Latest:
    """Return the newest observation with its age."""
    time_us, result, quality, lateness, trusted, why, _ = row
    return Latest(
        time=instant(time_us),
        result=result,
        quality=quality,
        late=lateness in (Lateness.LATE, Lateness.BACKFILL),
        trusted=bool(trusted),
        age_s=round((now_us - time_us) / MICROSECONDS, 3),
        why=printable(why or ""),
    )


def is_silent(view: View, stream: Datastream, row: Row | None) -> bool:
    """Say whether ``stream`` should have spoken by now: by its condition, or by its age."""
    if view.standing.get(stream.slot, NOTHING).silent:
        return True
    if row is None:
        return True
    interval_s = stream.interval_s or view.learnt_s.get(stream.slot)
    if interval_s is None:
        return False
    allowed_s = SILENT_INTERVALS * max(interval_s, stream.upload_s or 0.0) + GRACE_S
    return view.now_us - row[0] > allowed_s * MICROSECONDS


def sights(connection: sqlite3.Connection, view: View) -> list[Sight]:
    """Return of every datastream of the world whether it speaks and can be believed."""
    return [
        sight_of(view, stream, newest(connection, slot, 1))
        for slot, stream in view.streams.items()
        if not stream.watches_hub
    ]


def sight_of(view: View, stream: Datastream, rows: Sequence[Row]) -> Sight:
    """Return whether ``stream`` can be relied upon, by its newest observation."""
    return Sight(
        id=stream.id,
        site=stream.site,
        hazard=stream.hazard,
        declared=stream.declared,
        silent=is_silent(view, stream, rows[-1] if rows else None),
        faulty=view.standing.get(stream.slot, NOTHING).faulty,
    )


def usable(rows: Sequence[Row]) -> list[tuple[int, float]]:
    """Return (time_us, result) of the rows with a believable result.

    Sums over an interval (rain) are left out: their slope says nothing.
    """
    return [
        (row[0], row[1])
        for row in rows
        if row[1] is not None and row[2] in USABLE and row[6] == row[0]
    ]


def value_of(view: View, stream: Datastream, rows: Sequence[Row]) -> ValueShape:
    """Return what changes of ``stream`` from second to second."""
    stands = view.standing.get(stream.slot, NOTHING)
    trend, slope = trend_of(usable(rows)[-TREND_POINTS:])
    last = rows[-1] if rows else None
    return ValueShape(
        id=stream.id,
        latest=latest_of(last, view.now_us) if last else None,
        silent=is_silent(view, stream, last),
        faulty=stands.faulty,
        severity=stands.severity,
        trend=trend,
        trend_per_h=slope,
    )


def values(connection: sqlite3.Connection, view: View, slots: Iterable[int]) -> list[ValueShape]:
    """Return the values of the datastreams ``slots`` that the catalogue knows."""
    known = [view.streams[slot] for slot in slots if slot in view.streams]
    return [
        value_of(view, stream, newest(connection, stream.slot, TREND_POINTS)) for stream in known
    ]


def streams(connection: sqlite3.Connection, view: View, recent: int) -> list[StreamShape]:
    """Return every datastream, each with its last ``recent`` observations."""
    count = max(recent, TREND_POINTS)
    return [
        stream_shape(view, stream, newest(connection, slot, count), recent)
        for slot, stream in sorted(view.streams.items())
    ]


def stream_shape(view: View, stream: Datastream, rows: Sequence[Row], recent: int) -> StreamShape:
    """Return one datastream as it stands."""
    value = value_of(view, stream, rows)
    return StreamShape(
        id=stream.id,
        node=stream.node,
        name=stream.name,
        site=stream.site,
        label=Words(en=stream.label_en, zh=stream.label_zh),
        observed_property=stream.measured,
        unit=stream.unit,
        hazard=stream.hazard,
        room=stream.room,
        declared=stream.declared,
        interval_s=stream.interval_s or view.learnt_s.get(stream.slot),
        levels=levels_of(stream),
        latest=value.latest,
        silent=value.silent,
        faulty=value.faulty,
        muted_until=muted_until(view, stream),
        severity=value.severity,
        trend=value.trend,
        trend_per_h=value.trend_per_h,
        recent=[(row[0] // 1000, row[1]) for row in rows[-recent:]] if recent else [],
    )


def levels_of(stream: Datastream) -> list[LevelShape]:
    """Return the fixed levels of ``stream``."""
    return [
        LevelShape(
            name=level.name,
            severity=level.severity,
            above=level.above,
            below=level.below,
            datum=level.datum,
            source=level.source,
            date=level.date,
        )
        for level in stream.levels
    ]


def muted_until(view: View, stream: Datastream) -> datetime | None:
    """Return until when ``stream`` is muted, by itself, its node or its site."""
    names = {stream.id, stream.node, stream.site}
    return max((m.until for m in view.mutes if m.target in names), default=None)

"""Recorded data through the hub's own code on a virtual clock: what would have been raised, when.

A recording is a CSV (plain or gzipped) with the columns time, sensor, kind, unit, value.
Each recorded instant becomes one message; intake, quality, lateness, detection and the
book are the live ones, on a database that is thrown away.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS, HandClock, from_us
from hub.dispatch.text import compose
from hub.errors import ConfigError
from hub.flow.fits import Fits
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.flow.recording import METRIC, Row, read_rows
from hub.flow.watch import Watch
from hub.flow.words import NOTHING_IN_IT
from hub.ingest.memory import MemorySource
from hub.model.incident import Incident
from hub.model.network import Datastream, Hazard, Level, Network, Severity, Site
from hub.model.transition import Transition
from hub.model.units import conversion
from hub.store.book import Book
from hub.store.database import open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hub.model.response import People
    from hub.model.rule import Rule

HAZARDS: Final = {"river_level": Hazard.FLOOD, "smoke": Hazard.FIRE}
SITE: Final = "replay"
BOOT: Final = "0123456789abcdef"
STEP_US: Final = 60 * MICROSECONDS
AFTERWARDS_S: Final = 60.0
MOST_ROWS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One time at which people would have been told, and of what."""

    at_us: int
    incident: str
    purpose: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a recording would have raised; pages are those of the first escalation step."""

    transitions: tuple[Transition, ...]
    incidents: tuple[Incident, ...]
    pages: tuple[Page, ...]
    network: Network


def replay_file(
    path: Path,
    *,
    network: Network,
    people: People,
    rules: Sequence[Rule],
    settings: IntakeSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> Replayed:
    """Play ``path`` through the hub's code and return what was raised and when.

    A sensor is the datastream of ``network`` with its name (``name`` or ``node/name``);
    others become datastreams of a site "replay", with the danger levels of an
    ``index.json`` beside the file. ``progress`` hears the share done, 0 to 1.

    Raises:
        ConfigError: the file cannot be read, naming the line.
    """
    rows = sorted(read_rows(path), key=lambda row: row.at_us)
    if not rows:
        raise ConfigError(str(path), NOTHING_IN_IT)
    network = with_sensors(network, rows, danger_levels(path))
    with tempfile.TemporaryDirectory(prefix="tocsin-replay-") as folder, ExitStack() as stack:
        player = Player(Path(folder) / "replay.db", network, people, rules, rows[0].at_us, settings)
        stack.callback(player.close)
        instants = [(at, list(group)) for at, group in groupby(rows, key=lambda row: row.at_us)]
        for number, (at_us, group) in enumerate(instants):
            player.play(at_us, group)
            if progress is not None:
                progress((number + 1) / len(instants))
        player.pass_time(rows[-1].at_us + round(AFTERWARDS_S * MICROSECONDS))
        return player.account()


class Player:
    """The hub's intake and watch on one database and one clock set by the recording."""

    def __init__(  # noqa: PLR0917  one caller
        self,
        path: Path,
        network: Network,
        people: People,
        rules: Sequence[Rule],
        start_us: int,
        settings: IntakeSettings | None,
    ) -> None:
        self._path, self._network, self._seq = path, network, 0
        self._clock, health, handoff = HandClock(start_us), Health(), Handoff()
        self._source = MemorySource()
        self._said: list[Transition] = []
        self._homes = {s.id: (s.site, s.node, s.name) for s in network.datastreams.values()}
        self._homes |= {s.name: (s.site, s.node, s.name) for s in network.datastreams.values()}
        self._intake = Intake(
            database=path,
            source=self._source,
            network=network,
            clock=self._clock,
            health=health,
            wake=lambda *_: None,
            handoff=handoff,
            settings=settings,
        )
        self._watch = Watch(
            path=path,
            network=network,
            people=people,
            rules=rules,
            composer=compose,
            clock=self._clock,
            health=health,
            wake=lambda *_: None,
            handoff=handoff,
            fits=Fits(inline=True),
            heard=self._said.extend,
        )
        self._intake.step()
        self._rest()

    def play(self, at_us: int, rows: list[Row]) -> None:
        """Let the clock come to ``at_us`` and take in what was recorded then."""
        self.pass_time(at_us)
        homes = sorted({self._homes[row.sensor][:2] for row in rows})
        for site, node in homes:
            own = [row for row in rows if self._homes[row.sensor][:2] == (site, node)]
            for start in range(0, len(own), MOST_ROWS):
                self._put(site, node, own[start : start + MOST_ROWS])
        self._intake.step()
        self._rest()

    def pass_time(self, until_us: int) -> None:
        """Let the clock run on to ``until_us``, minute by minute, and rest at each."""
        while self._clock.now_us() + STEP_US < until_us:
            self._clock.follow(self._clock.now_us() + STEP_US)
            self._rest()
        self._clock.follow(until_us)

    def account(self) -> Replayed:
        """Return what was said, opened and written to people."""
        connection = open_database(self._path)
        try:
            rows = connection.execute(
                "SELECT created_us, incident, purpose, text FROM notification "
                "ORDER BY created_us, id"
            ).fetchall()
            return Replayed(
                transitions=tuple(self._said),
                incidents=tuple(reversed(Book(connection).incidents(10_000))),
                pages=tuple(Page(at_us=r[0], incident=r[1], purpose=r[2], text=r[3]) for r in rows),
                network=self._network,
            )
        finally:
            connection.close()

    def close(self) -> None:
        """Let the database go."""
        self._watch.close()
        self._intake.close()

    def _put(self, site: str, node: str, rows: list[Row]) -> None:
        self._seq += 1
        at = from_us(rows[0].at_us).isoformat()
        obs = [
            {"ds": self._homes[row.sensor][2], "t": at, "r": row.result, "u": row.unit}
            for row in rows
        ]
        message = {"v": 1, "boot": BOOT, "seq": self._seq, "low": 0, "sent": at, "obs": obs}
        self._source.put(f"tocsin/v1/{site}/{node}/obs", json.dumps(message).encode())

    def _rest(self) -> None:
        while self._watch.step():
            pass


def danger_levels(path: Path) -> dict[str, float]:
    """Return the danger levels of ``index.json`` beside the file, in the recording's units."""
    index = path.parent / "index.json"
    if not index.is_file():
        return {}
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    found: dict[str, float] = (
        json.loads(index.read_text("utf-8")).get(name, {}).get("danger_level", {})
    )
    return found


def with_sensors(network: Network, rows: Sequence[Row], dangers: dict[str, float]) -> Network:
    """Return ``network`` with the recorded sensors only, made up where it has none."""
    sensors = {row.sensor for row in rows}
    kept = [s for s in network.datastreams.values() if {s.id, s.name} & sensors]
    known = {name for s in kept for name in (s.id, s.name)}
    series: dict[str, list[Row]] = {}
    for row in rows:
        if row.sensor not in known:
            series.setdefault(row.sensor, []).append(row)
    fire = any(row.kind == "smoke" for row in rows)
    added = [stream_of(part, dangers.get(name), fire=fire) for name, part in series.items()]
    site = Site(id=SITE, name_en="Replay", name_zh="回放", latitude=0.0, longitude=0.0)
    return replace(
        network,
        sites={**network.sites, SITE: site} if added else network.sites,
        datastreams={(s.node, s.name): s for s in (*kept, *added)},
        nodes={**network.nodes, **({SITE: SITE} if added else {})},
    )


def stream_of(rows: Sequence[Row], danger: float | None, *, fire: bool) -> Datastream:
    """Return the datastream of one recorded sensor: metric, at its usual interval."""
    first = rows[0]
    unit = METRIC.get(first.unit, first.unit)
    interval_s, upload_s = usual_gaps_s(row.at_us for row in rows)
    fiery = fire and first.kind in ("smoke", "temperature")
    return Datastream(
        slot=-1,
        site=SITE,
        node=SITE,
        name=first.sensor,
        observed_property=first.kind,
        unit=unit,
        hazard=Hazard.FIRE if fiery else HAZARDS.get(first.kind, Hazard.OTHER),
        room=first.sensor.rsplit("-", 1)[0],
        interval_s=interval_s,
        upload_s=upload_s,
        levels=() if danger is None else (danger_level(danger, first.unit, unit),),
        declared=True,
    )


def danger_level(value: float, source: str, unit: str) -> Level:
    """Return the danger level of an index in the datastream's unit."""
    found = conversion(source, unit)
    above = value * found.factor + found.shift if found is not None else value
    return Level(name="danger", severity=Severity.EXTREME, above=above, hysteresis=0.02 * above)


def usual_gaps_s(times_us: Iterable[int]) -> tuple[float | None, float | None]:
    """Return (median gap, how much longer one gap in a hundred is) in seconds."""
    gaps_s = np.diff(np.array(list(times_us), dtype=np.int64)) / MICROSECONDS
    if not len(gaps_s):
        return None, None
    usual, long = float(np.median(gaps_s)), float(np.percentile(gaps_s, 99))
    return usual, max(long - usual, 0.0)

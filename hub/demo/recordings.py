"""Recordings of real events: what is in them, what happened, and a site to replay them at.

A folder holds ``index.json`` and one ``NAME.csv.gz`` per event with the columns
time, sensor, kind, unit, value (times ISO 8601 UTC, sorted).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hub.clock import MICROSECONDS, to_us
from hub.errors import ConfigError
from hub.flow.recording import METRIC, Row, read_rows
from hub.flow.words import NO_RECORDINGS
from hub.model.units import conversion
from hub.reasons import why

NODE: Final = "recorder"
HOUR_US: Final = 3600 * MICROSECONDS
BEFORE_US: Final = 24 * HOUR_US  # a page this long before the danger level still warned of it
ONE_EVENT_US: Final = 24 * HOUR_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened: pages in [``from_us``, ``until_us``] are about it.

    ``at_us`` is when the danger level was crossed, or the fire was lit.
    """

    at_us: int
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One event: its rows, danger levels (sensor -> value in the recorded unit), what happened."""

    name: str
    path: Path
    fire: bool
    sensors: dict[str, tuple[str, str]]  # sensor -> (kind, unit)
    levels: dict[str, float]
    happenings: tuple[Happening, ...]


def read_recordings(folder: Path) -> list[Recording]:
    """Return every recording of ``folder``.

    Raises:
        ConfigError: there is no readable index or a file of it is missing.
    """
    try:
        index = json.loads((folder / "index.json").read_text("utf-8"))
        return [read_recording(folder, name, facts) for name, facts in sorted(index.items())]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(str(folder), NO_RECORDINGS.filled(why=why(error))) from error


def read_recording(folder: Path, name: str, facts: dict[str, Any]) -> Recording:
    """Return one recording with what happened in it."""
    path = folder / f"{name}.csv.gz"
    rows = list(read_rows(path))
    levels = dict(facts.get("danger_level", {}))
    ignition = facts.get("ignition")
    happenings = [lit(instant_us(ignition), rows)] if ignition else floods(rows, levels)
    return Recording(
        name=name,
        path=path,
        fire=bool(ignition),
        sensors={row.sensor: (row.kind, row.unit) for row in rows},
        levels=levels,
        happenings=tuple(happenings),
    )


def instant_us(text: str) -> int:
    """Return the microseconds of an ISO 8601 instant."""
    return to_us(datetime.fromisoformat(text))


def lit(at_us: int, rows: list[Row]) -> Happening:
    """Return a fire: every page from its ignition on is about it."""
    return Happening(at_us=at_us, from_us=at_us, until_us=rows[-1].at_us)


def floods(rows: list[Row], levels: dict[str, float]) -> list[Happening]:
    """Return the floods: times above a danger level, those within a day taken together."""
    over = sorted(
        row.at_us
        for row in rows
        if row.sensor in levels and row.result is not None and row.result >= levels[row.sensor]
    )
    spans: list[list[int]] = []
    for time_us in over:
        if spans and time_us - spans[-1][1] <= ONE_EVENT_US:
            spans[-1][1] = time_us
        else:
            spans.append([time_us, time_us])
    return [
        Happening(at_us=first, from_us=first - BEFORE_US, until_us=last) for first, last in spans
    ]


def site_table(recording: Recording, latitude: float, longitude: float) -> dict[str, Any]:
    """Return the site file of a recording, its levels in metric units."""
    streams = [stream_table(recording, sensor) for sensor in sorted(recording.sensors)]
    name = recording.name.replace("_", " ")
    site = {"id": "recording", "name_en": name[:40], "name_zh": name[:40],
            "latitude": latitude, "longitude": longitude, "zone": "UTC"}  # fmt: skip
    return {"site": site, "node": [{"id": NODE, "datastream": streams}]}


def stream_table(recording: Recording, sensor: str) -> dict[str, Any]:
    """Return one datastream of the site file."""
    kind, recorded = recording.sensors[sensor]
    unit = METRIC.get(recorded, recorded)
    table: dict[str, Any] = {
        "name": sensor,
        "property": kind,
        "unit": unit,
        "hazard": "fire" if recording.fire else "flood",
        "label_en": sensor.replace("-", " "),
        "label_zh": sensor.replace("-", " "),
    }
    if recording.fire:
        table["room"] = "-".join(sensor.split("-")[:2])
    if sensor in recording.levels:
        table["level"] = [{"name": "danger", "severity": "extreme",
                           "above": in_metric(recording.levels[sensor], recorded),
                           "hysteresis": 0.05, "source": "public rule of the recording",
                           "datum": "as recorded", "date": "2026-11-23"}]  # fmt: skip
    return table


def in_metric(value: float, unit: str) -> float:
    """Return a level in the unit in which the node sends."""
    found = conversion(unit, METRIC.get(unit, unit))
    return value if found is None else round(value * found.factor + found.shift, 4)


def node_table(recording: Recording, folder: Path) -> dict[str, Any]:
    """Return the configuration of the node that replays ``recording``."""
    return {
        "site": "recording",
        "node": NODE,
        "spool": {"folder": str(folder / f"{recording.name}-spool"), "commit_s": 0.02},
        "send": {"upload_s": 1, "batch": 50, "resend_s": 2},
    }

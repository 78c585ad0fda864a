"""A city to be killed in: four sites, each with one node and five dangers, and their recordings.

Sites, datastreams and recordings are made from a seed; people, cells, policies and
rules are the shipped ones.
"""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.demo.toml import to_toml

if TYPE_CHECKING:
    import random

ROOT = Path(__file__).parents[2]
PLACES = (  # within the shipped cells
    ("killed-bridge", 30.1204, 119.9312),
    ("killed-ferry", 30.1190, 119.9250),
    ("killed-mill", 30.1127, 119.9475),
    ("killed-pumps", 30.1351, 119.9418),
)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # the sensors shift their rows to the clock's start
ESCALATE_S = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """One kind of datastream: from its onset on every value is beyond ``level``.

    An ``urgent`` one is sent by the node at once, reading by reading.
    """

    name: str
    unit: str
    hazard: str
    level: float
    urgent: bool = False


DANGERS = (
    Danger(name="stage", unit="m", hazard="flood", level=4.0, urgent=True),
    Danger(name="smoke", unit="1/m", hazard="fire", level=0.2, urgent=True),
    Danger(name="methane", unit="[ppm]", hazard="gas", level=500.0),
    Danger(name="flow", unit="m3/h", hazard="leak", level=80.0),
    Danger(name="crack", unit="mm", hazard="structure", level=3.0),
)

Reading = tuple[str, str, int]  # node, datastream, microseconds after the first row


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """``config`` is for the hub, ``nodes`` for ``tocsin-edge``; ``readings`` is what comes.

    ``dangers`` are the incidents that must come: when each begins, in seconds after the
    first reading, by site and hazard.
    """

    config: Path
    nodes: tuple[Path, ...]
    readings: dict[Reading, float]
    dangers: dict[tuple[str, str], float]


def build_city(folder: Path, dice: random.Random, *, rows: int, span_s: float) -> City:
    """Make a city in ``folder`` whose every sensor says ``rows`` values within ``span_s``."""
    config = folder / "given"
    config.mkdir(parents=True)
    for name in ("people.toml", "rules.toml", "cells.geojson"):
        shutil.copy(ROOT / "config" / name, config / name)
    hub = tomllib.loads((ROOT / "config" / "hub.toml").read_text("utf-8"))
    kept = {key: value for key, value in hub.items() if key != "mapping"}
    write(config / "hub.toml", {**kept, "storm": {"most": 0}})  # each incident has its own page
    write(config / "policies.toml", hurried(ROOT / "config" / "policies.toml"))
    (config / "sites").mkdir()
    onsets = iter(shuffled_onsets(dice, len(PLACES) * len(DANGERS), rows))
    readings: dict[Reading, float] = {}
    dangers: dict[tuple[str, str], float] = {}
    for site, latitude, longitude in PLACES:
        write(config / "sites" / f"{site}.toml", site_table(site, latitude, longitude))
        begin = {danger: next(onsets) for danger in DANGERS}
        dangers |= {(site, d.hazard): row * span_s / rows for d, row in begin.items()}
        series = {d: values(dice, d, rows, row) for d, row in begin.items()}
        readings |= record(folder / f"{node_of(site)}.csv", site, series, span_s / rows)
        write(folder / f"{node_of(site)}.toml", node_table(site, folder))
    nodes = tuple(folder / f"{node_of(site)}.toml" for site, _, _ in PLACES)
    return City(config=config, nodes=nodes, readings=readings, dangers=dangers)


def node_of(site: str) -> str:
    """Return the name of the node of ``site``."""
    return f"{site}-01"


def hurried(policies: Path) -> dict[str, Any]:
    """Return the shipped policies, the next step after seconds and one round only."""
    tables = tomllib.loads(policies.read_text("utf-8"))
    for policy in tables["policy"]:
        policy["repeat"] = 0
        for step in policy["step"]:
            step |= {"wait_s": ESCALATE_S, "receipt_s": ESCALATE_S / 2}
    return tables


def shuffled_onsets(dice: random.Random, count: int, rows: int) -> list[int]:
    """Return ``count`` rows spread over the run, in no order; none in its first or last tenth."""
    step = 0.8 * rows / count
    onsets = [round(0.1 * rows + (turn + dice.random()) * step) for turn in range(count)]
    dice.shuffle(onsets)
    return onsets


def values(dice: random.Random, danger: Danger, rows: int, onset: int) -> list[float]:
    """Return a series that lies under its level, and from ``onset`` on above it."""
    middles = (0.5 if row < onset else 1.5 for row in range(rows))
    return [round(danger.level * (m + dice.uniform(-0.2, 0.2)), 6) for m in middles]


def record(
    file: Path, site: str, series: dict[Danger, list[float]], step_s: float
) -> dict[Reading, float]:
    """Write a recording as the node reads it; return what it says."""
    said: dict[Reading, float] = {}
    step_us = round(step_s * 1_000_000)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["time", "sensor", "kind", "unit", "value"])
        for danger, column in series.items():
            for row, value in enumerate(column):
                at = BEGAN + timedelta(microseconds=row * step_us)
                writer.writerow([at.isoformat(), danger.name, danger.name, danger.unit, value])
                said[node_of(site), danger.name, row * step_us] = value
    return said


def site_table(site: str, latitude: float, longitude: float) -> dict[str, Any]:
    """Return one file of sites/."""
    return {
        "site": {
            "id": site,
            "name_en": site.replace("-", " "),
            "name_zh": "演练点",
            "latitude": latitude,
            "longitude": longitude,
        },
        "node": [{"id": node_of(site), "datastream": [stream_table(d) for d in DANGERS]}],
    }


def stream_table(danger: Danger) -> dict[str, Any]:
    """Return one declared datastream with its level."""
    level = {
        "name": "danger",
        "severity": "severe",
        "above": danger.level,
        "datum": "the foot of the wall",
        "source": "made up for a test",
        "date": "2026-01-01",
    }
    return {
        "name": danger.name,
        "property": danger.name,
        "unit": danger.unit,
        "hazard": danger.hazard,
        "label_en": danger.name,
        "label_zh": "读数",
        "interval_s": 1.0,
        "upload_s": 1.0,
        "level": [level],
    }


def node_table(site: str, folder: Path) -> dict[str, Any]:
    """Return a node's own configuration; the scene puts broker and spool in place."""
    recording = str(folder / f"{node_of(site)}.csv")
    streams = [
        {
            "name": danger.name,
            "unit": danger.unit,
            "interval_s": 0.25,
            **({"alarm_above": danger.level} if danger.urgent else {}),
            "sensor": {"kind": "replay", "file": recording, "sensor": danger.name},
        }
        for danger in DANGERS
    ]
    return {
        "site": site,
        "node": node_of(site),
        "spool": {"folder": "spool", "commit_s": 0.1},
        "send": {"upload_s": 1.0, "resend_max_s": 5.0},
        "datastream": streams,
    }


def write(path: Path, table: dict[str, Any]) -> None:
    """Write ``table`` as TOML."""
    path.write_text(to_toml(table), "utf-8")


def as_json(value: object) -> str:
    """Return one line of JSON."""
    return json.dumps(value, ensure_ascii=False)

"""A city to be killed in: places with one node and five dangers each, and their recordings.

Sites, datastreams and recordings are made from a seed; people, cells, policies and
rules are the shipped ones, hurried. A few nodes are fast and a process each; the crowd
is many slow nodes in one process (``ordeal.crowd``), all of the shipped node's code.
"""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hub.demo.toml import to_toml

if TYPE_CHECKING:
    import random

ROOT = Path(__file__).parents[2]
CORNERS: Final = (  # within the shipped cells
    (30.1204, 119.9312),
    (30.1190, 119.9250),
    (30.1127, 119.9475),
    (30.1351, 119.9418),
)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)  # the sensors shift their rows to the clock's start
ESCALATE_S = 25.0
GRACE_S: Final = 30.0  # real seconds that news may take where the clock is fast
LANES: Final = 16  # SMS under way at once: many incidents open in one city
STEPS: Final = (("responsible",), ("deputy",), ("on-call:duty",))  # nobody twice


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
class Size:
    """How big a city is, and how fast it lives.

    Its sensors speak for ``span_s`` real seconds: those of ``fast`` nodes every
    ``step_s``, those of the ``crowd`` every ``crowd_step_s``. All of it is stretched to
    ``rate`` times as many seconds of the hub's clock. Who does not answer is passed over
    after ``escalate_s`` real seconds. ``rules`` replaces the shipped rules; dangers
    that are not ``urgent`` are left out where ``urgent_only``.
    """

    span_s: float
    fast: int = 4
    step_s: float = 0.18
    crowd: int = 0
    crowd_step_s: float = 5.0
    rate: float = 1.0
    escalate_s: float = ESCALATE_S
    rules: str = ""
    urgent_only: bool = False

    @property
    def dangers(self) -> tuple[Danger, ...]:
        """Return the dangers of every place."""
        return tuple(d for d in DANGERS if d.urgent or not self.urgent_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """``config`` is for the hub, ``nodes`` for ``tocsin-edge``, ``crowd`` for ``ordeal.crowd``.

    ``readings`` is how many are to come. ``dangers`` are the incidents that must come: when each
    begins, in real seconds after the first reading, by site and hazard.
    """

    config: Path
    size: Size
    nodes: tuple[Path, ...]
    crowd: tuple[Path, ...]
    readings: int
    dangers: dict[tuple[str, str], float]


def build_city(folder: Path, dice: random.Random, size: Size) -> City:
    """Make a city of ``size`` in ``folder``."""
    config = folder / "given"
    (config / "sites").mkdir(parents=True)
    (folder / "recordings").mkdir()
    for name in ("people.toml", "rules.toml", "cells.geojson"):
        shutil.copy(ROOT / "config" / name, config / name)
    if size.rules:
        (config / "rules.toml").write_text(size.rules, "utf-8")
    hub = tomllib.loads((ROOT / "config" / "hub.toml").read_text("utf-8"))
    kept = {key: value for key, value in hub.items() if key != "mapping"}
    kept["hub"]["grace_s"] = max(kept["hub"]["grace_s"], GRACE_S * size.rate)
    write(config / "hub.toml", {**kept, "storm": {"most": 0}})  # each incident has its own page
    write(config / "policies.toml", hurried(ROOT / "config" / "policies.toml", size))
    onsets = iter(shuffled_onsets(dice, (size.fast + size.crowd) * len(size.dangers)))
    files, readings, dangers = [], 0, {}
    for number in range(size.fast + size.crowd):
        step_s = size.step_s if number < size.fast else size.crowd_step_s
        begin = {danger: next(onsets) * size.span_s for danger in size.dangers}
        dangers |= {(site_of(number), d.hazard): at_s for d, at_s in begin.items()}
        rows = max(round(size.span_s / step_s), 2)
        for danger, at_s in begin.items():
            series = values(dice, danger, rows, int(at_s / step_s) + 1)
            record(recording(folder, number, danger), danger, series, step_s * size.rate)
            readings += rows
        write(config / "sites" / f"{site_of(number)}.toml", site_table(number, size, step_s))
        files.append(folder / f"{node_of(number)}.toml")
        write(files[-1], node_table(number, size, step_s, folder))
    return City(
        config=config,
        size=size,
        nodes=tuple(files[: size.fast]),
        crowd=tuple(files[size.fast :]),
        readings=readings,
        dangers=dangers,
    )


def site_of(number: int) -> str:
    """Return the id of a place's site."""
    return f"place-{number:03d}"


def node_of(number: int) -> str:
    """Return the name of a place's node."""
    return f"{site_of(number)}-01"


def names(number: int) -> tuple[str, str]:
    """Return what people call a place, in English and in Chinese; none begins with another."""
    return f"Place {number:03d}", f"演练点{number:03d}"


def recording(folder: Path, number: int, danger: Danger) -> Path:
    """Return the file that says what a sensor is to see."""
    return folder / "recordings" / f"{node_of(number)}.{danger.name}.csv"


def hurried(policies: Path, size: Size) -> dict[str, Any]:
    """Return the shipped policies, the next step soon, each person once and one round only."""
    tables = tomllib.loads(policies.read_text("utf-8"))
    wait_s = size.escalate_s * size.rate
    for policy in tables["policy"]:
        policy |= {"repeat": 0, "again_s": 0}
        for place, step in enumerate(policy["step"]):
            step |= {"wait_s": wait_s, "receipt_s": wait_s / 2}
            if policy["name"] == "default":
                step |= {"notify": list(STEPS[place]), "by": ["sms", "webhook"]}
    return tables


def shuffled_onsets(dice: random.Random, count: int) -> list[float]:
    """Return ``count`` shares of a run spread over it, in no order; none in its outer tenths."""
    step = 0.8 / count
    onsets = [0.1 + (turn + dice.random()) * step for turn in range(count)]
    dice.shuffle(onsets)
    return onsets


def values(dice: random.Random, danger: Danger, rows: int, onset: int) -> list[float]:
    """Return a series that lies under its level, and from row ``onset`` on above it."""
    middles = (0.5 if row < min(onset, rows - 1) else 1.5 for row in range(rows))
    return [round(danger.level * (m + dice.uniform(-0.2, 0.2)), 6) for m in middles]


def record(file: Path, danger: Danger, series: list[float], step_s: float) -> None:
    """Write a recording as the node reads it."""
    step_us = round(step_s * 1_000_000)
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["time", "sensor", "kind", "unit", "value"])
        for row, value in enumerate(series):
            at = BEGAN + timedelta(microseconds=row * step_us)
            writer.writerow([at.isoformat(), danger.name, danger.name, danger.unit, value])


def site_table(number: int, size: Size, step_s: float) -> dict[str, Any]:
    """Return one file of sites/."""
    latitude, longitude = CORNERS[number % len(CORNERS)]
    english, chinese = names(number)
    streams = [stream_table(danger, step_s * size.rate) for danger in size.dangers]
    return {
        "site": {
            "id": site_of(number),
            "name_en": english,
            "name_zh": chinese,
            "latitude": latitude,
            "longitude": longitude,
        },
        "node": [{"id": node_of(number), "datastream": streams}],
    }


def stream_table(danger: Danger, step_s: float) -> dict[str, Any]:
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
        "interval_s": max(1.0, step_s),
        "upload_s": max(1.0, step_s),
        "level": [level],
    }


def node_table(number: int, size: Size, step_s: float, folder: Path) -> dict[str, Any]:
    """Return a node's own configuration; the scene puts broker and spool in place."""
    streams = [
        {
            "name": danger.name,
            "unit": danger.unit,
            "interval_s": 0.25 * size.rate,
            **({"alarm_above": danger.level} if danger.urgent and step_s > 0.1 else {}),
            "sensor": {
                "kind": "replay",
                "file": str(recording(folder, number, danger)),
                "sensor": danger.name,
            },
        }
        for danger in size.dangers
    ]
    return {
        "site": site_of(number),
        "node": node_of(number),
        "spool": {"folder": "spool", "commit_s": 0.1},
        "send": {"upload_s": size.rate, "batch": 200, "resend_max_s": 5.0},
        "datastream": streams,
    }


def write(path: Path, table: dict[str, Any]) -> None:
    """Write ``table`` as TOML."""
    path.write_text(to_toml(table), "utf-8")


def as_json(value: object) -> str:
    """Return one line of JSON."""
    return json.dumps(value, ensure_ascii=False)

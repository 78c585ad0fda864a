"""The places of the bench: sites of load, and probes with a cell and a person each.

A person who is told of much gets lists instead of single messages, so each probe has a
person of its own: what is timed is the first page of an incident.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bench.load import load_tables
from hub.demo.toml import to_toml

CONFIG: Final = Path(__file__).parent.parent / "config"
LOAD_PLACE: Final = {"latitude": 30.1204, "longitude": 119.9312}
PROBE_PLACE: Final = (120.5, 30.5)  # longitude and latitude, degrees
CELL_SIZE: Final = 0.001
PROBE_LEVEL: Final = 4.5


def settle(config: Path, nodes: int, streams: int, probes: int) -> None:
    """Add to ``config`` the sites of ``nodes`` load nodes and of ``probes`` probes."""
    tables = load_tables(CONFIG, streams)
    for number in range(1, nodes + 1):
        write_site(config, load_site(f"load-{number}", tables))
    for number in range(probes):
        write_site(config, probe_site(number))
    grid = json.loads((config / "cells.geojson").read_text("utf-8"))
    grid["features"] += [probe_cell(number) for number in range(probes)]
    (config / "cells.geojson").write_text(json.dumps(grid, ensure_ascii=False), "utf-8")
    people = {"person": [probe_person(number) for number in range(probes)]}
    with (config / "people.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + to_toml(people))


def probe_name(number: int) -> str:
    """Return the name of a probe's site, node, cell and person."""
    return f"probe-{number:03d}"


def load_site(name: str, tables: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the site of one load node."""
    site = {"id": name, "name_en": name, "name_zh": name, **LOAD_PLACE}
    return {"site": site, "node": [{"id": name, "datastream": tables}]}


def probe_site(number: int) -> dict[str, Any]:
    """Return a site with one gauge that has one level; its name stands in the page."""
    name = probe_name(number)
    level = {
        "name": "danger", "severity": "extreme", "above": PROBE_LEVEL, "hysteresis": 0.1,
        "datum": "bench", "source": "bench", "date": "2026-01-01",
    }  # fmt: skip
    stream = {
        "name": "stage", "property": "stage", "unit": "m", "hazard": "flood", "label_en": "Stage",
        "label_zh": "水位", "interval_s": 3600, "upload_s": 3600, "level": [level],
    }  # fmt: skip
    longitude, latitude = corner(number)
    half = CELL_SIZE / 2
    place = {"latitude": latitude + half, "longitude": longitude + half}
    site = {"id": name, "name_en": name, "name_zh": name, **place}
    return {"site": site, "node": [{"id": name, "datastream": [stream]}]}


def corner(number: int) -> tuple[float, float]:
    """Return the south-west corner of a probe's cell."""
    return PROBE_PLACE[0] + 2 * CELL_SIZE * number, PROBE_PLACE[1]


def probe_cell(number: int) -> dict[str, Any]:
    """Return the cell of a probe; its person answers for it, with a shipped deputy."""
    name, (west, south) = probe_name(number), corner(number)
    east, north = west + CELL_SIZE, south + CELL_SIZE
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    properties = {
        "id": name, "name_en": name, "name_zh": name, "responsible": name, "deputy": "chen-yu",
        "policy": "default", "languages": ["zh", "en"],
    }  # fmt: skip
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def probe_person(number: int) -> dict[str, Any]:
    """Return the person who answers for a probe."""
    name = probe_name(number)
    address = {"sms": f"+1555012{number:04d}", "terminal": name}
    return {"id": name, "name_en": name, "name_zh": name, "language": "zh", "address": address}


def write_site(config: Path, table: dict[str, Any]) -> None:
    """Write one site's file."""
    path = config / "sites" / f"{table['site']['id']}.toml"
    path.write_text(to_toml(plain(table)), "utf-8")


def plain(value: Any) -> Any:  # noqa: ANN401  whatever TOML holds
    """Return ``value`` with dates as text."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

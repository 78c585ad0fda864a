"""sites/*.toml: one file per site, with its nodes, datastreams, levels and limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from hub.config import words
from hub.config.table import Table
from hub.config.units import check_unit
from hub.config.zones import check_zone
from hub.model.network import Datastream, Hazard, Level, Limits, Severity, Site

LONGEST_INTERVAL_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """One site with what hangs there, and its table for later complaints."""

    site: Site
    nodes: tuple[tuple[str, Table], ...]
    streams: tuple[tuple[Datastream, Table], ...]
    table: Table


def read_site(top: Table) -> SiteFile:
    """Return one file of sites/."""
    table = top.table("site")
    site = Site(
        id=table.name("id"),
        name_en=table.text("name_en"),
        name_zh=table.text("name_zh"),
        latitude=table.number("latitude", low=-90, high=90),
        longitude=table.number("longitude", low=-180, high=180),
        zone=check_zone(table, "zone"),
        cell=table.name("cell", ""),
        upstream=table.texts("upstream"),
    )
    table.close()
    nodes = [(node.name("id"), node) for node in top.tables("node", required=True)]
    streams = [found for name, node in nodes for found in read_node(node, name, site.id)]
    top.close()
    return SiteFile(site=site, nodes=tuple(nodes), streams=tuple(streams), table=table)


def read_node(table: Table, node: str, site: str) -> list[tuple[Datastream, Table]]:
    """Return the datastreams of one table ``[[node]]``."""
    room = table.text("room", "")
    room_zh = table.text("room_zh", room)
    found = [
        (replace(read_stream(inner, node, site, room), room_zh=room_zh), inner)
        for inner in table.tables("datastream", required=True)
    ]
    table.close()
    return found


def read_stream(table: Table, node: str, site: str, room: str) -> Datastream:
    """Return one table ``[[node.datastream]]``; its slot is given later."""
    limits, unit = read_limits(table.table("limits")), check_unit(table, "unit")
    stream = Datastream(
        slot=-1,
        site=site,
        node=node,
        name=table.name("name"),
        observed_property=table.name("property", ""),
        unit=unit,
        hazard=table.word("hazard", Hazard, Hazard.OTHER),
        room=table.text("room", room),
        label_en=table.text("label_en"),
        label_zh=table.text("label_zh"),
        interval_s=table.maybe("interval_s", low=0.1, high=LONGEST_INTERVAL_S),
        upload_s=table.maybe("upload_s", low=0, high=LONGEST_INTERVAL_S),
        levels=read_levels(table, limits, unit),
        limits=limits,
        declared=True,
    )
    table.close()
    return stream


def read_levels(table: Table, limits: Limits, unit: str) -> tuple[Level, ...]:
    """Return the levels of a datastream, checked one by one and against each other."""
    tables = table.tables("level")
    levels = tuple(read_level(inner) for inner in tables)
    for inner, level in zip(tables, levels, strict=True):
        check_level(inner, level, limits, metres=unit == "m")
        inner.close()
    check_order(table, levels)
    return levels


def read_level(table: Table) -> Level:
    """Return one table ``level``."""
    return Level(
        name=table.text("name"),
        severity=table.word("severity", Severity, Severity.MODERATE),
        above=table.maybe("above"),
        below=table.maybe("below"),
        hysteresis=table.number("hysteresis", 0.0, low=0),
        datum=table.text("datum", ""),
        source=table.text("source"),
        date=table.date("date"),
    )


def check_level(table: Table, level: Level, limits: Limits, *, metres: bool) -> None:
    """Note a level without side, provenance or any chance of being reached."""
    if not table.has("severity"):
        table.wrong("severity", words.MISSING, words.ONE_OF_SEVERITIES)
    if (level.above is None) == (level.below is None):
        table.wrong("above", words.ONE_SIDE, words.KEEP_ONE)
    if not level.date:
        table.wrong("date", words.MISSING, words.SAY_WHEN_SET)
    if metres and not level.datum:
        table.wrong("datum", words.MISSING, words.SAY_DATUM)
    check_reach(table, level, limits)


def check_reach(table: Table, level: Level, limits: Limits) -> None:
    """Note a level that lies where the gross range test already fails every value."""
    top, bottom = limits.range_high, limits.range_low
    if level.above is not None and top is not None and level.above >= top:
        table.wrong("above", words.NEVER_HIGH.filled(level=level.above, edge=top))
    if level.below is not None and bottom is not None and level.below <= bottom:
        table.wrong("below", words.NEVER_LOW.filled(level=level.below, edge=bottom))


def check_order(table: Table, levels: tuple[Level, ...]) -> None:
    """Note two levels of one name, and a graver level that is reached before a milder one."""
    names = [level.name for level in levels]
    for index, name in enumerate(names):
        if name in names[:index]:
            table.wrong(f"level[{index}].name", words.TWICE.filled(name=name))
    for side, sign in (("above", 1.0), ("below", -1.0)):
        check_side(table, levels, side, sign)


def side_of(levels: tuple[Level, ...], side: str) -> list[tuple[int, float]]:
    """Return (index, value) of the levels on one side, mildest first."""
    values = [(index, getattr(level, side)) for index, level in enumerate(levels)]
    found = [(index, float(value)) for index, value in values if value is not None]
    return sorted(found, key=lambda item: levels[item[0]].severity.rank)


def check_side(table: Table, levels: tuple[Level, ...], side: str, sign: float) -> None:
    """Note neighbours of one side that are reversed or equal."""
    for (mild, mild_value), (grave, grave_value) in pairwise(side_of(levels, side)):
        graver, milder = levels[grave], levels[mild]
        if sign * grave_value <= sign * mild_value and graver.severity != milder.severity:
            what = words.REVERSED.filled(
                grave=graver.name, graver=graver.severity, grave_at=grave_value,
                mild=milder.name, milder=milder.severity, mild_at=mild_value,
            )  # fmt: skip
            table.wrong(f"level[{grave}].{side}", what, words.SWAP_LEVELS)


def read_limits(table: Table) -> Limits:
    """Return the table ``limits`` of a datastream."""
    limits = Limits(
        range_low=table.maybe("range_low"),
        range_high=table.maybe("range_high"),
        suspect_low=table.maybe("suspect_low"),
        suspect_high=table.maybe("suspect_high"),
        spike=table.maybe("spike", low=0),
        rate_per_s=table.maybe("rate_per_s", low=0),
        flat_count=table.whole("flat_count", low=2) if table.has("flat_count") else None,
        flat_tolerance=table.number("flat_tolerance", 0.0, low=0),
    )
    check_limits(table, limits)
    table.close()
    return limits


def check_limits(table: Table, limits: Limits) -> None:
    """Note limits that are not gross low, suspect low, suspect high, gross high in order."""
    names = ("range_low", "suspect_low", "suspect_high", "range_high")
    found = [(n, v) for n in names if (v := getattr(limits, n)) is not None]
    for (lower, low), (higher, high) in pairwise(found):
        same_side = lower.split("_")[1] == higher.split("_")[1]
        if low > high or (low == high and not same_side):
            what = words.MUST_BE_LESS.filled(low=low, other=higher, high=high)
            table.wrong(lower, what, words.SWAP)

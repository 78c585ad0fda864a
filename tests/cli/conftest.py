"""A configuration folder and a database that the hub's own code wrote, for the commands to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.config import Configuration, read_config
from hub.model.book import Condition, Entry
from hub.model.incident import Incident, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.model.transition import Certainty, Evidence, Kind, Urgency
from hub.store.book import Book
from hub.store.database import open_database, transaction
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

CONFIG = Path(__file__).parents[2] / "config"
SHARED = ("sites", "cells.geojson", "people.toml", "policies.toml")
RULES = """
[[rule]]
name = "levels"
detector = "level"
"""
START_US = 1_795_502_400_000_000  # 2026-11-24T06:40:00Z
MINUTE_US = 60_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the shipped sites and people, one rule, and its data beside it."""
    made = tmp_path / "config"
    made.mkdir()
    for name in SHARED:
        (made / name).symlink_to(CONFIG / name)
    (made / "hub.toml").write_text((CONFIG / "hub.toml").read_text("utf-8"), "utf-8")
    (made / "rules.toml").write_text(RULES, "utf-8")
    return made


@pytest.fixture
def configuration(folder: Path) -> Configuration:
    """The folder, read."""
    return read_config(folder)


@pytest.fixture
def connection(configuration: Configuration) -> sqlite3.Connection:
    """The hub's database, empty."""
    opened = open_database(configuration.hub.database)
    yield opened
    opened.close()


def evidence() -> Evidence:
    """A rise of the river through its danger mark, with a suspect, a null and a failed value."""
    points = [(START_US + i * MINUTE_US, 3.5 + 0.1 * i, 1) for i in range(12)]
    points[3] = (points[3][0], 3.8, 3)
    points[6] = (points[6][0], None, 9)
    points[8] = (points[8][0], 4.0, 4)
    return Evidence(
        detector="level",
        rule="levels",
        words_en="stage 4.60 m, over danger 4.50 m",
        words_zh="水位 4.60 米，超过危险 4.50 米",
        value=4.6,
        limit=4.5,
        limit_name="danger",
        unit="m",
        trend_per_h=6.0,
        parameters={"above": 4.5, "hysteresis": 0.15},
        window=tuple(points),
    )


def incident() -> Incident:
    """A flood at the bridge that nobody has acknowledged."""
    raised_us = START_US + 11 * MINUTE_US
    return Incident(
        id="3f9c0aa1b2c3d4e5",
        code="A7K",
        version=1,
        site="qingxi-bridge",
        hazard=Hazard.FLOOD,
        cell="bridge-quarter",
        status=Status.TRIGGERED,
        presence=Presence.PRESENT,
        severity=Severity.EXTREME,
        certainty=Certainty.OBSERVED,
        urgency=Urgency.IMMEDIATE,
        raised_us=raised_us,
        triggered_us=raised_us + 2_000_000,
        changed_us=raised_us + 2_000_000,
        policy="default",
        step=0,
        headline_en="Flood, Qingxi bridge: stage 4.60 m, over danger 4.50 m",
        headline_zh="洪水，青溪桥：水位 4.60 米，超过危险 4.50 米",
    )


def page(found: Incident) -> Notification:
    """The first page of it."""
    return Notification(
        id="n1",
        incident=found.id,
        step=0,
        person="lin-wei",
        channel="sms",
        address="+15550100101",
        purpose=Purpose.PAGE,
        severity=found.severity,
        language="zh",
        text="...",
        state=NotificationState.DELIVERED,
        due_us=found.triggered_us,
        created_us=found.triggered_us,
        attempt=2,
    )


@pytest.fixture
def flood(connection: sqlite3.Connection) -> Incident:
    """The flood in the book, with its condition, timeline and page."""
    found, book = incident(), Book(connection)
    with transaction(connection):
        book.put_incident(found)
        book.put_condition(condition(found))
        at_us = found.triggered_us
        book.add_entry(Entry(incident=found.id, at_us=at_us, kind="raised"))
        book.add_entry(Entry(incident=found.id, at_us=at_us, kind="note", by="lin-wei",
                             body={"text": "on my way\x1b[2J"}))  # fmt: skip
        book.put_notification(page(found))
        Log(connection).quarantine(
            received_us=at_us, door="mqtt", reason="not JSON", payload=b"{oops \x1b[2J\xff",
            topic="tocsin/v1/old-mill/om-hall-01/obs", node="om-hall-01",
        )  # fmt: skip
    return found


def condition(found: Incident) -> Condition:
    """The condition that raised it."""
    return Condition(
        key="levels:qx-bridge-01/stage",
        incident=found.id,
        slot=0,
        site=found.site,
        kind=Kind.WORLD,
        hazard=found.hazard,
        severity=found.severity,
        standing=True,
        raised_us=found.raised_us,
        changed_us=found.raised_us,
        offset=12,
        evidence=evidence(),
    )

"""Series as MQTT messages through a real ``tocsin run`` on a clock that follows them.

What the hub said is read from its own book: every step from the timelines, and the words
as each step was committed (a trigger of the test's copies them before the next one).
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from hub.clock import from_us
from hub.demo.processes import Program
from hub.demo.toml import to_toml
from hub.detect.bench import RULES, Bench, streams_of
from hub.model.transition import Change
from hub.ports import free_port
from hub.store.database import open_database
from hub.store.log import Log

if TYPE_CHECKING:
    from hub.model.transition import Transition

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
BOOT = "0123456789abcdef"
PLACE = {"latitude": 30.1351, "longitude": 119.9418}  # in a cell of the shipped map
HUB = """
[hub]
name_en = "Bench"
name_zh = "试验台"
data = "../data"
[broker]
kind = "embedded"
host = "127.0.0.1"
port = {port}
[[channel]]
name = "sms"
kind = "sms"
base_url = "http://127.0.0.1:9"
sender = "+15550100100"
account_env = "TOCSIN_SMS_ACCOUNT"
token_env = "TOCSIN_SMS_TOKEN"
[[channel]]
name = "webhook"
kind = "webhook"
secret_env = "TOCSIN_WEBHOOK_SECRET"
[[channel]]
name = "terminal"
kind = "terminal"
"""
COPY = """
CREATE TABLE said (key TEXT, evidence TEXT, standing INTEGER, time_us INTEGER);
CREATE TRIGGER said_first AFTER INSERT ON condition BEGIN
  INSERT INTO said VALUES (new.key, new.evidence, new.standing, new.changed_us); END;
CREATE TRIGGER said_again AFTER UPDATE ON condition BEGIN
  INSERT INTO said VALUES (new.key, new.evidence, new.standing, new.changed_us); END;
"""
STEPS = """
SELECT body ->> 'key', body ->> 'change', body ->> 'severity', body ->> 'time_us', body -> 'value'
FROM timeline WHERE body ->> 'key' IS NOT NULL ORDER BY id
"""
WINDOW = 500
PATIENCE_S = 60.0
Step = tuple[str, str, str, int, float | None]
Words = tuple[str, int, bool, str, str]


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of the bench under the name of a node: its meta, instants, columns."""

    node: str
    meta: dict[str, Any]
    times_us: np.ndarray
    columns: dict[str, np.ndarray]

    @property
    def names(self) -> list[str]:
        """Return the columns as the bench orders them."""
        return [str(name) for name in self.meta.get("columns") or ["value"]]

    @cached_property
    def units(self) -> dict[str, dict[str, str]]:
        """Return what a message says of each column's unit; nothing where it has none."""
        streams = streams_of(self.meta, self.names)
        return {s.name: {"u": s.unit} if s.unit else {} for s in streams}


def factory_says(series: Series, restart_after: int = 0) -> list[Transition]:
    """Return every step of the bench's own detector over ``series``.

    After each ``restart_after`` readings its state goes through JSON into a fresh stack.
    """
    detector, said = Bench(series.meta), list[Any]()
    detector.listen(said.append)
    single = len(series.names) == 1
    for place, time_us in enumerate(series.times_us.tolist()):
        if restart_after and place % restart_after == 0:
            state = json.loads(json.dumps(detector.stack.dump()))
            detector.stack = Bench(series.meta).stack
            detector.stack.load(state)
        row = {name: float(series.columns[name][place]) for name in series.names}
        detector.update(time_us / 1e6, row[series.names[0]] if single else row)
    return said


def steps_of(series: Series, said: list[Transition]) -> list[Step]:
    """Return the factory's steps as the hub's book would name them."""
    return [
        (named(series, s.key), str(s.change), str(s.severity), s.time_us, s.evidence.value)
        for s in said
    ]


def words_of(series: Series, said: list[Transition]) -> list[Words]:
    """Return what the factory's steps say, in both languages."""
    return [
        (
            named(series, s.key),
            s.time_us,
            s.change is not Change.CLEARED,
            s.evidence.words_en.replace("bench:", f"{series.node}:"),
            s.evidence.words_zh.replace("bench：", f"{series.node}："),
        )
        for s in said
    ]


def named(series: Series, key: str) -> str:
    """Return a key of the factory, whose only node is "bench", under the series' own node."""
    return key.replace("bench", series.node)


class LiveHub:
    """``tocsin run`` with the bench's rules on the streams of some series, and their node."""

    def __init__(self, folder: Path, series: list[Series]) -> None:
        self._series, self._port = series, free_port()
        self.database = folder / "data" / "tocsin.db"
        configure(folder / "config", series, self._port)
        (folder / "data").mkdir()
        with closing(open_database(self.database)) as connection:
            connection.executescript(COPY)
        self._program = Program(
            name="hub",
            command=(sys.executable, "-m", "hub", "--config", str(folder / "config"), "run",
                     "--loops", "intake,watch"),
            log=folder / "hub.log",
            environment={
                "TOCSIN_CLOCK": "follow", "PYTHONPATH": str(ROOT), "TOCSIN_SMS_ACCOUNT": "AC",
                "TOCSIN_SMS_TOKEN": "x", "TOCSIN_WEBHOOK_SECRET": "whsec_" + "A" * 32,
            },
        )  # fmt: skip
        self._seq: dict[str, int] = {}
        self._waiting = 0

    def play(self, decisive_us: set[tuple[str, int]]) -> None:
        """Send every reading in order of time and wait until all of it was watched.

        After each of ``decisive_us`` (node, instant) the hub comes to rest, so that no
        step is overtaken by the next one of its condition before it is committed.
        """
        self._program.start()
        try:
            client = self._connected()
            with closing(open_database(self.database)) as connection:
                self._send_all(client, Log(connection), decisive_us)
            client.disconnect()
            client.loop_stop()
        finally:
            code = self._program.stop()
        assert code == 0, self._program.last_words()

    def steps(self) -> list[Step]:
        """Return every step that the book's timelines hold, but for the hub's own troubles."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute(STEPS).fetchall()
        return [(*row[:4], json.loads(row[4])) for row in rows if not row[0].startswith("hub:")]

    def words(self) -> list[Words]:
        """Return the words of every step, as they were committed."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("SELECT key, time_us, standing, evidence FROM said")
            found = [(*row[:2], bool(row[2]), json.loads(row[3])) for row in rows]
        return [(*row[:3], row[3]["words_en"], row[3]["words_zh"]) for row in found]

    def _connected(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"node-{os.getpid()}")
        client.on_message = self._receipt
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                client.connect("127.0.0.1", self._port)
                break
            except OSError:
                assert time.monotonic() < until, self._program.last_words()
                time.sleep(0.05)
        client.loop_start()
        client.subscribe("tocsin/v1/+/+/receipt", qos=1)
        while "the hub runs" not in self._program.last_words(50):
            assert time.monotonic() < until, self._program.last_words()
            time.sleep(0.05)
        return client

    def _send_all(self, client: paho.Client, log: Log, decisive: set[tuple[str, int]]) -> None:
        open_yet: set[tuple[str, int]] = set()
        rows = sorted(
            (time_us, number, place)
            for number, series in enumerate(self._series)
            for place, time_us in enumerate(series.times_us.tolist())
        )
        for time_us, number, place in rows:
            series = self._series[number]
            self._send(client, series, time_us, place)
            open_yet |= {(series.node, time_us)} & decisive
            if open_yet:  # what was held after a gap is said some readings later
                self._until(lambda left=open_yet: self._watched(log) or not left - self._said())
                open_yet -= self._said()
            else:
                self._until(lambda: self._waiting < WINDOW)
        self._until(lambda: self._watched(log))

    def _watched(self, log: Log) -> bool:
        """Say whether everything sent is in the log, and all of that was watched."""
        return self._waiting == 0 and log.position("watch") >= log.end()

    def _said(self) -> set[tuple[str, int]]:
        """Return (node, instant) of every step that was committed so far."""
        with closing(sqlite3.connect(self.database)) as connection:
            rows = connection.execute("SELECT key, time_us FROM said").fetchall()
        return {(key.split(":")[1].split("/")[0], time_us) for key, time_us in rows}

    def _send(self, client: paho.Client, series: Series, time_us: int, place: int) -> None:
        seq = self._seq[series.node] = self._seq.get(series.node, 0) + 1
        at = from_us(time_us).isoformat()
        results = {name: float(series.columns[name][place]) for name in series.names}
        obs = [
            {"ds": name, "t": at, "r": x if np.isfinite(x) else None, **series.units[name]}
            for name, x in results.items()
        ]
        body = {"v": 1, "boot": BOOT, "seq": seq, "low": 0, "sent": at, "obs": obs}
        self._waiting += 1
        client.publish(f"tocsin/v1/{series.node}/{series.node}/obs", json.dumps(body), qos=1)

    def _receipt(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        got = json.loads(message.payload)["got"]
        self._waiting -= sum(high - low + 1 for low, high in got)

    def _until(self, done: Any) -> None:  # noqa: ANN401  a condition
        until = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < until, self._program.last_words()
            time.sleep(0.001)


def configure(folder: Path, series: list[Series], port: int) -> None:
    """Write a configuration: the shipped people and map, the bench's rules, a site per series."""
    (folder / "sites").mkdir(parents=True)
    for name in ("people.toml", "policies.toml", "cells.geojson"):
        shutil.copy(CONFIG / name, folder / name)
    (folder / "hub.toml").write_text(HUB.format(port=port), "utf-8")
    rules = [
        {"name": r.name, "detector": r.detector, "severity": str(r.severity),
         "observed_property": r.observed_property, "options": dict(r.options)}
        for r in RULES
    ]  # fmt: skip
    (folder / "rules.toml").write_text(to_toml({"rule": rules}), "utf-8")
    for one in series:
        (folder / "sites" / f"{one.node}.toml").write_text(to_toml(site_of(one)), "utf-8")


def site_of(series: Series) -> dict[str, Any]:
    """Return the site file whose datastreams are those that the factory makes of the series."""
    tables = []
    for stream in streams_of(series.meta, series.names):
        levels = [
            {"name": lv.name, "severity": str(lv.severity), "above": lv.above, "datum": "gauge",
             "source": "bench", "date": "2026-11-24"}
            for lv in stream.levels
        ]  # fmt: skip
        table = {
            "name": stream.name, "property": stream.observed_property, "unit": stream.unit,
            "hazard": str(stream.hazard), "label_en": stream.name, "label_zh": stream.name,
            "level": levels,
        }  # fmt: skip
        tables.append(table | ({"interval_s": stream.interval_s} if stream.interval_s else {}))
    site = {"id": series.node, "name_en": series.node, "name_zh": series.node, **PLACE}
    return {"site": site, "node": [{"id": series.node, "datastream": tables}]}

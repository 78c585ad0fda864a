"""A storm: how soon the first red page leaves, and how many SMS each person gets.

``python -m bench.storm --sensors 1000 --sites 100`` drives ``tocsin run`` as shipped on
config/ with storm sites added: every sensor goes over danger within a second. Arrival
is the publish of the first breach; a page has left when the provider has it in its
ledger. tests/dispatch/test_real_storm.py holds the counts that must be right.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from hub.demo.ledgers import read_jsonl
from hub.demo.processes import wait_for_port
from hub.demo.scene import Scene, hub_program, provider_program, set_scene
from hub.demo.toml import to_toml
from hub.ports import free_port

CONFIG: Final = Path(__file__).parent.parent / "config"
PLACES: Final = ((30.120, 119.930), (30.110, 119.945), (30.135, 119.945))  # one per shipped cell
WAIT_S: Final = 120.0
QUIET, BREACH = 1.0, 5.0
RECORDED: Final = "SELECT count(*) FROM condition WHERE key LIKE 'level:storm-%' AND standing = 1"
HIDDEN: Final = """
SELECT count(*) FROM incident WHERE site LIKE 'storm-%' AND hazard = 'flood' AND id NOT IN
  (SELECT incident FROM notification WHERE state IN ('sent', 'delivered'))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one storm; seconds count from the publish of the first breach."""

    sensors: int
    sites: int
    sent_s: float
    first_page_s: float
    first_pages_s: dict[str, float]
    recorded_s: float
    recorded: int
    incidents: int
    hidden: int
    sms: dict[str, int]
    watched_s: float


def site_table(number: int, sensors: int) -> dict[str, Any]:
    """Return one site with ``sensors`` gauges, each a node of its own with one level."""
    name = f"storm-{number:04d}"
    level = {"name": "danger", "severity": "extreme", "above": 4.5, "hysteresis": 0.1,
             "datum": "bench", "source": "bench", "date": "2026-01-01"}  # fmt: skip
    stream = {"name": "stage", "property": "stage", "unit": "m", "hazard": "flood",
              "label_en": "Stage", "label_zh": "水位", "interval_s": 3600, "upload_s": 3600,
              "level": [level]}  # fmt: skip
    latitude, longitude = PLACES[number % len(PLACES)]
    site = {"id": name, "name_en": name, "name_zh": name, "latitude": latitude,
            "longitude": longitude, "zone": "Asia/Shanghai"}  # fmt: skip
    nodes = [{"id": f"{name}-{n:03d}", "datastream": [stream]} for n in range(sensors)]
    return {"site": site, "node": nodes}


class Storm:
    """The hub, its provider and one client that plays every sensor."""

    def __init__(self, folder: Path, sensors: int, sites: int) -> None:
        scene = set_scene(CONFIG, folder, rate=1.0, port=free_port())
        self.scene: Scene = replace(scene, clock="")
        self._each = sensors // sites
        self.sensors, self.sites = self._each * sites, sites
        self.stack = ExitStack()
        for number in range(sites):
            table = site_table(number, self._each)
            path = self.scene.config / "sites" / f"{table['site']['id']}.toml"
            path.write_text(to_toml(table), "utf-8")
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="storm")
        self._seq = 0

    def __enter__(self) -> Self:
        for program in (provider_program(self.scene), hub_program(self.scene)):
            self.stack.callback(program.stop)
            program.start()
            port = self.scene.provider_port if program.name == "provider" else self.scene.web_port
            wait_for_port(port, program, 90.0)
        self._wait_ready()
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", self.scene.broker_port)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self.stack.close()

    def run(self, watch_s: float) -> Result:
        """Let every sensor go over danger and watch for ``watch_s`` seconds."""
        self._send(QUIET)
        self._until("SELECT count(*) FROM observation", self.sensors)
        time.sleep(3.0)
        began = time.time()
        self._send(BREACH)
        sent_s = time.time() - began
        recorded = self._until(RECORDED, self.sensors)
        recorded_s = time.time() - began
        time.sleep(max(watch_s - recorded_s, 0.0))
        sms = [e for e in read_jsonl(self.scene.provider_ledger) if e["kind"] == "sms"]
        firsts: dict[str, float] = {}
        for entry in sms:
            firsts.setdefault(entry["message"]["to"], round(entry["at_s"] - began, 3))
        return Result(
            sensors=self.sensors, sites=self.sites, sent_s=round(sent_s, 3),
            first_page_s=min(firsts.values(), default=float("nan")), first_pages_s=firsts,
            recorded_s=round(recorded_s, 3), recorded=recorded,
            incidents=self._one("SELECT count(*) FROM incident WHERE site LIKE 'storm-%'"),
            hidden=self._one(HIDDEN), sms=dict(Counter(e["message"]["to"] for e in sms)),
            watched_s=round(time.time() - began, 1),
        )  # fmt: skip

    def _wait_ready(self) -> None:
        """Wait until the hub hears: what is published before is for nobody."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            with contextlib.suppress(urllib.error.URLError, OSError):
                address = f"{self.scene.page}readyz"
                urllib.request.urlopen(address, timeout=5).close()  # noqa: S310  on loopback
                return
            time.sleep(0.2)
        raise SystemExit("the hub does not become ready")

    def _send(self, stage_m: float) -> None:
        self._seq += 1
        last = None
        for number in range(self.sites):
            for gauge in range(self._each):
                site = f"storm-{number:04d}"
                node = f"{site}-{gauge:03d}"
                topic = f"tocsin/v1/{site}/{node}/obs"
                last = self._client.publish(topic, self._message(stage_m), qos=1)
        if last is not None:
            last.wait_for_publish(WAIT_S)

    def _message(self, stage_m: float) -> str:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        return json.dumps(
            {
                "v": 1, "boot": "5707300000000000", "seq": self._seq, "low": 1, "gone": [],
                "late": False, "sent": at, "up": round(time.monotonic(), 3),
                "obs": [{"ds": "stage", "t": at, "r": stage_m, "u": "m"}],
            }
        )  # fmt: skip

    def _until(self, sql: str, count: int) -> int:
        """Wait until ``sql`` counts ``count``; return what it counts in the end."""
        until = time.monotonic() + WAIT_S
        while (found := self._one(sql)) < count and time.monotonic() < until:
            time.sleep(0.05)
        return found

    def _one(self, sql: str) -> int:
        uri = f"file:{self.scene.database}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=10)
        try:
            return int(connection.execute(sql).fetchone()[0])
        finally:
            connection.close()


def main() -> int:
    """Run one storm and print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--sites", type=int, default=100)
    parser.add_argument("--watch-s", type=float, default=70.0)
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-storm-") as name,
        Storm(Path(name) / "scene", args.sensors, args.sites) as storm,
    ):
        result = storm.run(args.watch_s)
    print(json.dumps(asdict(result), indent=1))
    return 0 if not result.hidden else 1


if __name__ == "__main__":
    sys.exit(main())

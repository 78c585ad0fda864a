"""The shipped hub as it runs: its own process, its own broker, hostile MQTT and HTTP at once.

A sample of what the other doors take by the thousand. After each batch a good message
must be stored and receipted, the page answered, the process the same and its memory bounded.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from hub.clock import SystemClock, from_us
from hub.demo.processes import wait_for_port
from hub.demo.scene import hub_program, provider_program, set_scene
from hub.ingest.decoders.base import LARGEST_PAYLOAD
from ordeal.doors import messages, requests
from ordeal.doors.base import ACCEPTED, QUARANTINED, REFUSED, Fate
from ordeal.doors.console import Call, ask
from ordeal.doors.intake import BOOT, Message

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

WAIT_S: Final = 60.0
AGAIN_S: Final = 5.0
MOST_GROWN_MB: Final = 60.0  # of the hub's own process, over the whole share
RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+) kB")
HTTP_SHARE: Final = 0.3
GOOD: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LARGE: Final = (b"x" * 900_000, b"[" * 100_000, b"\0" * (LARGEST_PAYLOAD + 1), b'{"a":' * 50_000)


class RunningDoor:
    """A hub, a provider that plays the phones, and one publisher that is up to no good."""

    name = "running-hub"

    def __init__(self, folder: Path, config: Path) -> None:
        self._stack = ExitStack()
        scene = replace(set_scene(config, folder / self.name, rate=1, port=0), clock="")
        provider = provider_program(scene)
        self._stack.callback(provider.stop)
        provider.start()
        wait_for_port(scene.provider_port, provider)
        self._scene, self._hub = scene, hub_program(scene)
        self._stack.callback(self._hub.stop)
        self._hub.start()
        wait_for_port(scene.web_port, self._hub)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "hostile")
        self._client.max_queued_messages_set(0)
        self._receipts: list[bytes] = []
        self._client.on_message = lambda _c, _u, m: self._receipts.append(bytes(m.payload))
        self._client.on_connect = lambda c, *_: c.subscribe("tocsin/v1/neighbour/good/receipt")
        self._client.connect("127.0.0.1", scene.broker_port)
        self._client.loop_start()
        self._count = self._good = 0
        self._before_mb = 0.0
        self._process = self._hub.process
        self._check_good()  # a broker keeps nothing for a hub that it has never seen

    def close(self) -> None:
        """Stop everything."""
        self._client.disconnect()
        self._client.loop_stop()
        self._stack.close()

    def seeds(self) -> Iterator[tuple[str, object, str]]:
        """Yield payloads that are too large or too deep; the rest has doors of its own."""
        for number, payload in enumerate(LARGE):
            yield f"large {number}", Message(payload), QUARANTINED

    def hostile(self, dice: random.Random) -> Iterator[object]:
        """Yield hostile messages and requests without end."""
        mqtt_side = messages.payloads(dice)
        http_side = requests.requests(dice, None)
        while True:
            if dice.random() < HTTP_SHARE:
                yield next(http_side)
            else:
                yield replace(next(mqtt_side), retain=False, dup=False, node="")

    def push(self, batch: list[object]) -> list[Fate]:
        """Publish and ask everything, then see that the hub is as it was."""
        asked = [(one, self._ask(one)) if isinstance(one, Call) else (one, "") for one in batch]
        sent = {id(one): self._publish(one) for one in batch if isinstance(one, Message)}
        self._check_good()
        with closing(self._database()) as connection:
            return [
                self._found(connection, *sent[id(one)]) if isinstance(one, Message) else fate
                for one, fate in asked
            ]

    def _ask(self, call: Call) -> Fate:
        status, body = ask(self._scene.web_port, call.raw, whole=call.whole)
        if status >= 500:
            return Fate(wrong=f"answered {status} {body[:200]!r}")
        return Fate(outcome=ACCEPTED if 0 < status < 400 else REFUSED)

    def _publish(self, message: Message) -> tuple[str, bytes, str]:
        self._count += 1
        node = f"hostile-{self._count}"
        topic = message.topic or "tocsin/v1/elsewhere/NODE/obs"
        if "qx-bridge" in topic or "qingxi" in topic or "old-mill" in topic:
            topic = "tocsin/v1/elsewhere/NODE/obs"
        topic = topic.replace("NODE", node)
        self._client.publish(topic, message.payload, qos=1)
        return topic, message.payload, node

    def _check_good(self) -> None:
        """Send a good message and wait for its receipt; look at page, process and memory."""
        self._good += 1
        at = from_us(SystemClock().now_us()).isoformat()
        obs = [{"ds": "flow", "t": at, "r": self._good / 8, "u": "L/s"}]
        body = {"v": 1, "boot": BOOT, "seq": self._good, "sent": at, "up": 1.0, "obs": obs}
        until = time.monotonic() + WAIT_S
        again = 0.0
        while not self._receipted(self._good):
            now = time.monotonic()
            assert now < until, "the neighbour got no receipt"
            if now >= again:  # as a node does: a receipt may be lost
                self._client.publish("tocsin/v1/neighbour/good/obs", json.dumps(body), qos=1)
                again = now + AGAIN_S
            time.sleep(0.02)
        assert ask(self._scene.web_port, GOOD)[0] == 200, "the page does not answer"
        assert self._process is not None
        assert self._process.poll() is None, "the hub has ended"
        with closing(self._database()) as connection:
            (value,) = connection.execute(
                "SELECT result FROM observation WHERE slot = (SELECT slot FROM datastream"
                " WHERE node = 'good') ORDER BY \"offset\" DESC LIMIT 1"
            ).fetchone()
        assert value == self._good / 8, f"the neighbour's value is {value}"
        self._check_memory()
        said = (self._scene.folder / "hub.log").read_text("utf-8", "replace")
        assert "Traceback" not in said, said[said.find("Traceback") :][:1500]

    def _check_memory(self) -> None:
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii", "replace")
        found = RESIDENT.search(status)
        now_mb = int(found[1]) / 1e3 if found else 0.0
        self._before_mb = self._before_mb or now_mb
        grown = now_mb - self._before_mb
        assert grown < MOST_GROWN_MB, f"the hub's memory grew by {grown:.0f} MB"

    def _receipted(self, seq: int) -> bool:
        return any(
            low <= seq <= high
            for payload in self._receipts
            for low, high in json.loads(payload)["got"]
        )

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._scene.database}?mode=ro", uri=True, timeout=10)

    def _found(self, connection: sqlite3.Connection, topic: str, payload: bytes, node: str) -> Fate:
        """Return what became of one message."""
        of_node = (node, f"farm-{node}")
        row = connection.execute(
            "SELECT reason, payload FROM quarantine WHERE topic = ? AND pos IS NULL", (topic,)
        ).fetchone()
        if row is not None:
            whole = payload.startswith(bytes(row[1]))
            internal = not row[0] or row[0].startswith("internal")
            return Fate(outcome=QUARANTINED) if whole and not internal else Fate(wrong=str(row[0]))
        stored = connection.execute(
            "SELECT 1 FROM message WHERE node IN (?, ?) UNION ALL"
            " SELECT 1 FROM node WHERE name IN (?, ?) AND state IS NOT NULL LIMIT 1",
            of_node * 2,
        ).fetchone()
        if stored is None:
            return Fate(wrong="dropped in silence")
        bad = connection.execute(
            "SELECT 1 FROM quarantine WHERE node IN (?, ?) LIMIT 1", of_node
        ).fetchone()
        return Fate(outcome=QUARANTINED if bad else ACCEPTED)

"""The other ends of the hub: receipts as nodes get them, and pages as the provider takes them."""

from __future__ import annotations

import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench.town import probe_name
from hub.demo.ledgers import read_jsonl

BREACH: Final = 5.0
PAGE_WAIT_S: Final = 30.0


@dataclass(slots=True)
class Receipts:
    """Counts receipted messages by boot; ``last`` is the wall time of the newest receipt."""

    got: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    last: float = 0.0
    _client: Any = None
    _ready: threading.Event = field(default_factory=threading.Event)

    def listen(self, port: int) -> None:
        """Subscribe to all receipts of the broker on ``port``."""
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="bench-receipts")
        client.on_connect = self._subscribe
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_message = lambda _c, _u, message: self._take(bytes(message.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client
        self._ready.wait(10)

    def close(self) -> None:
        """Stop listening."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()

    def of(self, boots: set[str]) -> int:
        """Return how many messages of ``boots`` have a receipt."""
        return sum(self.got.get(boot, 0) for boot in boots)

    def wait(self, boots: set[str], count: int, quiet_s: float = 20.0) -> int:
        """Return when ``count`` messages are receipted, or nothing comes any more."""
        seen, changed = -1, time.monotonic()
        while seen < count and time.monotonic() - changed < quiet_s:
            now = self.of(boots)
            if now != seen:
                seen, changed = now, time.monotonic()
            time.sleep(0.02)
        return seen

    @staticmethod
    def _subscribe(client: paho.Client, *_: object) -> None:
        client.subscribe("tocsin/v1/+/+/receipt", 0)

    def _take(self, payload: bytes) -> None:
        self.last = time.time()
        receipt = json.loads(payload)
        count = sum(high - low + 1 for low, high in receipt["got"])
        self.got[receipt["boot"]] = self.got.get(receipt["boot"], 0) + count
        self.refused += len(receipt["refused"])


@dataclass(slots=True)
class Probes:
    """Breaches a level at fresh sites, one after the other, and waits for their pages."""

    port: int
    ledger: Path
    first: int
    count: int
    sent: dict[str, float] = field(default_factory=dict)

    def send(self, every_s: float) -> None:
        """Publish one breach per site about every ``every_s`` seconds."""
        chance = random.Random(self.first)  # noqa: S311  no secret
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"bench-probes-{self.first}")
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        for number in range(self.first, self.first + self.count):
            self._breach(client, probe_name(number))
            time.sleep(every_s * chance.uniform(0.5, 1.5))
        client.disconnect()
        client.loop_stop()

    def latencies_ms(self) -> list[float]:
        """Wait for every page; return how long each took, from publish to the ledger."""
        until = time.monotonic() + PAGE_WAIT_S
        while time.monotonic() < until:
            paged = self._paged()
            if len(paged) == len(self.sent):
                break
            time.sleep(0.2)
        return [(at - self.sent[name]) * 1000 for name, at in paged.items()]

    def _breach(self, client: paho.Client, name: str) -> None:
        now = time.time()
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        body = {
            "v": 1, "boot": f"{int(now * 1e6):016x}", "seq": 1, "low": 1, "gone": [],
            "late": False, "sent": at, "up": 1.0,
            "obs": [{"ds": "stage", "t": at, "r": BREACH, "u": "m"}],
        }  # fmt: skip
        self.sent[name] = time.time()
        client.publish(f"tocsin/v1/{name}/{name}/obs", json.dumps(body), qos=1)

    def _paged(self) -> dict[str, float]:
        """Return when the first page of each site was taken by the provider."""
        paged: dict[str, float] = {}
        for entry in read_jsonl(self.ledger):
            if entry["kind"] == "sms":
                for name in self.sent:
                    if name in entry["body"] and name not in paged:
                        paged[name] = entry["at_s"]
        return paged

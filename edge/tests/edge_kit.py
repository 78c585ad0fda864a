"""A real broker, a hub that only gives receipts, and the real node as a process."""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tocsin_edge.ledger import read_ledger

PATIENCE_S = 20.0


def wait_until(true: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once ``true()``; fail saying ``what`` did not happen."""
    end = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {patience_s} s")
        time.sleep(0.01)


def free_port() -> int:
    """Return a port nobody listens on, below those that outgoing connections are given."""
    while True:
        port = random.SystemRandom().randrange(10_240, 32_768)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Broker:
    """nats-server with its MQTT door on loopback; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "nats.conf").write_text(
            f'server_name: edge_tests\nlisten: "127.0.0.1:{free_port()}"\n'
            f'jetstream {{\n store_dir: "{folder}/js"\n sync_interval: "1s"\n}}\n'
            f'mqtt {{\n listen: "127.0.0.1:{self.port}"\n ack_wait: "2s"\n}}\n'
        )

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        exe = Path(sysconfig.get_path("scripts")) / "nats-server"
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [exe, "-c", self._folder / "nats.conf"], stderr=log, stdout=log
            )
        wait_until(self._accepts, "the broker accepts connections")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def _accepts(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@dataclass
class Hub:
    """Gives receipts for what it hears and keeps it; ``answer`` decides on each message."""

    port: int
    answer: Callable[[dict[str, Any]], dict[str, Any] | None] = field(
        default=lambda m: {"got": [[m["seq"], m["seq"]]], "refused": [], "want": []}
    )
    messages: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)

    def open(self) -> None:
        """Connect and subscribe."""
        ready = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "hub", clean_session=False, protocol=mqtt.MQTTv311
        )
        self._client.on_connect = lambda c, *_: c.subscribe(
            [("tocsin/v1/+/+/obs", 1), ("tocsin/v1/+/+/state", 1)]
        )
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        assert ready.wait(PATIENCE_S)

    def close(self) -> None:
        """Go away."""
        self._client.disconnect()
        self._client.loop_stop()

    def observations(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        """Return what was heard by its identity."""
        return {
            (m["boot"], m["seq"], i): obs
            for m in list(self.messages)
            for i, obs in enumerate(m["obs"])
        }

    def _hear(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        fields = json.loads(message.payload)
        if message.topic.endswith("/state"):
            self.states.append(fields)
            return
        self.messages.append(fields)
        receipt = self.answer(fields)
        if receipt is not None:
            topic = message.topic.removesuffix("obs") + "receipt"
            client.publish(topic, json.dumps({"boot": fields["boot"], **receipt}), qos=0)


class Node:
    """The node as a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.ledger = folder / "ledger.jsonl"
        self.config = folder / "node.toml"
        self.config.write_text(CONFIG.format(port=port, folder=folder / "spool"))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        now_us = time.time_ns() // 1000
        with (self.folder / "node.log").open("ab") as log:
            self._process = subprocess.Popen(
                (
                    sys.executable,
                    "-m",
                    "tocsin_edge",
                    "run",
                    self.config,
                    "--ledger",
                    self.ledger,
                    "--clock",
                    f"{now_us},{now_us},20",
                ),
                stderr=log,
                stdout=log,
            )

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it as an operator would; return its exit code."""
        return self._end(signal.SIGTERM)

    def entries(self, event: str) -> list[dict[str, Any]]:
        """Return the ledger's entries of one kind."""
        if not self.ledger.exists():
            return []
        return [e for e in read_ledger(self.ledger) if e["e"] == event]

    def spooled(self) -> dict[tuple[str, int, int], Any]:
        """Return every observation the node ever spooled, by its identity."""
        return {
            (e["boot"], e["seq"], i): obs
            for e in self.entries("spooled")
            for i, obs in enumerate(e["obs"])
        }

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(PATIENCE_S)


CONFIG = """
site = "mill"
node = "n-1"

[broker]
port = {port}
reconnect_min_s = 0.1
reconnect_max_s = 0.5

[spool]
folder = "{folder}"
commit_s = 0.05

[send]
upload_s = 2
resend_s = 0.3
resend_max_s = 1
state_s = 0.5

[world]
kind = "building"
ignition_s = 1

[[datastream]]
name = "smoke"
unit = "1/m"
interval_s = 1
alarm_above = 0.05
sensor = {{ kind = "simulate", quantity = "smoke" }}

[[datastream]]
name = "temp"
unit = "Cel"
interval_s = 1
sensor = {{ kind = "simulate", quantity = "temp", noise = 0.1 }}
"""

"""Intake behind real brokers: stored, receipted, delivered again, killed anywhere."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
import pytest
from door import EMPTY, NOON_US, iso, message, value
from paho.mqtt.enums import CallbackAPIVersion

from hub.clock import SystemClock
from hub.flow.handoff import Handoff
from hub.flow.health import Health
from hub.flow.intake import Intake, IntakeSettings
from hub.ingest.mqtt import MqttSettings, MqttSource
from hub.ingest.topics import NATIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brokers import Broker

    from hub.ingest.source import Taken

ROOT = Path(__file__).parents[2]
TOPIC = "tocsin/v1/qingxi/gauge/obs"


def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for ``condition``, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


class Publisher:
    """A node's side of MQTT by plain paho; it keeps a ledger of its receipts."""

    def __init__(self, port: int) -> None:
        self.receipted: set[int] = set()
        self.resend_at = 0.0
        self.ready = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id="node")
        self.client.max_inflight_messages_set(200)
        self.client.on_connect = lambda client, *_: client.subscribe("tocsin/v1/+/+/receipt")
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._on_receipt
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(10)

    def send(self, payload: bytes, topic: str = TOPIC, *, retain: bool = False) -> None:
        """Publish one message and wait for the broker to have it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def send_all(self, numbers: set[int]) -> None:
        """Publish many messages at once."""
        for seq in sorted(numbers):
            payload = message(seq, value(float(seq), at_us=NOON_US + seq))
            self.client.publish(TOPIC, payload, qos=1)

    def resend(self, numbers: set[int]) -> int:
        """Send what has no receipt, again every two seconds; return how many have one."""
        missing = numbers - self.receipted
        if missing and time.monotonic() >= self.resend_at:
            self.resend_at = time.monotonic() + 3.0
            self.send_all(missing)
        return len(self.receipted)

    def has_more(self, numbers: set[int], before: int) -> bool:
        """Resend, and say whether more than ``before`` have a receipt."""
        return self.resend(numbers) > before

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()

    def _on_receipt(self, _client: object, _data: object, told: paho.MQTTMessage) -> None:
        for low, high in json.loads(told.payload)["got"]:
            self.receipted |= set(range(low, high + 1))


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    """A node connected to the broker."""
    node = Publisher(broker.port)
    yield node
    node.close()


@pytest.fixture
def source(broker: Broker) -> Iterator[MqttSource]:
    """The hub's source, connected and subscribed."""
    made = MqttSource(MqttSettings(host=broker.host, port=broker.port), NATIVE)
    made.start()
    until(lambda: made.link().connected)
    yield made
    made.stop()


@contextmanager
def intake_process(port: int, database: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run intake alone in a process; it is killed at the end."""
    script = ROOT / "tests" / "ingest" / "intake_process.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(port), str(database)]
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def stored(database: Path) -> list[int]:
    """Return the numbers of all messages in the log."""
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        return [row[0] for row in connection.execute("SELECT seq FROM message ORDER BY seq")]


def test_unconfirmed_messages_come_again(broker: Broker, publisher: Publisher) -> None:
    """What was taken and not confirmed is delivered to the next connection; the rest is not."""
    first = MqttSource(MqttSettings(host=broker.host, port=broker.port), NATIVE)
    first.start()
    until(lambda: first.link().connected)
    for seq in range(10):
        publisher.send(message(seq))
    items = collect(first, 10)
    first.confirm(items[:4])
    until(lambda: not first._confirmed)
    first.stop()
    second = MqttSource(MqttSettings(host=broker.host, port=broker.port), NATIVE)
    second.start()
    again = collect(second, 6)
    second.confirm(items[4:])  # of the older connection: means nothing to this one
    second.confirm(again)
    until(lambda: not second._confirmed)
    second.stop()
    assert [item.payload for item in again] == [item.payload for item in items[4:]]
    third = MqttSource(MqttSettings(host=broker.host, port=broker.port), NATIVE)
    third.start()
    until(lambda: third.link().connected)
    assert third.take(10, 0.5) == []
    third.stop()


def collect(source: MqttSource, count: int) -> list[Taken]:
    """Take messages until there are ``count``."""
    items: list[Taken] = []

    def enough() -> bool:
        items.extend(source.take(1000, 0.05))
        return len(items) >= count

    until(enough)
    assert len(items) == count
    return items


def test_messages_wait_for_a_hub_that_is_away(broker: Broker, publisher: Publisher) -> None:
    """The broker keeps what is published while the hub is down."""
    settings = MqttSettings(host=broker.host, port=broker.port)
    first = MqttSource(settings, NATIVE)
    first.start()
    until(lambda: first.link().connected)
    first.stop()
    for seq in range(50):
        publisher.send(message(seq))
    second = MqttSource(settings, NATIVE)
    second.start()
    assert len(collect(second, 50)) == 50
    assert not second.link().caught_up
    until(lambda: second.take(10, 0.05) == [] and second.link().caught_up)
    second.stop()


def test_large_and_retained_messages(source: MqttSource, publisher: Publisher) -> None:
    """An oversized payload arrives cut with its size; a retained one says so on subscribing."""
    publisher.send(b"x" * 300_000)
    (item,) = collect(source, 1)
    assert (item.size, len(item.payload)) == (300_000, 1024)
    source.confirm([item])
    publisher.send(b"{}", retain=True)
    (live,) = collect(source, 1)
    assert not live.retain
    source.confirm([live])
    until(lambda: not source._confirmed)
    other = MqttSource(MqttSettings(**vars_of(source), client_id="second"), NATIVE)
    other.start()
    (kept,) = collect(other, 1)
    other.stop()
    assert kept.retain
    publisher.send(b"", retain=True)


def vars_of(source: MqttSource) -> dict[str, Any]:
    """Return where ``source`` is connected to."""
    return {"host": source._settings.host, "port": source._settings.port}


def test_stored_and_receipted(tmp_path: Path, source: MqttSource, publisher: Publisher) -> None:
    """From a node's publish to its receipt, over a real broker."""
    intake = Intake(
        database=tmp_path / "tocsin.db",
        source=source,
        network=EMPTY,
        clock=SystemClock(),
        health=Health(),
        wake=lambda *_: None,
        handoff=Handoff(),
        settings=IntakeSettings(receipt_interval_s=0.0),
    )
    numbers = set(range(300))
    publisher.send_all(numbers)

    def receipted() -> bool:
        intake.step()
        return publisher.receipted == numbers

    until(receipted)
    assert stored(tmp_path / "tocsin.db") == sorted(numbers)
    intake.close()


def test_killed_hub_loses_nothing(tmp_path: Path, broker: Broker, publisher: Publisher) -> None:
    """A hub killed while messages flow has every receipted one, once; the rest come again."""
    database = tmp_path / "tocsin.db"
    dice = random.Random(7)  # noqa: S311  a seed for the test
    numbers, killed_at_work = set[int](), 0
    for part in range(5):
        numbers |= set(range(part * 1000, part * 1000 + 1000))
        publisher.resend_at = 0.0
        with intake_process(broker.port, database):
            before = len(publisher.receipted)
            until(partial(publisher.has_more, numbers, before))
            time.sleep(dice.random() / 20)
        killed_at_work += publisher.receipted != numbers
        assert publisher.receipted <= set(stored(database))
    assert killed_at_work >= 2
    with intake_process(broker.port, database):
        until(lambda: publisher.resend(numbers) == len(numbers))
    assert stored(database) == sorted(numbers)
    with closing(sqlite3.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM observation").fetchone()
    assert count == len(numbers)


def test_killed_broker_is_found_again(tmp_path: Path) -> None:
    """The embedded broker is started again when it dies, and the source comes back to it."""
    from hub.ingest.broker import EmbeddedBroker, EmbeddedSettings  # noqa: PLC0415

    server = EmbeddedBroker(EmbeddedSettings(folder=tmp_path / "b", port=0))
    server.start()
    source = MqttSource(MqttSettings(host=server.host, port=server.port), NATIVE)
    source.start()
    until(lambda: source.link().connected)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not source.link().connected)
    until(lambda: source.link().connected)
    assert server.pid != pid
    node = Publisher(server.port)
    node.send(message(1, sent=iso(NOON_US)))
    assert len(collect(source, 1)) == 1
    node.close()
    source.stop()
    server.stop()
    assert server.pid is None


def test_unreachable_broker_is_said_in_words() -> None:
    """Without a broker the link says which one cannot be reached, and goes on trying."""
    source = MqttSource(MqttSettings(host="127.0.0.1", port=1), NATIVE)
    source.start()
    until(lambda: "cannot reach 127.0.0.1:1" in source.link().words)
    assert not source.link().connected
    source.stop()

"""The same kills against what many build first: a subscriber that acknowledges by itself.

``python -m ordeal.baseline --port P --database FILE`` is that subscriber: paho with its defaults
(it acknowledges what arrives before anybody has it), a persistent session at QoS 1, a
row and a commit for each message, on mosquitto with its defaults. The row plays a
publisher that believes a PUBACK, kills both as the Ordeal kills hub and broker, and
compares the PUBACKs with the rows. It is no verdict on Tocsin: it is what to read it by.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as paho
from brokers import mosquitto_program
from paho.mqtt.enums import CallbackAPIVersion

from hub.demo.processes import Program, wait_for_port
from hub.ports import free_port
from ordeal.programs import with_tests
from ordeal.strikes import Strike, plan_strikes
from ordeal.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordeal.verdict import Given

TOPIC: Final = "baseline/obs"
CONFIG: Final = "listener {port} 127.0.0.1\nallow_anonymous true\n"  # all else by default
RATE_S: Final = 0.002  # as many a second as the city's nodes send
AROUND_S: Final = 12.0
EVERY_S: Final = {"subscriber": 12.0, "broker": 24.0}  # as often as hub and broker
APART_S: Final = 0.5  # the broker is killed so long after a subscriber that is down: one machine
SETTLE_S: Final = 6.0


class Publisher:
    """Publishes a number every ``RATE_S`` and remembers which ones the broker acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: set[int] = set()
        self._numbers: dict[int, int] = {}
        self._early: set[int] = set()
        self._lock = threading.Lock()
        self._next = 0
        client = paho.Client(CallbackAPIVersion.VERSION2, client_id="node")
        client.on_publish = self._published
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client

    def step(self) -> None:
        """Publish one more."""
        if not self._client.is_connected():
            return
        number, self._next = self._next, self._next + 1
        # Not under the lock: paho calls _published while it holds what publish() waits for.
        said = self._client.publish(TOPIC, json.dumps({"n": number, "r": 4.2}), qos=1)
        with self._lock:
            if said.mid in self._early:
                self._early.discard(said.mid)
                self.acknowledged.add(number)
            else:
                self._numbers[said.mid] = number

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()

    def _published(self, _c: Any, _u: Any, mid: int, _r: Any, _p: Any) -> None:  # noqa: ANN401
        with self._lock:
            number = self._numbers.pop(mid, None)
            if number is None:
                self._early.add(mid)  # faster than step() could note it
            else:
                self.acknowledged.add(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The row: ``passed`` says that the comparison was made, not that nothing was lost."""

    name: str = "baseline"
    number: int = 1
    fault: str = "for comparison: an auto-acknowledging subscriber on stock mosquitto, killed alike"
    required: str = "nothing: it shows what the same kills do to a usual design"
    weight: float = 1.0

    def __call__(self, given: Given) -> Verdict:
        """Play it and say what it lost."""
        mosquitto = mosquitto_program()
        if mosquitto is None:
            reason = "mosquitto: not proven here, it is not on PATH"
            return Verdict(figure="", passed=False, skipped=reason)
        span_s = max(given.seconds - AROUND_S, 20.0)
        with ExitStack() as stack:
            acknowledged, stored, blows = play(stack, given, mosquitto, span_s)
        lost = len(acknowledged - stored)
        figure = (
            f"{lost:,} of {len(acknowledged):,} acknowledged lost "
            f"({blows['subscriber']} kills of the subscriber alone, "
            f"{blows['broker']} of it and its broker)"
        )
        numbers = {"baseline_acknowledged": float(len(acknowledged)), "baseline_lost": float(lost)}
        return Verdict(figure=figure, passed=bool(acknowledged), numbers=numbers)


def play(
    stack: ExitStack, given: Given, mosquitto: str, span_s: float
) -> tuple[set[int], set[int], Counter[str]]:
    """Kill by plan; return (acknowledged, stored, kills)."""
    port, database = free_port(), given.folder / "baseline.db"
    config = given.folder / "mosquitto.conf"
    config.write_text(CONFIG.format(port=port), "utf-8")
    broker = program(given, "broker", mosquitto, "-c", str(config))
    command = (sys.executable, "-m", "ordeal.baseline", "--port", str(port))
    subscriber = program(given, "subscriber", *command, "--database", str(database))
    programs = {"broker": broker, "subscriber": subscriber}
    for one in programs.values():
        stack.callback(one.kill)
    broker.start()
    wait_for_port(port, broker)
    subscriber.start()
    wait_for_rows(subscriber, database)
    publisher = Publisher(port)
    stack.callback(publisher.close)
    dice = random.Random(given.seed)  # noqa: S311  chance, no secret
    counts = {kind: max(round(span_s / every_s), 1) for kind, every_s in EVERY_S.items()}
    strikes = plan_strikes(dice, counts, 3.0, span_s, down_s=(0.1, 1.5))
    began = time.monotonic()
    for strike in strikes:
        carry_out(strike, programs, publisher, began)
    settled = time.monotonic() + SETTLE_S
    while time.monotonic() < settled:
        time.sleep(RATE_S)
    return publisher.acknowledged, rows_of(database), Counter(strike.kind for strike in strikes)


def carry_out(
    strike: Strike, programs: dict[str, Program], publisher: Publisher, began: float
) -> None:
    """Publish until the blow is due, kill, and start again after a while; never stop publishing.

    A blow at the broker hits a machine that is going down: the subscriber fell just before.
    """
    flow(publisher, began + strike.at_s)
    programs["subscriber"].kill()
    if strike.kind == "broker":
        flow(publisher, time.monotonic() + APART_S)
        programs["broker"].kill()
    flow(publisher, time.monotonic() + strike.down_s)
    if strike.kind == "broker":
        programs["broker"].start()
    programs["subscriber"].start()


def flow(publisher: Publisher, until: float) -> None:
    """Publish on until ``until``."""
    while time.monotonic() < until:
        publisher.step()
        time.sleep(RATE_S)


def program(given: Given, name: str, *command: str) -> Program:
    """Return a program whose words go to NAME.log."""
    log = given.folder / f"{name}.log"
    return Program(name=name, command=command, log=log, environment=with_tests())


def wait_for_rows(subscriber: Program, database: Path, limit_s: float = 20.0) -> None:
    """Return when the subscriber has subscribed."""
    until = time.monotonic() + limit_s
    while "subscribed" not in subscriber.last_words():
        assert time.monotonic() < until, subscriber.last_words()
        time.sleep(0.05)
    assert database.exists()


def rows_of(database: Path) -> set[int]:
    """Return the numbers that were stored."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return {number for (number,) in connection.execute("SELECT n FROM observation")}


def subscribe(port: int, database: Path) -> None:
    """Be the subscriber until SIGTERM."""
    connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    connection.execute("CREATE TABLE IF NOT EXISTS observation (n INTEGER, r REAL)")

    def arrived(_c: Any, _u: Any, message: paho.MQTTMessage) -> None:  # noqa: ANN401
        said = json.loads(message.payload)
        connection.execute("INSERT INTO observation VALUES (?, ?)", (said["n"], said["r"]))

    def connected(client: Any, *_: Any) -> None:  # noqa: ANN401
        client.subscribe(TOPIC, qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="baseline", clean_session=False)
    client.on_message, client.on_connect = arrived, connected
    client.on_subscribe = lambda *_: print("subscribed", flush=True)  # noqa: T201
    client.reconnect_delay_set(1, 1)
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    client.disconnect()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subscriber."""
    parser = argparse.ArgumentParser(prog="python -m ordeal.baseline", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", type=Path, required=True)
    args = parser.parse_args(argv)
    subscribe(args.port, args.database)
    return 0


BASELINE: Final = Baseline()

if __name__ == "__main__":
    sys.exit(main())
